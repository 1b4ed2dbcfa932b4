//! What to connect to, and how long that may take.

use super::{Host, HostName};

/// Whom to connect to, and what to speak on the connection. Two equal targets may share a connection.
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
    /// Who; for TLS also the name that the certificate must prove.
    pub host: Host,
    /// The port at each of its addresses.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The protocols offered in the TLS handshake, best first (ALPN, RFC 7301); none means that none is offered.
    pub alpn: Vec<Vec<u8>>,
    /// Whether only addresses of the public internet may be used, see [`is_public`](crate::is_public). Checked
    /// after the name is resolved, so a name that turns to a private address later is caught too.
    pub public_only: bool,
}

impl Target {
    /// A plain target, at whatever address.
    pub const fn new(host: Host, port: u16) -> Self {
        Self { host, port, tls: false, alpn: Vec::new(), public_only: false }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same, offering these protocols, best first.
    #[must_use]
    pub fn offering(mut self, alpn: &[&[u8]]) -> Self {
        self.alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }

    /// The same, restricted to addresses of the public internet.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// The name of the host, unless it is an address.
    pub const fn name(&self) -> Option<&HostName> {
        self.host.name()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
