//! All sockets of this machine, and the one that holds an endpoint.

use std::io;
use std::net::IpAddr;

#[cfg(target_os = "linux")]
use super::processes as system;
use super::{OpenSocket, SocketName};
use crate::addressing::Endpoint;

/// How well a socket matches the endpoint in question, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It listens or receives at the endpoint itself.
    Holds,
    /// It listens or receives at all addresses of the family (`0.0.0.0`, `[::]`).
    HoldsAll,
    /// It is an IPv6 socket at `[::]` that includes IPv4, and the endpoint is IPv4.
    HoldsBoth,
    /// The endpoint is at all addresses, and the socket listens or receives at one of them.
    HoldsOne,
    /// The endpoint is at all IPv6 addresses, which include IPv4, and the socket listens or receives at an IPv4
    /// address.
    HoldsOneOfIpv4,
    /// It is connected, and the endpoint is its local one.
    IsOneEnd,
}

impl OpenSocket {
    /// Whether `endpoint` is its local end or its peer, or its local end is at all addresses with that port. An
    /// `endpoint` at all addresses (`0.0.0.0`, `[::]`) matches each address with that port; `[::]` includes IPv4.
    pub fn touches(&self, endpoint: Endpoint) -> bool {
        let wanted = canonical(endpoint);
        let is_remote = self.remote.as_ref().and_then(SocketName::endpoint).is_some_and(|remote| {
            has_same_port(remote, wanted)
                && (remote.ip() == wanted.ip() || includes(wanted.ip(), remote.ip()))
        });
        is_remote || self.fit(endpoint).is_some()
    }

    fn fit(&self, endpoint: Endpoint) -> Option<Fit> {
        let (local, wanted) = (self.local.endpoint()?, canonical(endpoint));
        if !has_same_port(local, wanted) {
            return None;
        }
        let (local, wanted) = (local.ip(), wanted.ip());
        let is_same_family = local.is_ipv4() == wanted.is_ipv4();
        if self.remote.is_some() {
            return (local == wanted || includes(wanted, local)).then_some(Fit::IsOneEnd);
        }
        if local == wanted {
            Some(Fit::Holds)
        } else if includes(local, wanted) && is_same_family {
            Some(Fit::HoldsAll)
        } else if includes(local, wanted) && self.v6_only != Some(true) {
            Some(Fit::HoldsBoth)
        } else if includes(wanted, local) {
            Some(if is_same_family { Fit::HoldsOne } else { Fit::HoldsOneOfIpv4 })
        } else {
            None
        }
    }
}

/// Whether `all` is the unspecified address and includes `ip`; the one of IPv6 includes IPv4.
const fn includes(all: IpAddr, ip: IpAddr) -> bool {
    all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4())
}

fn has_same_port(a: Endpoint, b: Endpoint) -> bool {
    (a.protocol(), a.port()) == (b.protocol(), b.port())
}

fn canonical(endpoint: Endpoint) -> Endpoint {
    Endpoint::new(endpoint.ip().to_canonical(), endpoint.protocol(), endpoint.port())
}

/// All TCP, UDP and Unix-domain sockets in the network namespace of this process, sorted by local name.
///
/// This is not a snapshot: sockets that are opened or closed meanwhile may be missing, or have no process.
///
/// # Errors
/// When the system does not report its sockets, or not to this process.
pub fn open_sockets() -> Result<Vec<OpenSocket>, SocketTableError> {
    let mut sockets = system::read()?;
    sockets.sort_by(|a, b| (&a.local, &a.remote, a.inode).cmp(&(&b.local, &b.remote, b.inode)));
    Ok(sockets)
}

/// The socket that holds `endpoint`: one that listens or receives there; else one at all addresses with that port;
/// else, if `endpoint` is at all addresses (`0.0.0.0`, `[::]`), one at any of them; else one that is connected from
/// there. `None` if there is none.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_socket::{Endpoint, owner};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let holder = owner(Endpoint::tcp(listener.local_addr()?))?.expect("it listens");
/// assert_eq!(holder.processes[0].pid, std::process::id());
/// # Ok(())
/// # }
/// # #[cfg(not(target_os = "linux"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// As for [`open_sockets`].
pub fn owner(endpoint: Endpoint) -> Result<Option<OpenSocket>, SocketTableError> {
    let sockets = open_sockets()?;
    let fitting = sockets.into_iter().filter_map(|socket| socket.fit(endpoint).map(|fit| (fit, socket)));
    // A socket that a process holds comes before one in TIME_WAIT.
    let best = fitting.min_by_key(|(fit, socket)| (*fit, socket.processes.is_empty(), socket.inode));
    Ok(best.map(|(_, socket)| socket))
}

/// Why the sockets of this machine cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketTableError {
    /// Listing sockets is implemented for Linux only.
    #[error("listing the sockets of a machine is supported on Linux only")]
    Unsupported,
    /// proc(5) cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file or directory.
        path: &'static str,
        /// The error.
        source: io::Error,
    },
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{OpenSocket, SocketTableError};

    pub(super) fn read() -> Result<Vec<OpenSocket>, SocketTableError> {
        Err(SocketTableError::Unsupported)
    }
}
