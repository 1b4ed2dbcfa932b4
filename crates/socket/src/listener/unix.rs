//! The Unix-domain listener of the async flavour.

use std::io;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::BACKLOG;
use crate::addressing::UnixPath;
use crate::faults::{Fault, Phase, fault, timed_out};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{length, new_socket, set_options};
use crate::stream::Stream;
use crate::stream::unix::UnixTransport;
use crate::time::{Deadline, Timeouts, Waits, clock};

/// A socket that listens on `path`.
pub(crate) fn listening(
    path: &UnixPath,
    options: Option<&SocketOptions>,
    backlog: u32,
) -> Result<Socket, Fault> {
    let start = clock::now();
    let bound = || {
        let socket = new_socket(Domain::UNIX, Type::STREAM)?;
        set_options(&socket, Family::Unix, Role::Listener, options)?;
        socket.bind(&SockAddr::unix(path.as_path())?)?;
        Ok(socket)
    };
    let socket = bound().map_err(|error| failed(Phase::Bind, error, start, path))?;
    socket.listen(length(backlog)).map_err(|error| failed(Phase::Listen, error, start, path))?;
    Ok(socket)
}

fn failed(phase: Phase, error: io::Error, start: Instant, path: &UnixPath) -> Fault {
    fault(phase, error, start, path.clone().into())
}

/// A Unix-domain socket that takes connections. Where nothing else is said, it is as [`TcpListener`](crate::TcpListener).
///
/// The file at its path stays when it is dropped, and keeps others from binding there: whoever binds removes it, before
/// or after.
pub struct UnixListener {
    listener: tokio::net::UnixListener,
    path: UnixPath,
    waits: Waits,
}

impl UnixListener {
    /// Listens on `path`, where no file may be yet. Must be called within a runtime.
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
        let start = clock::now();
        let socket = listening(&path, options, backlog)?;
        let listener = tokio::net::UnixListener::from_std(socket.into())
            .map_err(|error| failed(Phase::Listen, error, start, &path))?;
        Ok(Self { listener, path, waits: Waits::new(Timeouts::default()) })
    }

    /// Where it listens.
    pub fn local(&self) -> UnixPath {
        self.path.clone()
    }

    /// The options that are set at present.
    pub fn options(&self) -> SocketOptions {
        options_of(&SockRef::from(&self.listener), Family::Unix, Role::Listener)
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.waits.timeouts
    }

    /// Changes that. The connections that are accepted from now on have the same timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.waits.timeouts = timeouts;
    }

    /// The next connection, within [`Timeouts::accept`]. Cancel safe: no connection is lost.
    ///
    /// # Errors
    /// In phase `Accept`.
    pub async fn accept(&self) -> Result<Stream, Fault> {
        self.accept_within(self.waits.accept()).await
    }

    /// The same before `deadline`.
    pub async fn accept_within(&self, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        match self.waits.limited(deadline).bound(self.listener.accept()).await {
            Ok(Ok((stream, _unnamed))) => Ok(self.stream(stream)),
            Ok(Err(error)) => Err(failed(Phase::Accept, error, start, &self.path)),
            Err(_passed) => Err(timed_out(Phase::Accept, start, self.path.clone().into())),
        }
    }

    /// The next connection if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_accept(&self) -> Result<Stream, Fault> {
        let start = clock::now();
        let accepted = || {
            let (socket, _from) = SockRef::from(&self.listener).accept()?;
            socket.set_nonblocking(true)?;
            UnixStream::from_std(socket.into())
        };
        accepted()
            .map(|stream| self.stream(stream))
            .map_err(|error| failed(Phase::Accept, error, start, &self.path))
    }

    fn stream(&self, stream: UnixStream) -> Stream {
        let mut stream = Stream::plain(Box::new(UnixTransport { stream, path: self.path.clone() }));
        stream.set_timeouts(self.waits.timeouts);
        stream
    }
}

impl std::fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnixListener").field("path", &self.path).finish_non_exhaustive()
    }
}
