//! The head of a response, as bytes.

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use super::status::Status;

/// How the client finds the end of the body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// The status allows no body, and no field announces one.
    Bodiless,
    /// A `Content-Length` in bytes. A hostile server may send another number of bytes.
    Length(u64),
    Chunked,
    UntilClose,
}

/// The value of the `Connection` field (RFC 9112 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionOption {
    /// Nothing: an HTTP/1.1 connection persists.
    Unsaid,
    /// `keep-alive`, which an HTTP/1.0 client needs to reuse the connection.
    KeepAlive,
    Close,
}

/// Everything before the body of a response.
#[derive(Debug)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) status: Status,
    pub(crate) date: SystemTime,
    pub(crate) fields: &'a [(&'static str, String)],
    pub(crate) framing: ResponseFraming,
    pub(crate) connection: ConnectionOption,
}

impl ResponseHead<'_> {
    /// Appends the status line, the fields and the empty line to `output`.
    pub(crate) fn append_to(&self, output: &mut Vec<u8>) {
        let mut line = |text: fmt::Arguments<'_>| {
            output.write_fmt(text).expect("writing to a Vec does not fail");
            output.extend_from_slice(b"\r\n");
        };
        line(format_args!("HTTP/1.1 {}", self.status));
        line(format_args!("Date: {}", httpdate::HttpDate::from(self.date)));
        for (name, value) in self.fields {
            line(format_args!("{name}: {value}"));
        }
        match self.framing {
            ResponseFraming::Length(bytes) => line(format_args!("Content-Length: {bytes}")),
            ResponseFraming::Chunked => line(format_args!("Transfer-Encoding: chunked")),
            ResponseFraming::Bodiless | ResponseFraming::UntilClose => {}
        }
        match self.connection {
            ConnectionOption::Unsaid => {}
            ConnectionOption::KeepAlive => line(format_args!("Connection: keep-alive")),
            ConnectionOption::Close => line(format_args!("Connection: close")),
        }
        line(format_args!(""));
    }
}
