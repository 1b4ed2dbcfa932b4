//! The hooks of one client: what every client sends, and what its user adds.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::Request;
use super::fields::{RequestCookies, StandardFields, UrlCredentials, UserFields};
use super::hook::ExchangeHook;
use crate::connection::Via;
use crate::response::Head;

/// The hooks of one client, in the order in which they are called.
#[derive(Clone)]
pub(crate) struct ExchangeHooks(Vec<Arc<dyn ExchangeHook>>);

impl ExchangeHooks {
    /// What every client sends, then what the user has set, then the credentials of the URL, then further hooks, then the cookies of
    /// the request itself: a later one may replace what an earlier one has set.
    pub(crate) fn new(
        user_agent: HeaderValue,
        headers: &HeaderMap,
        hooks: Vec<Arc<dyn ExchangeHook>>,
    ) -> Self {
        let mut all: Vec<Arc<dyn ExchangeHook>> = vec![Arc::new(StandardFields::new(user_agent))];
        if !headers.is_empty() {
            all.push(Arc::new(UserFields::new(headers)));
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
