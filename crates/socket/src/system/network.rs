//! The services of the system behind the seam.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::route;
use crate::addressing::{Endpoint, HostName, Protocol};
use crate::faults::Fault;
use crate::listener::TcpListener;
use crate::names::Names;
use crate::network::{BoxFuture, Listener, LookupError, Network, Route, Transport};
use crate::os::require;
use crate::stream::dial;

/// The network of this machine. Nothing is opened and no thread is started before it is needed.
///
/// It may be shared by any number of runtimes: connections belong to the runtime that dials, and names are looked up
/// by threads of its own.
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
    names: Names,
}

impl SystemNetwork {
    /// The network as this machine is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but names are asked of these servers only, each over UDP and TCP; neither the hosts file nor
    /// getaddrinfo(3) is consulted.
    pub fn with_name_servers(servers: Vec<SocketAddr>) -> Self {
        Self { names: Names::asking(servers) }
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

    fn route(&self, ip: IpAddr) -> Route {
        route::route_to(ip)
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        route::is_own(ip)
    }
}

/// The seam speaks of I/O errors: what is underneath, if the fault has such a source.
fn io_error(fault: Fault) -> io::Error {
    io::Error::other(fault)
}
