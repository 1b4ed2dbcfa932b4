//! The listeners of the blocking flavour.

use std::io;

use rustix::event::PollFlags;
use socket2::{SockAddr, SockRef, Socket};
use tokio::time::Instant;

use super::BACKLOG;
use super::calls::{accept_calls, tcp_listener_calls, unix_listener_calls};
use crate::addressing::{Endpoint, Protocol, UnixPath};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{PolledSocket, WaitMode, endpoint_of, family_of, listening, listening_unix};
use crate::stream::blocking::Stream;
use crate::time::{Deadline, Timeouts, WaitLimits, clock};

/// A socket that accepts TCP connections; the blocking [`TcpListener`](crate::TcpListener), with the same methods.
pub struct TcpListener {
    socket: PolledSocket,
    local: Endpoint,
    /// Not every system lets a connection inherit it.
    no_delay: bool,
    limits: WaitLimits,
}

tcp_listener_calls!();

impl TcpListener {
    fn accept_one(&self, deadline: Deadline) -> io::Result<Stream> {
        let (socket, from) = accept(&self.socket, deadline)?;
        self.stream_of(socket, from)
    }

    fn stream_of(&self, socket: Socket, from: SockAddr) -> io::Result<Stream> {
        socket.set_nonblocking(true)?;
        if self.no_delay {
            let _ = socket.set_tcp_nodelay(true);
        }
        let local = endpoint_of(socket.local_addr(), Protocol::Tcp)?;
        let remote = endpoint_of(Ok(from), Protocol::Tcp)?;
        Ok(Stream::plain(PolledSocket::new(socket), local.into(), remote.into()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the runtime of the async flavour can refuse a socket")]
    fn register(socket: Socket) -> io::Result<PolledSocket> {
        Ok(PolledSocket::new(socket))
    }

    pub(crate) fn socket(&self) -> &PolledSocket {
        &self.socket
    }
}

/// A socket that accepts Unix-domain connections; the blocking [`UnixListener`](crate::UnixListener), with the same
/// methods. Dropping it does not remove the file at its path.
pub struct UnixListener {
    socket: PolledSocket,
    local: UnixPath,
    limits: WaitLimits,
}

unix_listener_calls!();

impl UnixListener {
    fn accept_one(&self, deadline: Deadline) -> io::Result<Stream> {
        let (socket, unnamed) = accept(&self.socket, deadline)?;
        self.stream_of(socket, unnamed)
    }

    fn stream_of(&self, socket: Socket, _unnamed: SockAddr) -> io::Result<Stream> {
        socket.set_nonblocking(true)?;
        Ok(Stream::plain(PolledSocket::new(socket), self.local().into(), self.local().into()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the runtime of the async flavour can refuse a socket")]
    fn register(socket: Socket) -> io::Result<PolledSocket> {
        Ok(PolledSocket::new(socket))
    }

    pub(crate) fn socket(&self) -> &PolledSocket {
        &self.socket
    }
}

fn accept(socket: &PolledSocket, deadline: Deadline) -> io::Result<(Socket, SockAddr)> {
    socket.when(PollFlags::IN, WaitMode::Until(deadline), Socket::accept)
}
