//! Endpoints: the addresses that sockets are bound and connected to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The transport protocol of an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A stream of bytes, RFC 9293.
    Tcp,
    /// Datagrams, RFC 768.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// IP address, protocol and port: together they name one socket of one machine.
///
/// Text form: `tcp://127.0.0.1:80` or `udp://[::1]:53`. Zones of link-local addresses (`%eth0`) are refused: they have
/// a meaning on one machine only.
///
/// ```
/// use longhaul_socket::{Endpoint, Protocol};
///
/// let endpoint: Endpoint = "udp://[::1]:53".parse()?;
/// assert_eq!(endpoint.protocol(), Protocol::Udp);
/// assert_eq!(endpoint.port(), 53);
/// assert_eq!(endpoint.to_string(), "udp://[::1]:53");
/// # Ok::<(), longhaul_socket::InvalidEndpoint>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    ip: IpAddr,
    protocol: Protocol,
    port: u16,
}

impl Endpoint {
    /// The endpoint of these three.
    pub const fn new(ip: IpAddr, protocol: Protocol, port: u16) -> Self {
        Self { ip, protocol, port }
    }

    /// A TCP endpoint. The flow label and the zone of an IPv6 address are dropped.
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::new(address.ip(), Protocol::Tcp, address.port())
    }

    /// A UDP endpoint. The flow label and the zone of an IPv6 address are dropped.
    pub const fn udp(address: SocketAddr) -> Self {
        Self::new(address.ip(), Protocol::Udp, address.port())
    }

    /// The IP address.
    pub const fn ip(self) -> IpAddr {
        self.ip
    }

    /// The protocol.
    pub const fn protocol(self) -> Protocol {
        self.protocol
    }

    /// The port; binding to port 0 lets the system choose.
    pub const fn port(self) -> u16 {
        self.port
    }

    /// IP address and port.
    pub const fn socket_addr(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol, self.socket_addr())
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let (scheme, address) = text.split_once("://").ok_or(InvalidEndpoint::NoProtocol)?;
        let protocol = match scheme {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(InvalidEndpoint::UnknownProtocol),
        };
        let address: SocketAddr = address.parse().map_err(|_| InvalidEndpoint::BadAddress)?;
        match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Err(InvalidEndpoint::BadAddress),
            _ => Ok(Self::new(address.ip(), protocol, address.port())),
        }
    }
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// There is no `://`.
    #[error("an endpoint begins with tcp:// or udp://")]
    NoProtocol,
    /// The protocol is neither `tcp` nor `udp`.
    #[error("the protocol of an endpoint is tcp or udp")]
    UnknownProtocol,
    /// The rest is not an IP address with a port.
    #[error("an endpoint needs a numeric address and a port, such as 127.0.0.1:80 or [::1]:80")]
    BadAddress,
}
