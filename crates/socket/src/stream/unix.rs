//! Unix-domain connections of the system, unix(7), for the async flavour.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::delegate::delegate_io;
use crate::addressing::{Address, UnixPath};
use crate::network::Transport;
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{new_socket, set_options};

/// The time between two attempts while the listener's backlog is full: connect(2) on a non-blocking socket does not
/// wait for room on Linux, and no event reports it.
pub(crate) const BACKLOG_RETRY: std::time::Duration = std::time::Duration::from_millis(5);

/// A Unix-domain connection of the system. Both ends have the path of the listener as their address.
pub(crate) struct UnixTransport {
    pub(crate) stream: UnixStream,
    pub(crate) path: UnixPath,
}

/// Connects, waiting while the listener's backlog is full. Cancel safe.
pub(crate) async fn dial(path: &UnixPath, options: Option<&SocketOptions>) -> io::Result<UnixTransport> {
    let address = SockAddr::unix(path.as_path())?;
    loop {
        if let Some(socket) = try_connect(&address, options)? {
            return Ok(UnixTransport { stream: UnixStream::from_std(socket.into())?, path: path.clone() });
        }
        tokio::time::sleep(BACKLOG_RETRY).await;
    }
}

/// A connection, or `None` while the backlog of the listener is full.
pub(crate) fn try_connect(address: &SockAddr, options: Option<&SocketOptions>) -> io::Result<Option<Socket>> {
    let socket = new_socket(Domain::UNIX, Type::STREAM)?;
    set_options(&socket, Family::Unix, Role::Stream, options)?;
    match socket.connect(address) {
        Ok(()) => Ok(Some(socket)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl Transport for UnixTransport {
    fn local(&self) -> Address {
        self.path.clone().into()
    }

    fn remote(&self) -> Address {
        self.path.clone().into()
    }

    /// Unix-domain sockets have no RST: the peer receives an end, or a reset if it has sent bytes that were not
    /// received.
    fn reset(self: Box<Self>) {}

    fn options(&self) -> io::Result<SocketOptions> {
        Ok(options_of(&SockRef::from(&self.stream), Family::Unix, Role::Stream))
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        options.apply(&SockRef::from(&self.stream), Family::Unix, Role::Stream)
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

delegate_io!(UnixTransport);
