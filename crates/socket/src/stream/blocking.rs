//! The stream of the blocking flavour.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use rustix::event::PollFlags;
use rustls::CommonState;
use socket2::{SockAddr, SockRef};
use tokio::time::Instant;

use super::calls::stream_calls;
use super::{tcp, unix};
use crate::addressing::{Address, Endpoint, Protocol};
use crate::faults::{Fault, FaultKind, Phase, fault};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{
    BoundedIo, PolledSocket, ReadWrite, WaitMode, endpoint_of, family_of, require, sent_after_end,
    stream_socket,
};
use crate::time::{Deadline, DeadlinePassed, Timeouts, WaitLimits, clock};
use crate::tls::{TlsSession, TlsSummary, certificates_of, summary_of};

/// An established connection: TCP or a Unix-domain socket, plain or over TLS; the blocking
/// [`Stream`](crate::Stream), with the same methods.
///
/// As `Read` and `Write` it has the same deadlines, and the inner error is the [`Fault`]. Over TLS, an end without
/// `close_notify` is `ClosedEarly`.
pub struct Stream {
    layer: Layer,
    local: Address,
    remote: Address,
    limits: WaitLimits,
    /// Whether we have ended our direction.
    has_ended: bool,
}

enum Layer {
    Plain(PolledSocket),
    Tls(Box<TlsSession>),
}

stream_calls!();

impl Stream {
    fn dial(remote: &Address, options: Option<&SocketOptions>, deadline: Deadline) -> io::Result<Self> {
        let (socket, local) = match remote {
            Address::Endpoint(endpoint) => connect_tcp(*endpoint, options, deadline)?,
            Address::Unix(path) => {
                let address = SockAddr::unix(path.as_path())?;
                (connect_unix(&address, options, deadline)?, remote.clone())
            }
        };
        Ok(Self::plain(socket, local, remote.clone()))
    }

    /// A plain stream over `socket`, with the default timeouts.
    pub(crate) fn plain(socket: PolledSocket, local: Address, remote: Address) -> Self {
        let limits = WaitLimits::new(Timeouts::default());
        Self { layer: Layer::Plain(socket), local, remote, limits, has_ended: false }
    }

