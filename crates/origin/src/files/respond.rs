//! From a request to its response.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use longhaul_socket::clock::WallClock;
use rustix::io::Errno;

use super::beneath::Blocking;
use super::body::{CHUNK_BYTES_MAX, FileSource};
use super::conditions::{Precondition, Validators, evaluate};
use super::file::File;
use super::folder::{Folder, FolderEntry};
use super::host_field;
use super::listing;
use super::media_type::media_type;
use super::request_path::RequestPath;
use crate::http_service::{HttpService, RequestBody, Response, ResponseBody};
use crate::http1::{Method, RequestHead, Status, http_date};

/// What is shown for a directory, if it exists.
const INDEX: &[u8] = b"index.html";

impl HttpService for Arc<Folder> {
    async fn respond(
        &self,
        request: &RequestHead,
        _body: &mut RequestBody<'_>,
        clock: WallClock,
    ) -> Response {
        if !host_field::is_valid(request) {
            return Response::of_status(Status::BadRequest);
        }
        let is_get = match request.method() {
            Method::Get => true,
            Method::Head => false,
            _ => return Response::of_status(Status::MethodNotAllowed).with("Allow", "GET, HEAD"),
        };
        let Some(path) = RequestPath::parse(request.path()) else {
            return Response::of_status(Status::NotFound);
        };
        match find(self, &path).await {
            Ok(Resource::File { file, media_type }) => {
                let request = FileRequest { head: request, is_get, now: http_date(clock) };
                of_file(request, file, media_type).await
            }
            Ok(Resource::Listing(page)) => Response::new(Status::Ok, ResponseBody::Bytes(page.into()))
                .with("Content-Type", "text/html; charset=utf-8"),
            Ok(Resource::AddSlash) => {
                let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
                // The path as it was sent. It was parsed, so it begins with exactly one slash and names no other host.
                Response::of_status(Status::MovedPermanently)
                    .with("Location", format_args!("{}/{query}", request.path()))
            }
            Err(error) => Response::of_status(status_of(error)),
        }
    }
}

/// What a path leads to.
enum Resource {
    File {
        file: File,
        media_type: &'static str,
    },
    Listing(String),
    /// The path of a directory without its last slash. With the slash, relative links in a page lead into the directory.
    AddSlash,
}

async fn find(folder: &Arc<Folder>, path: &RequestPath) -> Result<Resource, Errno> {
    match look_up(folder, path, Blocking::Now) {
        // A look-up that needs the disk runs on a thread where it delays nobody.
        Err(Errno::AGAIN) => {
            let (folder, path) = (Arc::clone(folder), path.clone());
            let looked_up = tokio::task::spawn_blocking(move || look_up(&folder, &path, Blocking::Wait));
            looked_up.await.unwrap_or(Err(Errno::IO))
        }
        found => found,
    }
}

fn look_up(folder: &Folder, path: &RequestPath, blocking: Blocking) -> Result<Resource, Errno> {
    match folder.find(path.name(), blocking)? {
        FolderEntry::File(_) if path.is_directory() => Err(Errno::NOTDIR),
        FolderEntry::File(file) => Ok(Resource::File { file, media_type: media_type(path.name()) }),
        FolderEntry::Directory(_) if !path.is_directory() => Ok(Resource::AddSlash),
        FolderEntry::Directory(directory) => match folder.find(&path.join(INDEX), blocking) {
            Ok(FolderEntry::File(file)) => Ok(Resource::File { file, media_type: media_type(INDEX) }),
            Err(Errno::AGAIN) => Err(Errno::AGAIN),
            // A listing takes as many system calls as there are entries.
            _ if blocking == Blocking::Now => Err(Errno::AGAIN),
            _ => listing::page(folder, path, directory).map(Resource::Listing),
        },
    }
}

/// A request for a file, and when it came.
struct FileRequest<'a> {
    head: &'a RequestHead,
    is_get: bool,
    now: SystemTime,
}

async fn of_file(request: FileRequest<'_>, file: File, media_type: &'static str) -> Response {
    let FileRequest { head, is_get, now } = request;
    let version = file.version();
    let len = version.len();
    let tag = version.entity_tag(now);
    // A date in the future is not sent (RFC 9110 section 8.8.2.1).
    let modified = version.modified().filter(|modified| *modified <= now);
    let validators = Validators { entity_tag: &tag, modified };
    let (status, range) = match evaluate(head, is_get, validators, len, now) {
        Precondition::Whole => (Status::Ok, 0..len),
        Precondition::Part(range) => (Status::PartialContent, range),
        Precondition::NotModified => (Status::NotModified, 0..0),
        Precondition::Failed => return Response::of_status(Status::PreconditionFailed),
        Precondition::Unsatisfiable => {
            return Response::of_status(Status::RangeNotSatisfiable)
                .with("Content-Range", format_args!("bytes */{len}"));
        }
    };
    let body = if is_get {
        match body(file, range.start, range.end).await {
            Ok(body) => body,
            Err(error) => return Response::of_status(status_of(error)),
        }
    } else {
        ResponseBody::LengthOnly(range.end - range.start)
    };
    let mut response = Response::new(status, body).with("ETag", tag);
    if let Some(modified) = modified {
        response = response.with("Last-Modified", httpdate::fmt_http_date(modified));
    }
    match status {
        Status::NotModified => return response,
        Status::PartialContent => {
            let part = format_args!("bytes {}-{}/{len}", range.start, range.end - 1);
            response = response.with("Content-Range", part);
        }
        _ => {}
    }
    response.with("Accept-Ranges", "bytes").with("Content-Type", media_type)
}

/// A short body is read before the response begins, so that an error of the disk has a status of its own.
async fn body(file: File, begin: u64, end: u64) -> Result<ResponseBody, Errno> {
    let Some(len) = usize::try_from(end - begin).ok().filter(|len| *len <= CHUNK_BYTES_MAX) else {
        return Ok(ResponseBody::Source(Box::new(FileSource::new(file, begin, end))));
    };
    if len == 0 {
        return Ok(ResponseBody::Bytes(Bytes::new()));
    }
    let read = if let Some(read) = file.read_now(begin, len) {
        unchanged(read, &file)
    } else {
        let read = tokio::task::spawn_blocking(move || unchanged(file.read(begin, len), &file));
        read.await.unwrap_or(Err(Errno::IO))
    };
    read.map(ResponseBody::Bytes)
}

/// What was read of a file, unless the file has changed since it was opened: the next request gets the new version.
fn unchanged(read: Result<Bytes, Errno>, file: &File) -> Result<Bytes, Errno> {
    read.and_then(|bytes| if file.is_unchanged() { Ok(bytes) } else { Err(Errno::BUSY) })
}

/// The status for a failed look-up. Whatever lies outside of the folder does not exist.
fn status_of(error: Errno) -> Status {
    match error {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::NAMETOOLONG
        | Errno::LOOP
        | Errno::XDEV
        | Errno::INVAL
        | Errno::NXIO
        | Errno::NODEV => Status::NotFound,
        Errno::ACCESS | Errno::PERM => Status::Forbidden,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::BUSY => Status::ServiceUnavailable,
        _ => Status::InternalServerError,
    }
}
