//! The ways in which an answer can go wrong.

use std::fmt;

/// One way to misbehave, on one request.
///
/// The set is exhaustive on purpose: a test that matches on it must be told when a new kind appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InjectedFault {
    /// The connection is reset once the request has been read, before the first byte of an answer.
    ResetBeforeHead,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// The connection is closed in order in the middle of the body: the length is announced and not kept.
    FinInBody,
    /// No byte of an answer comes; after [`Options::stall`](crate::Options::stall) the connection is closed.
    StallBeforeHead,
    /// The body stops in the middle, and after [`Options::stall`](crate::Options::stall) comes a close.
    StallInBody,
    /// The body comes at one byte a second, for at most [`Options::stall`](crate::Options::stall); then the
    /// connection is closed.
    Drip,
    /// `500 Internal Server Error`.
    Status500,
    /// `503 Service Unavailable`, without a `Retry-After`.
    Status503,
    /// `429 Too Many Requests` with a `Retry-After` of so many seconds.
    Status429RetryAfter(u32),
    /// The whole body in chunked coding, but the connection is closed instead of the last chunk (RFC 9112
    /// section 8).
    CutChunkedBody,
    /// A `Content-Length` larger than the body, which is sent whole and followed by a close in order.
    BadLength,
    /// `404 Not Found`. Drawn by path and not by attempt: see [`FaultMix::with`](crate::FaultMix::with).
    NotFound,
}

impl InjectedFault {
    /// The name in kebab case, the same for all parameters.
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

    /// Whether the fault strikes in the body, so that an answer without one (to a `HEAD`, a `304`, an empty
    /// file) escapes it.
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