    /// The stream over the TLS session that `handshake` establishes on this one. Only the async flavour has TLS within
    /// TLS; here it is `Unsupported`.
    pub(crate) fn secured(
        self,
        handshake: impl FnOnce(PolledSocket, &WaitLimits) -> io::Result<TlsSession>,
    ) -> io::Result<Self> {
        let Self { layer, local, remote, limits, has_ended } = self;
        let Layer::Plain(socket) = layer else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this stream has a TLS session already"));
        };
        let session = handshake(socket, &limits)?;
        Ok(Self { layer: Layer::Tls(Box::new(session)), local, remote, limits, has_ended })
    }

    /// The address of this end.
    pub fn local(&self) -> Address {
        self.local.clone()
    }

    /// The address of the peer. A connection that a Unix-domain listener accepted has no name of its own: this is the
    /// path of the listener.
    pub fn remote(&self) -> Address {
        self.remote.clone()
    }

    /// Closes at once with RST: bytes that are not delivered yet are lost, and the peer's calls fail as `Reset`.
    pub fn reset(self) {
        if self.family() != Family::Unix {
            // If the system refuses the option, the connection is closed nevertheless.
            let _ = self.socket().get_ref().set_linger(Some(Duration::ZERO));
        }
    }

    pub(crate) fn limits(&self) -> WaitLimits {
        self.limits
    }

    pub(crate) fn socket(&self) -> &PolledSocket {
        match &self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(session) => &session.socket,
        }
    }

    /// Whether TLS holds received bytes, of which the socket no longer knows.
    pub(crate) fn holds_bytes(&self) -> bool {
        self.tls_state().is_some_and(|session| !session.wants_read())
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        self.with_io(WaitMode::Until(deadline), |io| io.read(buffer))
    }

    fn write_some(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<usize> {
        self.with_io(WaitMode::Until(deadline), |io| io.write(bytes))
    }

    fn flush_all(&mut self, deadline: Deadline) -> io::Result<()> {
        self.with_io(WaitMode::Until(deadline), |io| io.flush())
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with_io(WaitMode::AtOnce, |io| io.read(buffer))
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with_io(WaitMode::AtOnce, |io| io.write(bytes))
    }

    fn end_write(&mut self, deadline: Deadline) -> io::Result<()> {
        if let Layer::Tls(session) = &mut self.layer {
            session.send_close_notify(WaitMode::Until(deadline), &self.limits)?;
        }
        self.socket().get_ref().shutdown(Shutdown::Write)
    }

    fn end_read(&self) -> io::Result<()> {
        self.socket().get_ref().shutdown(Shutdown::Read)
    }

    fn wait_readable(&self, deadline: Deadline) -> io::Result<()> {
        self.socket().wait(PollFlags::IN, deadline)
    }

    fn wait_writable(&self, deadline: Deadline) -> io::Result<()> {
        self.socket().wait(PollFlags::OUT, deadline)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the async flavour has streams without a socket")]
    fn current_options(&self) -> io::Result<SocketOptions> {
        Ok(options_of(&SockRef::from(self.socket()), self.family(), Role::Stream))
    }

    fn change_options(&self, options: &SocketOptions) -> io::Result<()> {
        options.apply(&SockRef::from(self.socket()), self.family(), Role::Stream)
    }

    fn tls_state(&self) -> Option<&CommonState> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(session) => Some(&session.connection),
        }
    }

    fn family(&self) -> Family {
        match &self.local {
            Address::Endpoint(endpoint) => family_of(endpoint.socket_addr()),
            Address::Unix(_) => Family::Unix,
        }
    }

    /// Runs one step of a call, which waits as `wait` says.
    fn with_io<T>(
        &mut self,
        wait: WaitMode,
        run: impl FnOnce(&mut dyn ReadWrite) -> io::Result<T>,
    ) -> io::Result<T> {
        match &mut self.layer {
            Layer::Plain(socket) => run(&mut BoundedIo::new(socket, wait, &self.limits)),
            Layer::Tls(session) => session.with_io(wait, &self.limits, run),
        }
    }
}

fn connect_tcp(
    remote: Endpoint,
    options: Option<&SocketOptions>,
    deadline: Deadline,
) -> io::Result<(PolledSocket, Address)> {
    require(remote, Protocol::Tcp)?;
    let socket = PolledSocket::new(stream_socket(remote.socket_addr(), options)?);
    match socket.get_ref().connect(&remote.socket_addr().into()) {
        Ok(()) => {}
        Err(error) if is_in_progress(&error) => {
            socket.wait(PollFlags::OUT, deadline)?;
            if let Some(error) = socket.get_ref().take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    let local = endpoint_of(socket.get_ref().local_addr(), Protocol::Tcp)?;
    if local == remote { Err(tcp::connected_to_itself()) } else { Ok((socket, local.into())) }
}

fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn connect_unix(
    address: &SockAddr,
    options: Option<&SocketOptions>,
    deadline: Deadline,
) -> io::Result<PolledSocket> {
    loop {
        if let Some(socket) = unix::try_connect(address, options)? {
            return Ok(PolledSocket::new(socket));
        }
        if deadline.has_passed() {
            return Err(DeadlinePassed.into());
        }
        thread::sleep(unix::BACKLOG_RETRY.min(deadline.remaining()));
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer).map_err(io_error)
    }
}

impl Write for Stream {
    /// Sends some of `bytes`, within [`Timeouts::write`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let start = clock::now();
        let sent = self.check_open_for(bytes).and_then(|()| self.write_some(bytes, self.limits.write()));
        self.in_phase(Phase::Send, start, sent).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send(&[]).map_err(io_error)
    }
}

/// The fault as an I/O error, with the kind that callers of `Read` and `Write` look at.
fn io_error(fault: Fault) -> io::Error {
    let kind = match fault.kind() {
        FaultKind::TimedOut => io::ErrorKind::TimedOut,
        FaultKind::Reset => io::ErrorKind::ConnectionReset,
        FaultKind::ClosedEarly => io::ErrorKind::UnexpectedEof,
        FaultKind::WouldBlock => io::ErrorKind::WouldBlock,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, fault)
}
