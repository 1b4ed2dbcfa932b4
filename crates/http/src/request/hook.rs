//! Before and after an exchange: the one place where fields are added to a request and read from a response.
//!
//! Each request of a redirect chain passes through the hooks of its client, in order, and so does the head of each
//! response. The fields of the user, the credentials of a URL and what this crate itself sends are hooks like any other
//! ([`fields`](super::fields)); a cookie jar would be one more. Fields that frame the message or choose the connection
//! ([`RESERVED_FIELDS`](super::RESERVED_FIELDS)) are set after the hooks, and what a hook says about them is dropped.

use std::sync::Arc;

use http::HeaderMap;

use super::Request;
use super::fields::{RequestCookies, StandardFields, UrlCredentials, UserFields};
use crate::client::ClientOptions;
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

/// The hooks of one client, in the order in which they are called.
#[derive(Clone)]
pub(crate) struct ExchangeHooks(Vec<Arc<dyn ExchangeHook>>);

impl ExchangeHooks {
    /// What every client sends, then what the user has set, then the credentials of the URL, then further hooks, then the cookies of
    /// the request itself: a later one may replace what an earlier one has set.
    pub(crate) fn new(options: ClientOptions) -> Self {
        let ClientOptions { user_agent, headers, hooks, router: _ } = options;
        let mut all: Vec<Arc<dyn ExchangeHook>> = vec![Arc::new(StandardFields::new(user_agent))];
        if !headers.is_empty() {
            all.push(Arc::new(UserFields::new(&headers)));
        }
        all.push(Arc::new(UrlCredentials));
        all.extend(hooks);
        all.push(Arc::new(RequestCookies));
        Self(all)
    }

    pub(crate) fn before(&self, request: &Request, via: Via, fields: &mut HeaderMap) {
        for hook in &self.0 {
            hook.before(request, via, fields);
        }
    }

    pub(crate) fn after(&self, request: &Request, head: &Head) {
        for hook in &self.0 {
            hook.after(request, head);
        }
    }
}
