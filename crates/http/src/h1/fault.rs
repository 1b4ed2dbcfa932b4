//! What a response can be refused for.

/// Why a response cannot be read on. Every fault ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first bytes are not `HTTP/`: another protocol, HTTP/0.9, `ICY`.
    #[error("the response does not begin with HTTP/")]
    NotHttp,
    /// A version other than 1.x. Nothing else is framed like this (RFC 9112 section 2.3).
    #[error("the response has a version other than HTTP/1.x")]
    UnsupportedVersion,
    /// No status code of three digits from 100 on (RFC 9112 section 4).
    #[error("the status line has no valid status code")]
    BadStatus,
    /// A NUL or a CR that does not end a line (RFC 9110 section 5.5, RFC 9112 section 2.2).
    #[error("the head contains a NUL or a CR inside a line")]
    ControlInHead,
    /// Larger than [`Limits::head_bytes_max`](super::Limits::head_bytes_max).
    #[error("the head is too large")]
    HeadTooLarge,
    /// More lines than [`Limits::fields_max`](super::Limits::fields_max).
    #[error("the head has too many fields")]
    TooManyFields,
    /// `Content-Length` is not a number, overflows 64 bits or contradicts itself (RFC 9112 section 6.3, rule 5).
    #[error("Content-Length is invalid or contradictory")]
    BadContentLength,
    /// `Transfer-Encoding` is malformed, or applies another coding after `chunked` (RFC 9112 sections 6.1 and 7).
    #[error("Transfer-Encoding is invalid")]
    BadTransferEncoding,
    /// A malformed line that another recipient could take for `Content-Length` or `Transfer-Encoding`; or, where only the
    /// close ends the body, a line without a colon that may be the first of the body.
    #[error("a malformed line in the head makes the extent of the body ambiguous")]
    AmbiguousFraming,
    /// 101 (Switching Protocols) to a request without `Upgrade` (RFC 9110 section 15.2.2).
    #[error("the peer switched protocols unasked")]
    UnaskedUpgrade,
    /// More than [`Limits::interim_responses_max`](super::Limits::interim_responses_max).
    #[error("the peer sent too many interim responses")]
    TooManyInterim,
    /// A chunk size that is no hexadecimal number of at most 64 bits, or a malformed line end (RFC 9112 section 7.1).
    #[error("a chunk size is invalid")]
    BadChunkSize,
    /// No line end after the data of a chunk.
    #[error("a chunk does not end where it was said to end")]
    BadChunkEnd,
    /// Chunk lines beyond their limits (RFC 9112 section 7.1.1).
    #[error("the chunk extensions are too large")]
    ChunkExtensionsTooLarge,
    /// A malformed trailer section, or one beyond its limits (RFC 9112 section 7.1.2).
    #[error("the trailer section is invalid or too large")]
    BadTrailers,
    /// `chunked` was named twice and applied twice (RFC 9112 section 6.1 forbids that).
    #[error("the chunked coding was applied twice")]
    ChunkedTwice,
    /// The connection was closed without a byte of a response.
    #[error("the connection was closed before the head")]
    ClosedBeforeHead,
    /// The connection was closed before the final head was complete.
    #[error("the connection was closed in the head")]
    ClosedInHead,
    /// The connection was closed before the body was complete (RFC 9112 section 8).
    #[error("the connection was closed in the body")]
    ClosedInBody,
}

impl Fault {
    /// Whether the peer stopped, rather than said something wrong: asking again may bring the rest.
    pub const fn is_early_close(self) -> bool {
        matches!(self, Self::ClosedBeforeHead | Self::ClosedInHead | Self::ClosedInBody)
    }
}
