//! What to connect to.

use super::{Host, HostName};

/// A host and port to connect to, and whether and how to use TLS. Equal targets may share a connection.
///
/// ```
/// use longhaul_socket::Target;
///
/// let target = Target::new("example.org".parse()?, 443).with_tls().offering(&[b"http/1.1"]);
/// assert_eq!(target.to_string(), "example.org:443");
/// # Ok::<(), longhaul_socket::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The host; with TLS, its certificate must be valid for it.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// Whether to use TLS.
    pub tls: bool,
    /// The protocols to offer in the TLS handshake, preferred first (ALPN, RFC 7301); if empty, ALPN is not used.
    pub alpn: Vec<Vec<u8>>,
    /// Whether only addresses of the public internet may be used, see [`is_public`](crate::is_public). Addresses are
    /// checked each time a name is resolved, so a name that changes to a private address is caught.
    pub public_only: bool,
}

impl Target {
    /// A target without TLS, at any address.
    pub const fn new(host: Host, port: u16) -> Self {
        Self { host, port, tls: false, alpn: Vec::new(), public_only: false }
    }

    /// The same target with TLS.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same target, offering these protocols (ALPN), preferred first.
    #[must_use]
    pub fn offering(mut self, alpn: &[&[u8]]) -> Self {
        self.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }

    /// The same target, restricted to addresses of the public internet.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// The name of the host; `None` for an IP address.
    pub const fn name(&self) -> Option<&HostName> {
        self.host.name()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
