//! Which socket holds an endpoint, and the list of all sockets.

use std::io;
use std::net::IpAddr;

#[cfg(target_os = "linux")]
use super::processes as system;
use super::{OpenSocket, SocketName};
use crate::addressing::Endpoint;

/// How well a socket fits an endpoint that is asked for, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It waits there for whoever comes.
    Holds,
    /// It does so at every address of the family (`0.0.0.0`, `[::]`).
    HoldsAll,
    /// So an IPv6 socket does for IPv4, unless it keeps away from it.
    HoldsBoth,
    /// Every address was asked for, and it waits at one.
    HoldsOne,
    /// Every IPv6 address was asked for, which is every IPv4 address too unless one says otherwise; it waits at one of
    /// those.
    HoldsOneOfIpv4,
    /// It is one end of a connection, and this is its own.
    IsOneEnd,
}

impl OpenSocket {
    /// Whether its own end is at `endpoint`, or at all addresses with that port, or its other end is there. Of an endpoint
    /// at every address (`0.0.0.0`, `[::]`) each with that port is a part; those of IPv4 are of `[::]`, too.
    pub fn touches(&self, endpoint: Endpoint) -> bool {
        let wanted = canonical(endpoint);
        let is_remote = self.remote.as_ref().and_then(SocketName::endpoint).is_some_and(|remote| {
            is_same_outlet(remote, wanted)
                && (remote.ip() == wanted.ip() || includes(wanted.ip(), remote.ip()))
        });
        is_remote || self.fit(endpoint).is_some()
    }

    fn fit(&self, endpoint: Endpoint) -> Option<Fit> {
        let (local, wanted) = (self.local.endpoint()?, canonical(endpoint));
        if !is_same_outlet(local, wanted) {
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

/// Whether `all` means every address, and `ip` is one of them: for IPv6 also those of IPv4.
const fn includes(all: IpAddr, ip: IpAddr) -> bool {
    all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4())
}

fn is_same_outlet(a: Endpoint, b: Endpoint) -> bool {
    (a.protocol(), a.port()) == (b.protocol(), b.port())
}

fn canonical(endpoint: Endpoint) -> Endpoint {
    Endpoint::new(endpoint.ip().to_canonical(), endpoint.protocol(), endpoint.port())
}

/// All TCP, UDP and Unix-domain sockets that this process's view of the network has, in the order of their endpoints.
///
/// It is no snapshot: sockets that are opened or closed meanwhile may be missing, or have no process.
///
/// # Errors
/// When the system does not tell, or not this program.
pub fn open_sockets() -> Result<Vec<OpenSocket>, SocketTableError> {
    let mut sockets = system::read()?;
    sockets.sort_by(|a, b| (&a.local, &a.remote, a.inode).cmp(&(&b.local, &b.remote, b.inode)));
    Ok(sockets)
}

/// The socket that holds `endpoint`: one that listens or receives there, else one at every address of that port, else,
/// where every address is asked for (`0.0.0.0`, `[::]`), one at any of them, else one whose own end of a connection it is.
/// `None` if there is none.
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
    // One that is held comes before what a socket that is gone has left behind.
    let best = fitting.min_by_key(|(fit, socket)| (*fit, socket.processes.is_empty(), socket.inode));
    Ok(best.map(|(_, socket)| socket))
}

/// Why the sockets of this machine are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketTableError {
    /// Only Linux is asked so far.
    #[error("this system is not asked for its sockets yet: Linux is the only one that is")]
    Unsupported,
    /// proc(5) cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// What was to be read.
        path: &'static str,
        /// Why not.
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
