//! Sockets that take connections.

use std::io;

use rustix::event::PollFlags;
use socket2::{SockRef, Socket};

use super::{BACKLOG, listening_unix};
use crate::addressing::{Address, Endpoint, Protocol, UnixPath};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{Descriptor, WaitMode, endpoint_of, family_of, listening};
use crate::stream::blocking::Stream;
use crate::time::{Deadline, Timeouts, Waits, clock};

/// What the two listeners have in common.
struct Listening {
    descriptor: Descriptor,
    local: Address,
    /// Not every system lets a connection inherit it.
    no_delay: bool,
    waits: Waits,
}

impl Listening {
    fn accept(&self, wait: WaitMode) -> Result<Stream, Fault> {
        let start = clock::now();
        let wait = match wait {
            WaitMode::AtOnce => WaitMode::AtOnce,
            WaitMode::Until(deadline) => WaitMode::Until(self.waits.limited(deadline)),
        };
        let accepted = self.descriptor.when(PollFlags::IN, wait, Socket::accept);
        accepted
            .and_then(|(socket, from)| self.stream(socket, from))
            .map_err(|error| fault(Phase::Accept, error, start, self.local.clone()))
    }

    fn stream(&self, socket: Socket, from: socket2::SockAddr) -> io::Result<Stream> {
        socket.set_nonblocking(true)?;
        let (local, remote) = match &self.local {
            Address::Unix(_) => (self.local.clone(), self.local.clone()),
            Address::Endpoint(_) => {
                if self.no_delay {
                    let _ = socket.set_tcp_nodelay(true);
                }
                let local = endpoint_of(socket.local_addr(), Protocol::Tcp)?;
                (local.into(), endpoint_of(Ok(from), Protocol::Tcp)?.into())
            }
        };
        Ok(Stream::plain(Descriptor::new(socket), local, remote, self.waits.timeouts))
    }

    fn options(&self) -> SocketOptions {
        let family = match &self.local {
            Address::Endpoint(endpoint) => family_of(endpoint.socket_addr()),
            Address::Unix(_) => Family::Unix,
        };
        options_of(&SockRef::from(self.descriptor.socket()), family, Role::Listener)
    }
}

/// A socket that takes connections; the blocking [`TcpListener`](crate::TcpListener), with the same methods.
pub struct TcpListener {
    inner: Listening,
    local: Endpoint,
}

impl TcpListener {
    /// Listens on `local` with the default [`SocketOptions`], and 1,024 connections waiting at most. Port 0 is a free
    /// one.
    ///
    /// # Errors
    /// In phase `Bind` or `Listen`.
    pub fn bind(local: Endpoint) -> Result<Self, Fault> {
        Self::open(local, None, BACKLOG)
    }

    /// The same with these options, which the connections that are accepted inherit as far as their system lets them;
    /// at most `backlog` connections wait to be accepted, or as many as the system allows if that is less (listen(2)).
    pub fn bind_with(local: Endpoint, options: &SocketOptions, backlog: u32) -> Result<Self, Fault> {
        Self::open(local, Some(options), backlog)
    }

    fn open(local: Endpoint, options: Option<&SocketOptions>, backlog: u32) -> Result<Self, Fault> {
        let start = clock::now();
        let socket = listening(local, options, backlog)?;
        let local = endpoint_of(socket.local_addr(), Protocol::Tcp)
            .map_err(|error| fault(Phase::Listen, error, start, local.into()))?;
        let no_delay = options.is_none_or(|options| options.no_delay == Some(true));
        let waits = Waits::new(Timeouts::default());
        let descriptor = Descriptor::new(socket);
        Ok(Self { inner: Listening { descriptor, local: local.into(), no_delay, waits }, local })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// The options that are set at present.
    pub fn options(&self) -> SocketOptions {
        self.inner.options()
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.inner.waits.timeouts
    }

    /// Changes that. The connections that are accepted from now on have the same timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.inner.waits.timeouts = timeouts;
    }

    /// The next connection, within [`Timeouts::accept`]. Several threads may wait at once; each gets another connection.
    ///
    /// # Errors
    /// In phase `Accept`. After one, the listener is as good as before; where it is `LocalExhausted`, give the machine a
    /// moment.
    pub fn accept(&self) -> Result<Stream, Fault> {
        self.accept_within(self.inner.waits.accept())
    }

    /// The same before `deadline`.
    pub fn accept_within(&self, deadline: Deadline) -> Result<Stream, Fault> {
        self.inner.accept(WaitMode::Until(deadline))
    }

    /// The next connection if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_accept(&self) -> Result<Stream, Fault> {
        self.inner.accept(WaitMode::AtOnce)
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.inner.descriptor
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.local).finish_non_exhaustive()
    }
}

/// A Unix-domain socket that takes connections; the blocking [`UnixListener`](crate::UnixListener), with the same
/// methods. The file at its path stays when it is dropped.
pub struct UnixListener {
    inner: Listening,
    path: UnixPath,
}

impl UnixListener {
    /// Listens on `path`, where no file may be yet.
    ///
    /// # Errors
    /// In phase `Bind` or `Listen`.
    pub fn bind(path: UnixPath) -> Result<Self, Fault> {
        Self::open(path, None, BACKLOG)
    }

    /// The same with these options, of which only the buffers mean something here, and this backlog.
    pub fn bind_with(path: UnixPath, options: &SocketOptions, backlog: u32) -> Result<Self, Fault> {
        Self::open(path, Some(options), backlog)
    }

    fn open(path: UnixPath, options: Option<&SocketOptions>, backlog: u32) -> Result<Self, Fault> {
        let descriptor = Descriptor::new(listening_unix(&path, options, backlog)?);
        let waits = Waits::new(Timeouts::default());
        let local = path.clone().into();
        Ok(Self { inner: Listening { descriptor, local, no_delay: false, waits }, path })
    }

    /// Where it listens.
    pub fn local(&self) -> UnixPath {
        self.path.clone()
    }

    /// The options that are set at present.
    pub fn options(&self) -> SocketOptions {
        self.inner.options()
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.inner.waits.timeouts
    }

    /// Changes that. The connections that are accepted from now on have the same timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.inner.waits.timeouts = timeouts;
    }

    /// The next connection, within [`Timeouts::accept`].
    ///
    /// # Errors
    /// In phase `Accept`.
    pub fn accept(&self) -> Result<Stream, Fault> {
        self.accept_within(self.inner.waits.accept())
    }

    /// The same before `deadline`.
    pub fn accept_within(&self, deadline: Deadline) -> Result<Stream, Fault> {
        self.inner.accept(WaitMode::Until(deadline))
    }

    /// The next connection if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_accept(&self) -> Result<Stream, Fault> {
        self.inner.accept(WaitMode::AtOnce)
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.inner.descriptor
    }
}

impl std::fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnixListener").field("path", &self.path).finish_non_exhaustive()
    }
}
