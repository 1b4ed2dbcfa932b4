//! Before and after an exchange: the one place where fields are added to a request and read from a response.
//!
//! Each request of a redirect chain passes through the hooks of its client, in order, and so does the head of each
//! response. The fields of the user, the credentials of a URL and what this crate itself sends are hooks like any other
//! ([`fields`](super::fields)); a cookie jar would be one more. Fields that frame the message or choose the connection
//! ([`RESERVED_FIELDS`](super::RESERVED_FIELDS)) are set after the hooks, and what a hook says about them is dropped.

use http::HeaderMap;

use super::Request;
use crate::connection::Via;
use crate::response::Head;

/// Adds fields to requests, and reads fields of responses.
///
/// Clients on several threads may share one, so that what a response from one host says reaches requests to its sibling
/// domains. Both calls happen on the thread of the exchange, which waits for them: they must not block.
pub trait ExchangeHook: Send + Sync {
    /// Changes the fields of `request` before it is sent. Called once for each request, whatever number of connections
    /// it takes to send it. `via` says who reads it: a proxy that forwards, or the host.
    fn before(&self, request: &Request, via: Via, fields: &mut HeaderMap);

    /// Reads the head of the response to `request`, whatever its status.
    fn after(&self, request: &Request, head: &Head) {
        let _ = (request, head);
    }
}
