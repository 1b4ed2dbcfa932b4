//! Why bytes are not a request.

use thiserror::Error;

use super::status::Status;

/// The head of a request breaks the syntax of RFC 9112 or a limit of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum MalformedRequest {
    #[error("the request line is not `METHOD TARGET HTTP/VERSION`")]
    RequestLine,
    #[error("the request line is too long")]
    RequestLineTooLong,
    #[error("the version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    #[error("a line ends with LF and without CR")]
    BareLineFeed,
    #[error("a field line is not `NAME: VALUE`")]
    Field,
    #[error("there are too many fields")]
    TooManyFields,
    #[error("the head is too long")]
    HeadTooLong,
    #[error("there is not exactly one Host field")]
    Host,
    #[error("Content-Length and Transfer-Encoding do not say where the body ends")]
    BodyFraming,
}

impl MalformedRequest {
    /// The status that refuses the request (RFC 9110 section 15.5, RFC 6585 section 5).
    pub(crate) fn status(self) -> Status {
        match self {
            Self::RequestLine | Self::BareLineFeed | Self::Field | Self::Host | Self::BodyFraming => {
                Status::BadRequest
            }
            Self::RequestLineTooLong => Status::UriTooLong,
            Self::TooManyFields | Self::HeadTooLong => Status::RequestHeaderFieldsTooLarge,
            Self::Version => Status::HttpVersionNotSupported,
        }
    }
}
