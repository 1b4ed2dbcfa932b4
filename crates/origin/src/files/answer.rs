//! From a request to its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED,
    LOCATION,
};
use hyper::{Method, Request, Response, StatusCode};
use longhaul_socket::clock::WallClock;
use rustix::io::Errno;

use super::beneath::Blocking;
use super::body::{Body, CHUNK_BYTES_MAX};
use super::conditions::{Precondition, Validators, evaluate};
use super::file::File;
use super::folder::{Folder, FolderEntry};
use super::host_field;
use super::listing;
use super::media_type::media_type;
use super::request_path::RequestPath;
use crate::service::guard::Answering;

/// What is shown for a directory, if it is there.
const INDEX: &[u8] = b"index.html";
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The last second that a date in HTTP can name.
const DATE_UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// Answers one request. Every request has an answer.
pub(super) async fn answer<B>(
    folder: &Arc<Folder>,
    clock: WallClock,
    request: &Request<B>,
    answering: Answering,
) -> Response<Body> {
    if !host_field::is_valid(request) {
        return note(StatusCode::BAD_REQUEST, answering);
    }
    let is_get = match *request.method() {
        Method::GET => true,
        Method::HEAD => false,
        _ => {
            let mut refusal = note(StatusCode::METHOD_NOT_ALLOWED, answering);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
    };
    let Some(path) = RequestPath::parse(request.uri().path()) else {
        return note(StatusCode::NOT_FOUND, answering);
    };
    match find(folder, &path).await {
        Ok(Target::File { file, media_type }) => {
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(clock.unix_ms().min(DATE_UNIX_MS_MAX));
            let asked = Asked { request, is_get, now };
            of_file(asked, file, media_type, answering).await
        }
        Ok(Target::Page(page)) => {
            let mut answer = Response::new(Body::bytes(page.into(), answering));
            answer.headers_mut().insert(CONTENT_TYPE, HTML);
            answer
        }
        Ok(Target::Elsewhere) => {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            // The path as it was sent: it has been understood, so it begins with one slash and names no other host.
            let location = HeaderValue::try_from(format!("{}/{query}", request.uri().path()));
            let mut answer = note(StatusCode::MOVED_PERMANENTLY, answering);
            if let Ok(location) = location {
                answer.headers_mut().insert(LOCATION, location);
            }
            answer
        }
        Err(error) => note(status_of(error), answering),
    }
}

/// What is to be sent for a path.
enum Target {
    File {
        file: File,
        media_type: &'static str,
    },
    Page(String),
    /// It is a directory, and its address ends with a slash, so that what is in it can be named from within.
    Elsewhere,
}

async fn find(folder: &Arc<Folder>, path: &RequestPath) -> Result<Target, Errno> {
    match look_up(folder, path, Blocking::Now) {
        // What the system has to look for on the disk is waited for where that disturbs nobody.
        Err(Errno::AGAIN) => {
            let (folder, path) = (Arc::clone(folder), path.clone());
            let looked_up = tokio::task::spawn_blocking(move || look_up(&folder, &path, Blocking::Wait));
            looked_up.await.unwrap_or(Err(Errno::IO))
        }
        found => found,
    }
}

fn look_up(folder: &Folder, path: &RequestPath, blocking: Blocking) -> Result<Target, Errno> {
    match folder.find(path.name(), blocking)? {
        FolderEntry::File(_) if path.is_directory() => Err(Errno::NOTDIR),
        FolderEntry::File(file) => Ok(Target::File { file, media_type: media_type(path.name()) }),
        FolderEntry::Directory(_) if !path.is_directory() => Ok(Target::Elsewhere),
        FolderEntry::Directory(directory) => match folder.find(&path.join(INDEX), blocking) {
            Ok(FolderEntry::File(file)) => Ok(Target::File { file, media_type: media_type(INDEX) }),
            Err(Errno::AGAIN) => Err(Errno::AGAIN),
            // A page takes as many calls as there are entries.
            _ if blocking == Blocking::Now => Err(Errno::AGAIN),
            _ => listing::page(folder, path, directory).map(Target::Page),
        },
    }
}

/// A request for a file, and when it came.
struct Asked<'a, B> {
    request: &'a Request<B>,
    is_get: bool,
    now: SystemTime,
}

