//! The faults that a server can inject into a response.

use std::fmt;

/// One fault of one response.
///
/// The enum is exhaustive on purpose: a test that matches on it must not compile when a kind is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InjectedFault {
    /// The connection is reset after the request was read, before the first byte of a response.
    ResetBeforeHead,
    /// The connection is reset within the body.
    ResetInBody,
    /// The connection is closed in order within the body, before the announced length.
    FinInBody,
    /// No byte of a response is sent; after [`Options::stall`](crate::Options::stall) the connection is closed.
    StallBeforeHead,
    /// The body stops, and after [`Options::stall`](crate::Options::stall) the connection is closed.
    StallInBody,
    /// The body is sent at one byte per second, for at most [`Options::stall`](crate::Options::stall); then the connection is
    /// closed.
    Drip,
    /// `500 Internal Server Error`.
    Status500,
    /// `503 Service Unavailable`, without a `Retry-After`.
    Status503,
    /// `429 Too Many Requests` with a `Retry-After` of this many seconds.
    Status429RetryAfter(u32),
    /// The whole body in chunked coding, and a close instead of the last chunk (RFC 9112 section 8).
    CutChunkedBody,
    /// A `Content-Length` larger than the body, which is sent whole and followed by an orderly close.
    BadLength,
    /// `404 Not Found`. Drawn by path and not by attempt: see [`FaultMix::with`](crate::FaultMix::with).
    NotFound,
}

impl InjectedFault {
    /// The name in kebab case, whatever the parameters are.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResetBeforeHead => "reset-before-head",
            Self::ResetInBody => "reset-in-body",
            Self::FinInBody => "fin-in-body",
            Self::StallBeforeHead => "stall-before-head",
            Self::StallInBody => "stall-in-body",
            Self::Drip => "drip",
            Self::Status500 => "status-500",
            Self::Status503 => "status-503",
            Self::Status429RetryAfter(_) => "status-429",
            Self::CutChunkedBody => "cut-chunked-body",
            Self::BadLength => "bad-length",
            Self::NotFound => "not-found",
        }
    }

    /// Whether the fault strikes within the body, so that a response without one (to a `HEAD`, a `304`, an empty file) does not
    /// meet it.
    pub const fn needs_body(self) -> bool {
        matches!(
            self,
            Self::ResetInBody
                | Self::FinInBody
                | Self::StallInBody
                | Self::Drip
                | Self::CutChunkedBody
                | Self::BadLength
        )
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
