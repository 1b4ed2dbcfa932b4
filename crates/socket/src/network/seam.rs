//! The traits that a network implements.
//!
//! [`SystemNetwork`](crate::SystemNetwork) is the network of this machine, [`MemoryNetwork`](crate::memory::MemoryNetwork)
//! a simulation; a test may bring its own. Implementations have no deadlines: the [`Resolver`] and the [`Connector`]
//! put one around each call, and each call may be dropped at any time.
//!
//! [`Resolver`]: crate::Resolver
//! [`Connector`]: crate::Connector

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::addressing::{Address, Endpoint, HostName};
use crate::options::SocketOptions;

/// A boxed future, which keeps these traits usable as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names, connections and listeners.
pub trait Network: Send + Sync + 'static {
    /// The addresses of `name`, at least one, in the order in which the source gives them.
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>>;

    /// Connects to `endpoint`; `InvalidInput` for a UDP endpoint.
    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>>;

    /// Listens on `endpoint`; port 0 lets the network choose. `InvalidInput` for a UDP endpoint.
    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>>;

    /// Whether the routing table of this machine has a route to `ip`. Sends nothing and does not wait.
    fn local_route(&self, ip: IpAddr) -> LocalRoute {
        let _ = ip;
        LocalRoute::Unknown
    }

    /// Whether `ip` is an address of this machine, `true` if that is unknown: a connection from any other address gets
    /// no answers any more. Sends nothing and does not wait.
    fn is_own(&self, ip: IpAddr) -> bool {
        let _ = ip;
        true
    }
}

/// Whether this machine has a route to an address, by its own routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalRoute {
    /// There is a route, and its link is up. Whether the network beyond works is unknown.
    Present,
    /// There is no route, or its link is down.
    Absent,
    /// The system does not report it.
    Unknown,
}

/// One established connection: a stream of bytes in each direction.
///
/// `poll_shutdown` ends our direction only (FIN). Dropping a transport closes it as the system does;
/// [`reset`](Self::reset) closes it with an error.
pub trait Transport: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static {
    /// The address of this end.
    fn local(&self) -> Address;

    /// The address of the peer.
    fn remote(&self) -> Address;

    /// Closes at once with RST: bytes that are not delivered yet are lost, and the peer's calls fail as `Reset`.
    fn reset(self: Box<Self>);

    /// The options of the socket; `Unsupported` if there is no socket.
    fn options(&self) -> io::Result<SocketOptions> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sets the options that are not `None`; `Unsupported` if there is no socket.
    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        let _ = options;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Ends the peer's direction, shutdown(2); `Unsupported` if there is no socket.
    fn shutdown_read(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Ready when reading would not wait; `Unsupported` if only reading can tell.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Ready when writing would not wait; `Unsupported` if only writing can tell.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// A socket that accepts connections.
pub trait Listener: Send + Sync {
    /// The endpoint that it listens on, with the port that the network chose.
    fn endpoint(&self) -> Endpoint;

    /// Accepts the next connection, and returns it with the peer's endpoint. Cancel safe: no connection is lost when
    /// the future is dropped.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>>;
}

/// Why a name has no addresses. Cheap to clone: one look-up may serve many callers.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist, or has no addresses.
    #[error("the name does not exist or has no address")]
    NotFound,
    /// A name server responded with an error (SERVFAIL, REFUSED) or a malformed message.
    #[error("the name server failed: {0}")]
    ServerFailed(Arc<str>),
    /// No name server responded.
    #[error("no name server answered")]
    Silent,
    /// An error of this machine, such as no free file descriptor.
    #[error("looking up names fails on this machine")]
    Local(#[source] Arc<io::Error>),
}
