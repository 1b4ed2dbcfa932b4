//! The hooks that every client has: the fields of this crate, of the user, and of a URL with credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ExchangeHook, Request};
use crate::connection::Via;
use crate::url::Credentials;

/// Fields that are for the origin of the initial URL alone: a redirect to another origin does not take them along, not even one to the
/// same host over TLS.
pub const CONFIDENTIAL_FIELDS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// `User-Agent`, and what content is acceptable.
pub(super) struct StandardFields {
    user_agent: HeaderValue,
}

impl StandardFields {
    pub(super) const fn new(user_agent: HeaderValue) -> Self {
        Self { user_agent }
    }
}

impl ExchangeHook for StandardFields {
    fn before(&self, _request: &Request, _via: Via, fields: &mut HeaderMap) {
        fields.insert(USER_AGENT, self.user_agent.clone());
        fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // A coded body has another length and other ranges than the file that is wanted.
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// Fields that the user has set for every request: any may hold a key. They are sent to the origin of the initial URL, and where that
/// redirects to itself over TLS; those of [`CONFIDENTIAL_FIELDS`] only to that origin.
pub(super) struct UserFields {
    others: HeaderMap,
    confidential: HeaderMap,
}

impl UserFields {
    pub(super) fn new(fields: &HeaderMap) -> Self {
        let (mut others, mut confidential) = (HeaderMap::new(), HeaderMap::new());
        for (name, value) in fields {
            let part = if CONFIDENTIAL_FIELDS.contains(name) { &mut confidential } else { &mut others };
            part.append(name.clone(), value.clone());
        }
        join_cookies(&mut confidential);
        Self { others, confidential }
    }
}

impl ExchangeHook for UserFields {
    fn before(&self, request: &Request, _via: Via, fields: &mut HeaderMap) {
        let (origin, initial) = (request.url().origin(), request.initial_origin());
        if origin == initial || origin.is_upgrade_of(initial) {
            replace(fields, &self.others);
        }
        if origin == initial {
            replace(fields, &self.confidential);
        }
    }
}

/// Basic authentication (RFC 7617) with the credentials that stand in the URL.
pub(super) struct UrlCredentials;

impl ExchangeHook for UrlCredentials {
    fn before(&self, request: &Request, _via: Via, fields: &mut HeaderMap) {
        if let Some(Credentials { user, password }) = request.url().credentials() {
            let pair = [user.as_slice(), b":", password].concat();
            let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
                .expect("base64 has only letters, digits, plus, slash and the equals sign");
            // No debugging output shows a value that is marked like this.
            value.set_sensitive(true);
            fields.insert(AUTHORIZATION, value);
        }
    }
}

/// The cookies of the request itself, behind those that are there. What the user or a hook has set under a name stands.
pub(super) struct RequestCookies;

impl ExchangeHook for RequestCookies {
    fn before(&self, request: &Request, _via: Via, fields: &mut HeaderMap) {
        let Some(cookies) = request.cookies.as_ref().and_then(|cookies| cookies.to_str().ok()) else {
            return;
        };
        join_cookies(fields);
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_owned();
        let set = fields.get(COOKIE).and_then(|set| set.to_str().ok()).unwrap_or_default();
        let names: Vec<String> = set.split(';').map(name).collect();
        let own: Vec<&str> = cookies.split("; ").filter(|pair| !names.contains(&name(pair))).collect();
        if let Ok(mut own) = HeaderValue::from_str(&own.join("; "))
            && !own.is_empty()
        {
            own.set_sensitive(true);
            fields.append(COOKIE, own);
            join_cookies(fields);
        }
    }
}

/// All values of a name in `by` replace those in `fields`.
pub(super) fn replace(fields: &mut HeaderMap, by: &HeaderMap) {
    for name in by.keys() {
        fields.remove(name);
        for value in by.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
}

/// Cookies go in one field, however many fields the user has set them in (RFC 6265 section 5.4).
fn join_cookies(fields: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(mut joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        joined.set_sensitive(true);
        fields.insert(COOKIE, joined);
    }
}