async fn of_file<B>(
    Asked { request, is_get, now }: Asked<'_, B>,
    file: File,
    media_type: &'static str,
    answering: Answering,
) -> Response<Body> {
    let version = file.version();
    let len = version.len();
    let tag = version.entity_tag(now);
    // A date that lies in the future is not given (RFC 9110 section 8.8.2.1).
    let modified = version.modified().filter(|modified| *modified <= now);
    let validators = Validators { entity_tag: &tag, modified };
    let precondition = evaluate(request.headers(), is_get, validators, len, now);

    let (status, range) = match precondition {
        Precondition::Whole => (StatusCode::OK, 0..len),
        Precondition::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Precondition::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
        Precondition::Failed => return note(StatusCode::PRECONDITION_FAILED, answering),
        Precondition::Unsatisfiable => {
            let mut refusal = note(StatusCode::RANGE_NOT_SATISFIABLE, answering);
            if let Ok(all) = HeaderValue::try_from(format!("bytes */{len}")) {
                refusal.headers_mut().insert(CONTENT_RANGE, all);
            }
            return refusal;
        }
    };
    let body = if is_get && range.start < range.end {
        match body(file, range.start, range.end, answering).await {
            Ok(body) => body,
            Err((error, answering)) => return note(status_of(error), answering),
        }
    } else {
        Body::bytes(Bytes::new(), answering)
    };

    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.reserve(6);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        fields.insert(ETAG, tag);
    }
    if let Some(modified) = modified
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(modified))
    {
        fields.insert(LAST_MODIFIED, date);
    }
    if status == StatusCode::NOT_MODIFIED {
        return answer;
    }
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(part) = HeaderValue::try_from(format!("bytes {}-{}/{len}", range.start, range.end - 1))
    {
        fields.insert(CONTENT_RANGE, part);
    }
    answer
}

/// What is short is read before the answer begins, so that an error of the disk has a status of its own.
async fn body(file: File, begin: u64, end: u64, answering: Answering) -> Result<Body, (Errno, Answering)> {
    let Some(len) = usize::try_from(end - begin).ok().filter(|len| *len <= CHUNK_BYTES_MAX) else {
        return Ok(Body::file(file, begin, end, answering));
    };
    let read = if let Some(read) = file.read_now(begin, len) {
        unchanged(read, &file)
    } else {
        let read = tokio::task::spawn_blocking(move || unchanged(file.read(begin, len), &file));
        read.await.unwrap_or(Err(Errno::IO))
    };
    match read {
        Ok(bytes) => Ok(Body::bytes(bytes, answering)),
        Err(error) => Err((error, answering)),
    }
}

/// What was read of a file, unless it has changed since it was opened: its next version is served to whoever asks again.
fn unchanged(read: Result<Bytes, Errno>, file: &File) -> Result<Bytes, Errno> {
    read.and_then(|bytes| if file.is_unchanged() { Ok(bytes) } else { Err(Errno::BUSY) })
}

/// An answer that consists of its status.
fn note(status: StatusCode, answering: Answering) -> Response<Body> {
    let text = format!("{status}\n");
    let mut answer = Response::new(Body::bytes(text.into(), answering));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

/// What a look-up that failed is answered with. Whatever lies outside of the folder is not there.
fn status_of(error: Errno) -> StatusCode {
    match error {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::NAMETOOLONG
        | Errno::LOOP
        | Errno::XDEV
        | Errno::INVAL
        | Errno::NXIO
        | Errno::NODEV => StatusCode::NOT_FOUND,
        Errno::ACCESS | Errno::PERM => StatusCode::FORBIDDEN,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::BUSY => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
