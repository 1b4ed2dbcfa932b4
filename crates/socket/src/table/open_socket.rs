//! A socket of this machine, as the system tells of it.

use std::net::IpAddr;

use super::SocketState;
use crate::addressing::{Endpoint, Protocol};

/// A socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenSocket {
    /// Our end.
    pub local: SocketName,
    /// The other end, of connected ones.
    pub remote: Option<SocketName>,
    /// How far it is.
    pub state: SocketState,
    /// Who holds it, in the order of their numbers: none where nobody does any more (`TIME_WAIT`), or where the user may
    /// not see who.
    pub processes: Vec<Process>,
    /// By which the system knows it; 0 for none.
    pub inode: u64,
    /// Whether an IPv6 socket that listens or has no peer keeps away from IPv4, `IPV6_V6ONLY`; `None` for others, and
    /// where the system does not tell.
    pub v6_only: Option<bool>,
}

/// Where an [`OpenSocket`] is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketName {
    /// An address, a protocol and a port. An IPv4 address that an IPv6 socket uses is shown as an IPv4 address.
    Endpoint(Endpoint),
    /// The path of a Unix-domain socket; `@` begins a name without a file. Empty for one without a name.
    ///
    /// A path may hold a line end. Where `sock_diag(7)` does not answer, what follows it looks like another row of the
    /// system's table and may be taken for one.
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

    /// The endpoint, unless it is a path.
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
    /// Its number.
    pub pid: u32,
    /// What it calls itself: any text of up to 15 bytes.
    pub name: String,
}

/// The place of a protocol and an address.
pub(super) const fn place(ip: IpAddr, protocol: Protocol, port: u16) -> SocketName {
    SocketName::Endpoint(Endpoint::new(ip, protocol, port))
}
