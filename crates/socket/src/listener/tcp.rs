//! The TCP listener of the async flavour.

use std::io;
use std::net::SocketAddr;

use socket2::{SockAddr, SockRef, Socket};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::BACKLOG;
use super::calls::{accept_calls, tcp_listener_calls};
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault};
use crate::network::{BoxFuture, Listener, Transport};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{endpoint_of, family_of, listening};
use crate::stream::Stream;
use crate::stream::tcp::TcpTransport;
use crate::time::{Deadline, Timeouts, WaitLimits, clock};

/// A socket that accepts TCP connections.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_socket::{Stream, TcpListener};
///
/// let listener = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
/// let mut client = Stream::connect(listener.local()).await?;
/// let mut server = listener.accept().await?;
///
/// client.send(b"hello").await?;
/// client.shutdown_write().await?;
/// let mut buffer = [0; 16];
/// assert_eq!(server.receive(&mut buffer).await?, 5);
/// assert_eq!(server.receive(&mut buffer).await?, 0);
/// # Ok(())
/// # }
/// ```
pub struct TcpListener {
    socket: tokio::net::TcpListener,
    local: Endpoint,
    /// Not every system lets a connection inherit it.
    no_delay: bool,
    limits: WaitLimits,
}

tcp_listener_calls!(async await);

impl TcpListener {
    fn register(socket: Socket) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(socket.into())
    }

    async fn accept_one(&self, deadline: Deadline) -> io::Result<Stream> {
        let transport = deadline.bound_io(self.accept_transport()).await?;
        Ok(Stream::plain(Box::new(transport)))
    }

    fn stream_of(&self, socket: Socket, from: SockAddr) -> io::Result<Stream> {
        socket.set_nonblocking(true)?;
        let remote = endpoint_of(Ok(from), Protocol::Tcp)?;
        let transport = self.transport(TcpStream::from_std(socket.into())?, remote.socket_addr())?;
        Ok(Stream::plain(Box::new(transport)))
    }

    async fn accept_transport(&self) -> io::Result<TcpTransport> {
        let (stream, remote) = self.socket.accept().await?;
        self.transport(stream, remote)
    }

    fn transport(&self, stream: TcpStream, remote: SocketAddr) -> io::Result<TcpTransport> {
        if self.no_delay {
            let _ = stream.set_nodelay(true);
        }
        TcpTransport::new(stream, remote)
    }
}

/// Without a deadline: the caller of [`Listener::accept`] sets one.
impl Listener for TcpListener {
    fn endpoint(&self) -> Endpoint {
        self.local
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>> {
        Box::pin(async {
            let transport = self.accept_transport().await?;
            let remote = transport.remote;
            Ok((Box::new(transport) as Box<dyn Transport>, remote))
        })
    }
}
