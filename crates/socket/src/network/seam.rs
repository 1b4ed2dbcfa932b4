//! The seam: the services of the system that everything above stands on.
//!
//! [`SystemNetwork`](crate::SystemNetwork) is the real one and [`MemoryNetwork`](crate::memory::MemoryNetwork) the
//! simulated one; a test may bring its own. Nothing behind the seam has a deadline of its own: the [`Resolver`] and
//! the [`Connector`] put one around each call, and each call may be dropped at any time.
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

/// A boxed future, so that the traits of the seam can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names, connections and listeners.
pub trait Network: Send + Sync + 'static {
    /// The addresses of `name`, at least one, in the order in which the source gives them.
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>>;

    /// Connects to `endpoint`. A protocol that has no streams is `InvalidInput`.
    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>>;

    /// Listens on `endpoint`; with port 0 on a port that is free. A protocol that has no streams is `InvalidInput`.
    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>>;

    /// Whether this machine has a way to `ip` at all. Sends nothing and does not wait.
    fn route(&self, ip: IpAddr) -> Route {
        let _ = ip;
        Route::Unknown
    }

    /// Whether `ip` is an address of this machine, as far as is known: to another one no answer comes back here. Sends
    /// nothing and does not wait.
    fn is_own(&self, ip: IpAddr) -> bool {
        let _ = ip;
        true
    }
}

/// What the machine's own tables say about the way to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// There is a way out of this machine; what lies beyond is not known.
    Present,
    /// There is none: no route, or its link is down.
    Absent,
    /// The system does not tell.
    Unknown,
}

/// One established connection: bytes in order, both ways.
///
/// `poll_shutdown` ends our direction only (FIN). Dropping a transport closes it as the system sees fit; to close it
/// with an error on purpose there is [`reset`](Self::reset).
pub trait Transport: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static {
    /// Our end.
    fn local(&self) -> Address;

    /// The other end.
    fn remote(&self) -> Address;

    /// Closes at once with RST: what is not yet delivered is lost, and the peer sees a reset.
    fn reset(self: Box<Self>);

    /// The options of the socket; `Unsupported` where there is none.
    fn options(&self) -> io::Result<SocketOptions> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sets those that are not `None`; `Unsupported` where there is no socket.
    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        let _ = options;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Ends the other direction: what the peer still sends is not wanted. `Unsupported` where there is no socket.
    fn shutdown_read(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether reading would not wait; `Unsupported` where only reading can tell.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Whether writing would not wait; `Unsupported` where only writing can tell.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// A socket that takes connections.
pub trait Listener: Send + Sync {
    /// Where it listens, with the port that the system chose.
    fn endpoint(&self) -> Endpoint;

    /// The next connection, and where it comes from. Cancel safe: no connection is lost when the future is dropped.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>>;
}

/// Why a name has no addresses. Cheap to clone: one answer may serve many callers.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist, or has no addresses.
    #[error("the name does not exist or has no address")]
    NotFound,
    /// A server answered that it cannot say (SERVFAIL, REFUSED), or nonsense.
    #[error("the name server failed: {0}")]
    ServerFailed(Arc<str>),
    /// No server answered.
    #[error("no name server answered")]
    Silent,
    /// Trouble of our own machine, such as no free file descriptor.
    #[error("looking up names fails on this machine")]
    Local(#[source] Arc<io::Error>),
}
