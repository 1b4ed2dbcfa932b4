//! URLs that can be requested, their origins, and credentials that cannot be printed.
//!
//! Parsing follows the WHATWG URL standard, as browsers do. In addition every [`HttpUrl`] has the scheme `http` or `https`, a
//! host that can be resolved, no fragment and a bounded length, and its user information is kept apart.

use std::fmt;
use std::str::FromStr;

use longhaul_socket::{Host, InvalidHost};
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use crate::limits::URL_BYTES_MAX;

mod origin;
mod redacted;

pub use origin::{Origin, Scheme};
pub use redacted::redacted;

/// An absolute `http` or `https` URL without a fragment. Its credentials are kept apart from its text.
///
/// `Display`, `Debug` and [`as_str`](Self::as_str) never show credentials.
///
/// ```
/// # use longhaul_http::HttpUrl;
/// let url: HttpUrl = "HTTP://user:secret@Example.org:80/a b?q#part".parse()?;
/// assert_eq!(url.as_str(), "http://example.org/a%20b?q");
/// assert_eq!(url.path_and_query(), "/a%20b?q");
/// assert!(url.credentials().is_some());
/// # Ok::<(), longhaul_http::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    url: Url,
    origin: Origin,
    // Boxed: few URLs have credentials, and lists have millions of URLs.
    credentials: Option<Box<Credentials>>,
}

/// The user and the password of a URL, percent-decoded. `Debug` shows neither, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user; bytes, because what is percent-encoded need not be UTF-8.
    pub user: Vec<u8>,
    /// The password; empty if the URL has none.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a text is no [`HttpUrl`]. Never contains the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is empty.
    #[error("the URL is empty")]
    Empty,
    /// Longer than [`URL_BYTES_MAX`], as given or as normalised.
    #[error("the URL is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
    /// There is no scheme, so the URL is not absolute.
    #[error("the URL has no scheme: write https:// or http:// before it")]
    NoScheme,
    /// Neither `http` nor `https`. The scheme is in lower case.
    #[error("unsupported scheme {0}")]
    UnsupportedScheme(String),
    /// The host is missing.
    #[error("the URL has no host")]
    NoHost,
    /// The host is no valid name or address.
    #[error("the host of the URL is invalid")]
    InvalidHost(#[source] InvalidHost),
    /// Port 0, or beyond 65,535.
    #[error("the port of the URL is invalid")]
    InvalidPort,
    /// Anything else that the URL standard refuses.
    #[error("the URL cannot be parsed")]
    Malformed(#[source] UrlSyntaxError),
}

/// The error of the URL parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct UrlSyntaxError(url::ParseError);

impl From<url::ParseError> for UrlError {
    fn from(error: url::ParseError) -> Self {
        match error {
            url::ParseError::EmptyHost => Self::NoHost,
            url::ParseError::InvalidPort => Self::InvalidPort,
            url::ParseError::RelativeUrlWithoutBase => Self::NoScheme,
            error => Self::Malformed(UrlSyntaxError(error)),
        }
    }
}

impl HttpUrl {
    /// The normalised text of the URL, without credentials.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Scheme, host and port.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query, the origin-form of a request target (RFC 9112 section 3.2.1). Begins with `/`.
    pub fn path_and_query(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// The path, percent-encoded. Begins with `/`.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The query without its `?`, percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.url.query()
    }

    /// The credentials in the user information of the URL.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_deref()
    }

    /// The same URL with other credentials, or with none.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<Credentials>) -> Self {
        self.credentials = credentials.map(Box::new);
        self
    }

    /// Resolves a reference against this URL (RFC 3986 section 5). The result has the credentials of the reference alone.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        if reference.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong);
        }
        Self::from_url(self.url.join(reference)?)
    }

    fn from_url(mut url: Url) -> Result<Self, UrlError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other if is_host_and_port(other, url.path()) => return Err(UrlError::NoScheme),
            other => return Err(UrlError::UnsupportedScheme(other.to_owned())),
        };
        let host = match url.host().ok_or(UrlError::NoHost)? {
            url::Host::Domain(name) => Host::Name(name.parse().map_err(UrlError::InvalidHost)?),
            url::Host::Ipv4(ip) => Host::Ip(ip.into()),
            url::Host::Ipv6(ip) => Host::Ip(ip.into()),
        };
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(UrlError::InvalidPort);
        }
        url.set_fragment(None);
        let credentials = take_credentials(&mut url);
        if url.as_str().len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong);
        }
        Ok(Self { url, origin: Origin::new(scheme, host, port), credentials })
    }
}

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong);
        }
        Self::from_url(Url::parse(text)?)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpUrl").field(&self.as_str()).finish()
    }
}

/// Whether what the parser took for a scheme is the host of a URL without one, as in `example.org:8080/a`.
fn is_host_and_port(scheme: &str, path: &str) -> bool {
    let port = path.split('/').next().unwrap_or_default();
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && (scheme.contains('.') || scheme == "localhost" || path.contains('/'))
}

fn take_credentials(url: &mut Url) -> Option<Box<Credentials>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = percent_decode_str(url.username()).collect();
    let password = url.password().map(|password| percent_decode_str(password).collect()).unwrap_or_default();
    // Both setters fail only for a URL without a host, and this URL has one.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    Some(Box::new(Credentials { user, password }))
}
