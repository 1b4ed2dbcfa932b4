//! The TCP listener of the async flavour.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::BACKLOG;
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault, timed_out};
use crate::network::{BoxFuture, Listener, Transport};
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{endpoint_of, family_of, listening};
use crate::stream::Stream;
use crate::stream::tcp::TcpTransport;
use crate::time::{Deadline, Timeouts, Waits, clock};

/// A socket that takes connections.
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
    listener: tokio::net::TcpListener,
    local: Endpoint,
    /// Not every system lets a connection inherit it.
    no_delay: bool,
    waits: Waits,
}

impl TcpListener {
    /// Listens on `local` with the default [`SocketOptions`], and 1,024 connections waiting at most. Port 0 is a free
    /// one. Must be called within a runtime.
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
        let open = || {
            let endpoint = endpoint_of(socket.local_addr(), Protocol::Tcp)?;
            Ok((tokio::net::TcpListener::from_std(socket.into())?, endpoint))
        };
        let (listener, local) = open().map_err(|error| fault(Phase::Listen, error, start, local.into()))?;
        let no_delay = options.is_none_or(|options| options.no_delay == Some(true));
        Ok(Self { listener, local, no_delay, waits: Waits::new(Timeouts::default()) })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// The options that are set at present.
    pub fn options(&self) -> SocketOptions {
        let family = family_of(self.local.socket_addr());
        options_of(&SockRef::from(&self.listener), family, Role::Listener)
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
    /// In phase `Accept`. After one, the listener is as good as before; where it is `LocalExhausted`, give the machine a
    /// moment.
    pub async fn accept(&self) -> Result<Stream, Fault> {
        self.accept_within(self.waits.accept()).await
    }

    /// The same before `deadline`.
    pub async fn accept_within(&self, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        match self.waits.limited(deadline).bound(self.take()).await {
            Ok(Ok(transport)) => Ok(self.stream(transport)),
            Ok(Err(error)) => Err(fault(Phase::Accept, error, start, self.local.into())),
            Err(_passed) => Err(timed_out(Phase::Accept, start, self.local.into())),
        }
    }

    /// The next connection if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_accept(&self) -> Result<Stream, Fault> {
        let start = clock::now();
        let accepted = || {
            // The system is asked, not the runtime, which may not have looked at the socket yet.
            let (socket, from) = SockRef::from(&self.listener).accept()?;
            socket.set_nonblocking(true)?;
            let remote = endpoint_of(Ok(from), Protocol::Tcp)?;
            self.transport(TcpStream::from_std(socket.into())?, remote.socket_addr())
        };
        accepted()
            .map(|transport| self.stream(transport))
            .map_err(|error| fault(Phase::Accept, error, start, self.local.into()))
    }

    async fn take(&self) -> io::Result<TcpTransport> {
        let (stream, remote) = self.listener.accept().await?;
        self.transport(stream, remote)
    }

    fn transport(&self, stream: TcpStream, remote: SocketAddr) -> io::Result<TcpTransport> {
        if self.no_delay {
            let _ = stream.set_nodelay(true);
        }
        TcpTransport::new(stream, remote)
    }

    fn stream(&self, transport: TcpTransport) -> Stream {
        let mut stream = Stream::plain(Box::new(transport));
        stream.set_timeouts(self.waits.timeouts);
        stream
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.local).finish_non_exhaustive()
    }
}

/// As a listener of the seam it waits for ever: whoever uses it that way brings a deadline.
impl Listener for TcpListener {
    fn endpoint(&self) -> Endpoint {
        self.local
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Transport>, Endpoint)>> {
        Box::pin(async {
            let transport = self.take().await?;
            let remote = transport.remote;
            Ok((Box::new(transport) as Box<dyn Transport>, remote))
        })
    }
}
