//! The right answer to a request, as a value: what a host without faults would send.
//!
//! Conditions, ranges and statuses are those of RFC 9110 sections 13 to 15.

use std::fmt::{self, Display};
use std::io::Write;
use std::ops::Range;
use std::time::SystemTime;

use super::request::{Method, Request};
use super::status::Status;
use crate::range::Selection;
use crate::{Content, Site};

/// A status, its fields, and the body with its framing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    fields: Vec<(&'static str, String)>,
    pub(crate) framing: Framing,
    pub(crate) body: Body,
}

/// How the end of the body is marked (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By the status: there is none, and no field speaks of it.
    Bodiless,
    /// By a `Content-Length` in bytes, true or not.
    Length(u64),
    Chunked,
    UntilClose,
}

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Nothing,
    Note(&'static str),
    Part(Content, Range<u64>),
}

impl Body {
    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Note(text) => text.len() as u64,
            Self::Part(_, range) => range.end - range.start,
        }
    }

    /// Appends the bytes at these offsets of the body, which must lie within it.
    pub(crate) fn append(&self, offsets: Range<u64>, output: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::Note(text) => {
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

/// Offsets inside a piece that lies in memory.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Answer {
    /// A status with a short text as its body.
    pub(crate) fn note(status: Status, method: Method) -> Self {
        let text = status.reason();
        let mut answer = Self {
            status,
            fields: vec![("Content-Type", "text/plain".to_owned())],
            framing: Framing::Length(text.len() as u64),
            body: Body::Note(text),
        };
        if method == Method::Head {
            answer.body = Body::Nothing;
        }
        answer
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// What `site` answers.
    pub(crate) fn to(request: &Request, site: &Site) -> Self {
        if request.method == Method::Other {
            return Self::note(Status::MethodNotAllowed, request.method).with("Allow", "GET, HEAD");
        }
        if let Some(location) = request.target.redirect() {
            return Self::note(Status::Found, request.method).with("Location", location);
        }
        if !site.exists(request.target.path()) {
            return Self::note(Status::NotFound, request.method);
        }
        let content = site.content_of(&request.target);
        if is_not_modified(request, &content) {
            return Self::of(Status::NotModified, &content, Framing::Bodiless, Body::Nothing);
        }
        match selection(request, &content) {
            Selection::Unsatisfiable => Self::note(Status::RangeNotSatisfiable, request.method)
                .with("Content-Range", format_args!("bytes */{}", content.len())),
            Selection::Whole => Self::file(Status::Ok, request, content, 0..content.len()),
            Selection::Part(range) => {
                let described = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len());
                Self::file(Status::PartialContent, request, content, range).with("Content-Range", described)
            }
        }
    }

    fn file(status: Status, request: &Request, content: Content, range: Range<u64>) -> Self {
        let chunked = request.target.chunked();
        let framing = if request.target.until_close() || (chunked && !request.is_http_1_1) {
            // HTTP/1.0 knows no chunks (RFC 9112 section 6.1).
            Framing::UntilClose
        } else if chunked {
            Framing::Chunked
        } else {
            Framing::Length(range.end - range.start)
        };
        let body = if request.method == Method::Head { Body::Nothing } else { Body::Part(content, range) };
        Self::of(status, &content, framing, body)
            .with("Content-Type", "application/octet-stream")
            .with("Accept-Ranges", "bytes")
    }

    fn of(status: Status, content: &Content, framing: Framing, body: Body) -> Self {
        Self { status, fields: Vec::new(), framing, body }
            .with("ETag", content.etag())
            .with("Last-Modified", httpdate::fmt_http_date(content.last_modified()))
    }

    /// Appends the head, with its empty line.
    pub(crate) fn append_head(&self, date: SystemTime, closes: bool, output: &mut Vec<u8>) {
        let mut line = |text: fmt::Arguments<'_>| {
            output.write_fmt(text).expect("a Vec takes all that is written to it");
            output.extend_from_slice(b"\r\n");
        };
        line(format_args!("HTTP/1.1 {} {}", self.status.code(), self.status.reason()));
        line(format_args!("Date: {}", httpdate::HttpDate::from(date)));
        for (name, value) in &self.fields {
            line(format_args!("{name}: {value}"));
        }
        match self.framing {
            Framing::Length(bytes) => line(format_args!("Content-Length: {bytes}")),
            Framing::Chunked => line(format_args!("Transfer-Encoding: chunked")),
            Framing::Bodiless | Framing::UntilClose => {}
        }
        if closes {
            line(format_args!("Connection: close"));
        }
        line(format_args!(""));
    }
}

/// RFC 9110 section 13.2.2, steps 3 and 4: the entity tag, where given, decides alone.
fn is_not_modified(request: &Request, content: &Content) -> bool {
    if let Some(field) = &request.if_none_match {
        let etag = content.etag();
        let names_it = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
        return field.split(',').any(|tag| names_it(tag.trim()));
    }
    let since = request.if_modified_since.as_deref().and_then(|date| httpdate::parse_http_date(date).ok());
    since.is_some_and(|since| content.last_modified() <= since)
}

/// RFC 9110 sections 13.1.5 and 14.2: a range counts for `GET` only, and only while the content is the one
/// that is meant.
fn selection(request: &Request, content: &Content) -> Selection {
    let Some(range) = request.range.as_deref().filter(|_| request.method == Method::Get) else {
        return Selection::Whole;
    };
    let is_meant = request.if_range.as_deref().is_none_or(|validator| {
        let is_its_date = |date| date == content.last_modified();
        validator == content.etag() || httpdate::parse_http_date(validator).is_ok_and(is_its_date)
    });
    if is_meant { Selection::parse(range, content.len()) } else { Selection::Whole }
}
