//! One request: a URL, an optional offset, fields of the caller's own, and the hooks that every request passes through.

mod fields;
mod head;
mod hook;

pub use fields::CONFIDENTIAL_FIELDS;
pub use head::RESERVED_FIELDS;
pub use hook::ExchangeHook;

pub(crate) use head::RequestHead;
pub(crate) use hook::ExchangeHooks;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::origin::Origin;
use crate::url::HttpUrl;
use crate::validator::IfRange;

/// The methods a downloader needs. Both are safe and idempotent (RFC 9110 section 9.2), which is what allows the one free
/// retry of a stale connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// Head and body.
    #[default]
    Get,
    /// The head alone.
    Head,
}

/// The rest of a resource from an offset on: `Range: bytes=from-`, with `If-Range` where a condition is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeRequest {
    /// Offset of the first byte wanted.
    pub from: u64,
    /// The version the range belongs to; a server that has another one answers with the whole.
    pub if_range: Option<IfRange>,
}

/// One request.
///
/// The client adds `Host`, `User-Agent`, `Accept`, `Accept-Encoding: identity`, the fields of its options and hooks, and
/// `Authorization` from the URL's credentials. A field that is set here replaces all of these of that name, except those of
/// [`RESERVED_FIELDS`].
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) url: HttpUrl,
    pub(crate) method: Method,
    pub(crate) range: Option<RangeRequest>,
    pub(crate) headers: HeaderMap,
    initial_origin: Option<Origin>,
    pub(crate) forbid_private: bool,
}

impl Request {
    /// A GET of the whole.
    pub fn get(url: HttpUrl) -> Self {
        Self {
            url,
            method: Method::Get,
            range: None,
            headers: HeaderMap::new(),
            initial_origin: None,
            forbid_private: false,
        }
    }

    /// A request for the head alone.
    pub fn head(url: HttpUrl) -> Self {
        Self { method: Method::Head, ..Self::get(url) }
    }

    /// Only the rest, from an offset on.
    #[must_use]
    pub fn with_range(mut self, range: Option<RangeRequest>) -> Self {
        self.range = range;
        self
    }

    /// One more field.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The origin of the URL that a redirect chain began with, if this is not its first request: only that origin is sent the
    /// [`CONFIDENTIAL_FIELDS`] of the client's options.
    #[must_use]
    pub fn with_initial_origin(mut self, origin: Origin) -> Self {
        self.initial_origin = Some(origin);
        self
    }

    /// Whether a connection to an address outside the public internet is refused before the request is sent: for URLs that a
    /// redirect from the public internet named.
    #[must_use]
    pub fn with_forbid_private(mut self, forbid: bool) -> Self {
        self.forbid_private = forbid;
        self
    }

    /// What is fetched.
    pub const fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// The origin of the URL that the redirect chain of this request began with: its own, where nothing else was set.
    pub fn initial_origin(&self) -> &Origin {
        self.initial_origin.as_ref().unwrap_or(self.url.origin())
    }

    /// GET or HEAD.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The part asked for; `None` for the whole.
    pub const fn range(&self) -> Option<&RangeRequest> {
        self.range.as_ref()
    }
}
