//! One request: a URL, an optional offset, fields of the caller's own, and the hooks that every request passes through.

mod fields;
mod head;
mod hook;
mod hooks;

pub use fields::CONFIDENTIAL_FIELDS;
pub use head::RESERVED_FIELDS;
pub use hook::ExchangeHook;

pub(crate) use head::RequestHead;
pub(crate) use hooks::ExchangeHooks;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::resume::IfRange;
use crate::timeouts::Timeouts;
use crate::url::HttpUrl;
use crate::url::Origin;

/// The methods that a downloader needs. Both are safe and idempotent (RFC 9110 section 9.2), so that a request over a stale
/// connection may be sent again over a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// Requests head and body.
    #[default]
    Get,
    /// Requests the head alone.
    Head,
}

/// A request for the rest of a representation: `Range: bytes=from-`, with `If-Range` if there is a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeRequest {
    /// Offset of the first requested byte.
    pub from: u64,
    /// The version that the range belongs to. A server that has another version sends the whole of it.
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
    cookies: Option<HeaderValue>,
    head_timeout: Option<Duration>,
    initial_origin: Option<Origin>,
    pub(crate) forbid_private: bool,
    pub(crate) keeps_record: bool,
}

impl Request {
    /// A GET of the whole representation.
    pub fn get(url: HttpUrl) -> Self {
        Self {
            url,
            method: Method::Get,
            range: None,
            headers: HeaderMap::new(),
            cookies: None,
            head_timeout: None,
            initial_origin: None,
            forbid_private: false,
            keeps_record: false,
        }
    }

    /// A HEAD: the head alone.
    pub fn head(url: HttpUrl) -> Self {
        Self { method: Method::Head, ..Self::get(url) }
    }

    /// Requests only the rest, from an offset on.
    #[must_use]
    pub fn with_range(mut self, range: Option<RangeRequest>) -> Self {
        self.range = range;
        self
    }

    /// Sets one field.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends these cookies beside those of the client's options and hooks.
    #[must_use]
    pub fn with_cookies(mut self, cookies: Option<HeaderValue>) -> Self {
        self.cookies = cookies;
        self
    }

    /// Sets the deadline of the response head, in place of that of the client's [`Timeouts`].
    #[must_use]
    pub fn with_head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = Some(timeout);
        self
    }

    /// The deadlines of this request, where the client has `timeouts`.
    pub(crate) fn timeouts(&self, timeouts: &Timeouts) -> Timeouts {
        Timeouts { head: self.head_timeout.unwrap_or(timeouts.head), ..*timeouts }
    }

    /// The origin of the URL that a redirect chain began with, if this is not its first request: only that origin is sent the
    /// fields of the client's options.
    #[must_use]
    pub fn with_initial_origin(mut self, origin: Origin) -> Self {
        self.initial_origin = Some(origin);
        self
    }

    /// Whether the request fails rather than connect to an address outside of the public internet: for a URL that a host on
    /// the public internet has redirected to.
    #[must_use]
    pub fn with_forbid_private(mut self, forbid: bool) -> Self {
        self.forbid_private = forbid;
        self
    }

    /// Whether the response comes with a [record](crate::Response::record) of the exchange, which holds both heads verbatim.
    #[must_use]
    pub fn with_record(mut self, keep: bool) -> Self {
        self.keeps_record = keep;
        self
    }

    /// The URL that is requested.
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

    /// The part that is requested; `None` for the whole.
    pub const fn range(&self) -> Option<&RangeRequest> {
        self.range.as_ref()
    }
}
