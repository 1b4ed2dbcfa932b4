//! A socket of this machine, as the system reports it.

use std::net::IpAddr;

use super::SocketState;
use crate::addressing::{Endpoint, Protocol};

/// A socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenSocket {
    /// The local name, getsockname(2).
    pub local: SocketName,
    /// The name of the peer, getpeername(2), if it is connected.
    pub remote: Option<SocketName>,
    /// Its state.
    pub state: SocketState,
    /// The processes that hold it, by process id. Empty if none does any more (`TIME_WAIT`), or if the user may not see
    /// them.
    pub processes: Vec<Process>,
    /// Its inode; 0 if it has none.
    pub inode: u64,
    /// `IPV6_V6ONLY`: whether an IPv6 socket that listens or is not connected refuses IPv4. `None` for other sockets,
    /// and if the system does not report it.
    pub v6_only: Option<bool>,
}

/// The name of one end of an [`OpenSocket`]. Unlike an [`Address`](crate::Address) it may have a path that is not UTF-8
/// or has no file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketName {
    /// IP address, protocol and port. The IPv4 address of an IPv6 socket is shown as an IPv4 address.
    Endpoint(Endpoint),
    /// The path of a Unix-domain socket; an abstract name begins with `@`; empty for an unnamed socket.
    ///
    /// A path may contain a line end. Without `sock_diag(7)`, the text after it may look like another row of the
    /// system's table, and is taken for one.
    Unix(String),
}

impl SocketName {
    /// `tcp`, `udp` or `unix`.
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Endpoint(endpoint) => endpoint.protocol().as_str(),
            Self::Unix(_) => "unix",
        }
    }

    /// The endpoint; `None` for a path.
    pub const fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Endpoint(endpoint) => Some(*endpoint),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for SocketName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The name that the process has given itself: any text of up to 15 bytes.
    pub name: String,
}

/// The name of a socket with an endpoint.
pub(super) const fn endpoint_name(ip: IpAddr, protocol: Protocol, port: u16) -> SocketName {
    SocketName::Endpoint(Endpoint::new(ip, protocol, port))
}
