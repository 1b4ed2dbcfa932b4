//! The [`Network`] of this machine.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::route;
use crate::addressing::{Endpoint, HostName, Protocol};
use crate::faults::Fault;
use crate::listener::TcpListener;
use crate::names::NameSources;
use crate::network::{BoxFuture, Listener, LocalRoute, LookupError, Network, Transport};
use crate::os::require;
use crate::stream::dial;

/// The network of this machine. It opens sockets and starts threads when they are first needed.
///
/// Several runtimes may share it: a connection belongs to the runtime that dials, and look-ups run on threads of their
/// own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_socket::{Network, SystemNetwork};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let network = SystemNetwork::new();
/// let listener = network.listen("tcp://127.0.0.1:0".parse()?)?;
/// let mut client = network.dial(listener.endpoint()).await?;
/// let (mut server, from) = listener.accept().await?;
/// assert_eq!(from, client.local());
///
/// client.write_all(b"hello").await?;
/// let mut received = [0; 5];
/// server.read_exact(&mut received).await?;
/// assert_eq!(&received, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct SystemNetwork {
    names: NameSources,
}

impl SystemNetwork {
    /// The network with this machine's own configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The network with these name servers, over UDP and TCP. Neither the hosts file nor getaddrinfo(3) is consulted.
    pub fn with_name_servers(servers: Vec<SocketAddr>) -> Self {
        Self { names: NameSources::only(servers) }
    }
}

impl Network for SystemNetwork {
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(self.names.lookup(name))
    }

    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> {
        Box::pin(async move { dial(&endpoint.into(), None).await })
    }

    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> {
        require(endpoint, Protocol::Tcp)?;
        Ok(Box::new(TcpListener::bind(endpoint).map_err(io_error)?))
    }

    fn local_route(&self, ip: IpAddr) -> LocalRoute {
        route::local_route(ip)
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        route::is_own(ip)
    }
}

/// The trait returns I/O errors: the fault is wrapped in one.
fn io_error(fault: Fault) -> io::Error {
    io::Error::other(fault)
}
