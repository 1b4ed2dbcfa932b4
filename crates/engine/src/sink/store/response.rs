//! The record of a response, for stores that keep responses.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use longhaul_http::{HttpUrl, Peer};
use longhaul_journal::Validator;

/// What is known of a body when it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseMeta {
    /// What names this version of the content (RFC 9110 section 8.8).
    pub validator: Option<Validator>,
    /// The length of the whole body in bytes, where the server announced it.
    pub length: Option<u64>,
    /// The response that brings its first bytes, if the store [records responses](super::Store::records_responses).
    pub response: Option<Arc<ResponseRecord>>,
}

/// A response as an archive records it. Everything that a store learns of an exchange is a field of this; the way from the exchange to
/// the store passes it on whole. `Debug` shows no byte of the heads, because they hold credentials and cookies.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseRecord {
    /// The URL of the row.
    pub row_url: HttpUrl,
    /// The URL that brought this response: another one than the row's after a redirect. The responses that redirected are not
    /// recorded, because no body of theirs is kept.
    pub target_url: HttpUrl,
    /// The head of the request as it was sent, credentials included.
    pub request_head: Bytes,
    /// The head of the response as it was received: status line, fields and the empty line, at most
    /// [`head_bytes_max`](longhaul_http::Limits::head_bytes_max) bytes. The body is stored without the transfer coding that the head
    /// names.
    pub response_head: Bytes,
    /// When the first byte of the response arrived, in milliseconds of Unix time.
    pub first_byte_unix_ms: u64,
    /// The other end of the connection, with its address and port; behind a proxy that is the proxy.
    pub peer: Peer,
    /// Where the body of this response begins in the whole body: 0, or the offset from which a 206 continues what is there.
    pub offset: u64,
    /// Bytes at the beginning of its body that repeat the end of what is there, where the part was joined by comparing them.
    /// The store has them and does not get them again: the bytes that it gets begin at `offset + repeated_bytes`.
    pub repeated_bytes: u64,
}

impl ResponseRecord {
    /// Whether its body is appended to bytes of an earlier response.
    #[must_use]
    pub fn is_continuation(&self) -> bool {
        self.offset > 0
    }
}

impl fmt::Debug for ResponseRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseRecord")
            .field("row_url", &self.row_url)
            .field("target_url", &self.target_url)
            .field("request_head_bytes", &self.request_head.len())
            .field("response_head_bytes", &self.response_head.len())
            .field("first_byte_unix_ms", &self.first_byte_unix_ms)
            .field("peer", &self.peer)
            .field("offset", &self.offset)
            .field("repeated_bytes", &self.repeated_bytes)
            .finish()
    }
}
