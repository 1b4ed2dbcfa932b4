//! Origins (RFC 6454): scheme, host and port.

use std::fmt;

use longhaul_socket::Host;

/// The scheme of a URL that can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`: unencrypted.
    Http,
    /// `https`: over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it is written in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port of a URL that gives none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Whether the connection is encrypted.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Scheme, host and port. Cheap to clone.
///
/// ```
/// # use longhaul_http::HttpUrl;
/// let url: HttpUrl = "https://Example.org:443/a?b#c".parse()?;
/// assert_eq!(url.origin().to_string(), "https://example.org");
/// # Ok::<(), longhaul_http::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    // First, so that the origins of one host are next to each other when sorted.
    host: Host,
    port: u16,
    scheme: Scheme,
}

impl Origin {
    /// An origin of these three parts.
    pub const fn new(scheme: Scheme, host: Host, port: u16) -> Self {
        Self { host, port, scheme }
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port; the default of the scheme if the URL gave none.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is the same host over TLS, each at the default port of its scheme.
    pub(crate) fn is_upgrade_of(&self, other: &Self) -> bool {
        let is_default = |origin: &Self| origin.port == origin.scheme.default_port();
        self.scheme.is_secure()
            && !other.scheme.is_secure()
            && self.host == other.host
            && is_default(self)
            && is_default(other)
    }

    /// `host`, or `host:port` if the port is not the default: the value of a `Host` field (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}
