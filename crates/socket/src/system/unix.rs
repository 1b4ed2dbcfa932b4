//! Unix-domain stream sockets, unix(7).

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::opening::{fault, length, new_socket, set_options, timed_out};
use super::tcp::BACKLOG;
use crate::options::{Family, Role, options_of};
use crate::timeouts::Waits;
use crate::{Address, Deadline, Fault, Phase, SocketOptions, Stream, Timeouts, Transport, UnixPath, clock};

/// While a listener's backlog is full, Linux refuses to wait in connect(2) on a socket that does not block, and no event
/// tells when there is room again: it is tried again this often.
pub(crate) const ROOM_CHECK: std::time::Duration = std::time::Duration::from_millis(5);

/// A connection of the system. Both of its ends go by the path of the listener.
pub(crate) struct UnixTransport {
    stream: UnixStream,
    path: UnixPath,
}

/// Connects, waiting while the listener's backlog is full. Cancel safe.
pub(crate) async fn dial(path: &UnixPath, options: Option<&SocketOptions>) -> io::Result<UnixTransport> {
    let address = SockAddr::unix(path.as_path())?;
    loop {
        if let Some(socket) = try_connect(&address, options)? {
            return Ok(UnixTransport { stream: UnixStream::from_std(socket.into())?, path: path.clone() });
        }
        tokio::time::sleep(ROOM_CHECK).await;
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

impl Transport for UnixTransport {
    fn local(&self) -> Address {
        self.path.clone().into()
    }

    fn remote(&self) -> Address {
        self.path.clone().into()
    }

    /// There is no RST here: a peer sees an end, or a reset if it had sent something that was not received.
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

impl AsyncRead for UnixTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for UnixTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
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
