//! An exchange as it went over its connection, for archives.

use std::fmt;

use bytes::Bytes;
use tokio::time::Instant;

/// The heads of an exchange, verbatim. Kept only for a request that asks for it
/// ([`Request::with_record`](crate::Request::with_record)). `Debug` shows no byte of them, because they hold credentials and cookies.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeRecord {
    /// The head of the request as it was sent, from its method to the end of the empty line. Credentials are among it.
    pub request_head: Bytes,
    /// The head of the final response as it was received, from `HTTP/` to the end of the empty line: at most
    /// [`head_bytes_max`](crate::Limits::head_bytes_max) bytes. Interim responses are left out.
    pub response_head: Bytes,
    /// When the first byte of a response arrived.
    pub first_byte_at: Instant,
}

impl fmt::Debug for ExchangeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeRecord")
            .field("request_head_bytes", &self.request_head.len())
            .field("response_head_bytes", &self.response_head.len())
            .field("first_byte_at", &self.first_byte_at)
            .finish()
    }
}
