//! The correct response to a request, as a value: what a server without faults would send.
//!
//! Conditions, ranges and statuses are those of RFC 9110 sections 13 to 15.

use std::fmt::Display;
use std::ops::Range;
use std::time::SystemTime;

use super::content::Content;
use super::site::Site;
use super::target::Target;
use crate::http1::{ConnectionOption, Method, RequestHead, ResponseFraming, ResponseHead, Selection, Status};

/// A request, and what its target means to a site.
#[derive(Debug)]
pub(crate) struct SeededRequest {
    pub(crate) head: RequestHead,
    pub(crate) target: Target,
}

impl SeededRequest {
    pub(crate) fn new(head: RequestHead) -> Self {
        let target = Target::parse(head.path_and_query());
        Self { head, target }
    }

    /// Whether no further request can follow on this connection. The body of a request is never read, so where a next
    /// request begins is unknown.
    pub(crate) fn is_last(&self) -> bool {
        !self.head.is_http_1_1() || self.head.closes() || self.head.has_body()
    }
}

/// A status, its fields, and the body with its framing.
#[derive(Debug)]
pub(crate) struct SeededResponse {
    pub(crate) status: Status,
    fields: Vec<(&'static str, String)>,
    pub(crate) framing: ResponseFraming,
    pub(crate) body: Body,
}

/// Where the bytes of a body come from.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Nothing,
    Text(&'static str),
    Part(Content, Range<u64>),
}

impl Body {
    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Text(text) => text.len() as u64,
            Self::Part(_, range) => range.end - range.start,
        }
    }

    /// Appends the bytes at these offsets of the body, which must lie within it.
    pub(crate) fn append(&self, offsets: Range<u64>, output: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::Text(text) => {
                let wanted =
                    text.bytes().skip(to_usize(offsets.start)).take(to_usize(offsets.end - offsets.start));
                output.extend(wanted);
            }
            Self::Part(content, range) => {
                let begin = output.len();
                output.resize(begin + to_usize(offsets.end - offsets.start), 0);
                content.fill(range.start + offsets.start, &mut output[begin..]);
            }
        }
    }
}

/// An offset within a piece that is in memory.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl SeededResponse {
    /// A status with its reason phrase as the body.
    pub(crate) fn of_status(status: Status, method: Method) -> Self {
        let text = status.reason();
        let mut response = Self {
            status,
            fields: vec![("Content-Type", "text/plain".to_owned())],
            framing: ResponseFraming::Length(text.len() as u64),
            body: Body::Text(text),
        };
        if method == Method::Head {
            response.body = Body::Nothing;
        }
        response
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// The response of `site`.
    pub(crate) fn to(request: &SeededRequest, site: &Site) -> Self {
        let method = request.head.method();
        if !matches!(method, Method::Get | Method::Head) {
            return Self::of_status(Status::MethodNotAllowed, method).with("Allow", "GET, HEAD");
        }
        if let Some(location) = request.target.redirect() {
            return Self::of_status(Status::Found, method).with("Location", location);
        }
        if !site.exists(request.target.path()) {
            return Self::of_status(Status::NotFound, method);
        }
        let content = site.content_of(&request.target);
        if is_not_modified(&request.head, &content) {
            return Self::of(Status::NotModified, &content, ResponseFraming::Bodiless, Body::Nothing);
        }
        match selection(&request.head, &content) {
            Selection::Unsatisfiable => Self::of_status(Status::RangeNotSatisfiable, method)
                .with("Content-Range", format_args!("bytes */{}", content.len())),
            Selection::Whole => Self::file(Status::Ok, request, content, 0..content.len()),
            Selection::Part(range) => {
                let described = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len());
                Self::file(Status::PartialContent, request, content, range).with("Content-Range", described)
            }
        }
    }

    fn file(status: Status, request: &SeededRequest, content: Content, range: Range<u64>) -> Self {
        let chunked = request.target.chunked();
        let framing = if request.target.until_close() || (chunked && !request.head.is_http_1_1()) {
            // HTTP/1.0 has no chunked coding (RFC 9112 section 6.1).
            ResponseFraming::UntilClose
        } else if chunked {
            ResponseFraming::Chunked
        } else {
            ResponseFraming::Length(range.end - range.start)
        };
        let body =
            if request.head.method() == Method::Head { Body::Nothing } else { Body::Part(content, range) };
        Self::of(status, &content, framing, body)
            .with("Content-Type", "application/octet-stream")
            .with("Accept-Ranges", "bytes")
    }

    fn of(status: Status, content: &Content, framing: ResponseFraming, body: Body) -> Self {
        Self { status, fields: Vec::new(), framing, body }
            .with("ETag", content.etag())
            .with("Last-Modified", httpdate::fmt_http_date(content.last_modified()))
    }

    /// Appends the head, with its empty line.
    pub(crate) fn append_head(&self, date: SystemTime, closes: bool, output: &mut Vec<u8>) {
        let connection = if closes { ConnectionOption::Close } else { ConnectionOption::Unsaid };
        let Self { status, ref fields, framing, .. } = *self;
        ResponseHead { status, date, fields, framing, connection }.append_to(output);
    }
}

/// RFC 9110 section 13.2.2, steps 3 and 4: an entity tag, where there is one, decides alone.
fn is_not_modified(request: &RequestHead, content: &Content) -> bool {
    if let Some(tags) = request.list("if-none-match") {
        let etag = content.etag();
        let names_it = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
        return tags.split(',').any(|tag| names_it(tag.trim()));
    }
    let since = request.field("if-modified-since").and_then(|date| httpdate::parse_http_date(date).ok());
    since.is_some_and(|since| content.last_modified() <= since)
}

/// RFC 9110 sections 13.1.5 and 14.2: a range applies to `GET` only, and only if the content is the one that the client
/// means.
fn selection(request: &RequestHead, content: &Content) -> Selection {
    let Some(range) = request.field("range").filter(|_| request.method() == Method::Get) else {
        return Selection::Whole;
    };
    let is_same_content = request.field("if-range").is_none_or(|validator| {
        let is_its_date = |date| date == content.last_modified();
        validator == content.etag() || httpdate::parse_http_date(validator).is_ok_and(is_its_date)
    });
    if is_same_content { Selection::parse(range, content.len()) } else { Selection::Whole }
}
