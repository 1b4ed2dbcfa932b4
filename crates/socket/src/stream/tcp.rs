//! TCP connections of the system, for the async flavour.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use super::delegate::delegate_io;
use crate::addressing::{Address, Endpoint};
use crate::network::Transport;
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{family_of, stream_socket};

/// A TCP connection of the system; it adds no cost to tokio's own.
pub(crate) struct TcpTransport {
    stream: TcpStream,
    local: Endpoint,
    pub(crate) remote: Endpoint,
}

/// Connects to `remote`. Cancel safe: dropping the future closes the socket.
pub(crate) async fn dial(remote: SocketAddr, options: Option<&SocketOptions>) -> io::Result<TcpTransport> {
    let socket = TcpSocket::from_std_stream(stream_socket(remote, options)?.into());
    let stream = socket.connect(remote).await?;
    let transport = TcpTransport::new(stream, remote)?;
    if transport.local == transport.remote {
        return Err(connected_to_itself());
    }
    Ok(transport)
}

/// The error if a socket has connected to itself, which RFC 9293 section 3.5 allows: no socket listened on a port of
/// the dynamic range, and the system chose that port for our end.
pub(crate) fn connected_to_itself() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

impl TcpTransport {
    pub(crate) fn new(stream: TcpStream, remote: SocketAddr) -> io::Result<Self> {
        let local = Endpoint::tcp(stream.local_addr()?);
        Ok(Self { stream, local, remote: Endpoint::tcp(remote) })
    }
}

impl Transport for TcpTransport {
    fn local(&self) -> Address {
        self.local.into()
    }

    fn remote(&self) -> Address {
        self.remote.into()
    }

    fn reset(self: Box<Self>) {
        // With a linger time of zero, close(2) sends RST. If the system refuses the option, the connection is closed
        // nevertheless.
        let _ = self.stream.set_zero_linger();
    }

    fn options(&self) -> io::Result<SocketOptions> {
        let family = family_of(self.local.socket_addr());
        Ok(options_of(&SockRef::from(&self.stream), family, Role::Stream))
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        let family = family_of(self.local.socket_addr());
        options.apply(&SockRef::from(&self.stream), family, Role::Stream)
    }

    fn shutdown_read(&self) -> io::Result<()> {
        SockRef::from(&self.stream).shutdown(Shutdown::Read)
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(cx)
    }
}

delegate_io!(TcpTransport);
