//! Streams: what is sent and received on.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;

use rustix::event::PollFlags;
use socket2::{SockAddr, SockRef, Socket};
use tokio::time::Instant;

use super::{tcp, unix};
use crate::addressing::{Address, Endpoint, Protocol};
use crate::faults::{Fault, FaultKind, Phase, fault};
use crate::options::{Family, Role, SocketOptions, options_of};
use crate::os::{
    Descriptor, ReadWrite, WaitMode, Wire, endpoint_of, family_of, require, sent_after_end, stream_socket,
};
use crate::time::{Deadline, DeadlinePassed, Timeouts, Waits, clock};
use crate::tls::{Session, TlsSummary};

/// An established connection: TCP or a Unix-domain socket, plain or over TLS; the blocking
/// [`Stream`](crate::Stream), with the same methods.
///
/// As a `Read` and `Write` it has the same deadlines; an error's source is then the [`Fault`]. Over TLS, an end without
/// `close_notify` is `ClosedEarly`.
pub struct Stream {
    layer: Layer,
    local: Address,
    remote: Address,
    waits: Waits,
    /// Whether our direction has been ended, here and not by the peer.
    has_ended: bool,
}

enum Layer {
    Plain(Descriptor),
    Tls(Box<Session>),
}

impl Stream {
    /// Connects to `remote` within the default timeout, with the default [`SocketOptions`]. Names are connected to by a
    /// [`Connector`](super::Connector).
    ///
    /// # Errors
    /// In phase `Connect`; `Misuse` for an endpoint of UDP.
    pub fn connect(remote: impl Into<Address>) -> Result<Self, Fault> {
        Self::connect_within(remote, Deadline::after(Timeouts::default().connect))
    }

    /// The same before `deadline`.
    pub fn connect_within(remote: impl Into<Address>, deadline: Deadline) -> Result<Self, Fault> {
        Self::open(remote.into(), None, deadline)
    }

    /// The same with these options.
    pub fn connect_with(
        remote: impl Into<Address>,
        options: &SocketOptions,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        Self::open(remote.into(), Some(options), deadline)
    }

    fn open(remote: Address, options: Option<&SocketOptions>, deadline: Deadline) -> Result<Self, Fault> {
        let start = clock::now();
        let opened = match &remote {
            Address::Endpoint(endpoint) => dial(*endpoint, options, deadline),
            Address::Unix(path) => SockAddr::unix(path.as_path())
                .and_then(|address| dial_unix(&address, options, deadline))
                .map(|descriptor| (descriptor, remote.clone())),
        };
        match opened {
            Ok((descriptor, local)) => Ok(Self::plain(descriptor, local, remote, Timeouts::default())),
            Err(error) => Err(fault(Phase::Connect, error, start, remote)),
        }
    }

    pub(crate) fn plain(descriptor: Descriptor, local: Address, remote: Address, timeouts: Timeouts) -> Self {
        let waits = Waits::new(timeouts);
        Self { layer: Layer::Plain(descriptor), local, remote, waits, has_ended: false }
    }

    /// A TLS session over this plain stream. `None` where TLS is spoken already: TLS within TLS is for the async flavour.
    pub(crate) fn secured(
        self,
        handshake: impl FnOnce(Descriptor, &Waits) -> io::Result<Session>,
    ) -> io::Result<Self> {
        let Self { layer, local, remote, waits, has_ended } = self;
        let Layer::Plain(descriptor) = layer else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "TLS is spoken on this stream already"));
        };
        let session = handshake(descriptor, &waits)?;
        Ok(Self { layer: Layer::Tls(Box::new(session)), local, remote, waits, has_ended })
    }

    /// Our end.
    pub fn local(&self) -> Address {
        self.local.clone()
    }

    /// The other end. That of a connection that a Unix listener accepted has no name; it is called by the listener's.
    pub fn remote(&self) -> Address {
        self.remote.clone()
    }

    /// What was agreed on in the handshake, if TLS is spoken.
    pub fn tls(&self) -> Option<TlsSummary> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(session) => Some(crate::tls::summary_of(&session.connection)),
        }
    }

    /// The certificates that the peer has shown, its own first, in DER form; none where TLS is not spoken.
    pub fn peer_certificates(&self) -> Vec<Vec<u8>> {
        match &self.layer {
            Layer::Plain(_) => Vec::new(),
            Layer::Tls(session) => crate::tls::certificates_of(&session.connection),
        }
    }

    /// The options that are set at present.
    ///
    /// # Errors
    /// None in this flavour.
    pub fn options(&self) -> Result<SocketOptions, Fault> {
        Ok(options_of(&SockRef::from(self.socket()), self.family(), Role::Stream))
    }

    /// Sets those that are not `None`.
    ///
    /// # Errors
    /// In phase `Connect`, when the system refuses one; others may be set then.
    pub fn set_options(&self, options: &SocketOptions) -> Result<(), Fault> {
        let outcome = options.apply(&SockRef::from(self.socket()), self.family(), Role::Stream);
        self.told(Phase::Connect, clock::now(), outcome)
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.waits.timeouts
    }

    /// Changes that, from the next call on.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.waits.timeouts = timeouts;
    }

    /// Sends all of `bytes`, within [`Timeouts::write`].
    ///
    /// # Errors
    /// In phase `Send`; `TimedOut` when the peer did not take all of it in time. How much it took is unknown: close the
    /// connection then.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.send_within(bytes, self.waits.write())
    }

    /// The same before `deadline`.
    pub fn send_within(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let wait = WaitMode::Until(self.waits.limited(deadline));
        let sent = self.sending(bytes, wait, |io| io.write_all(bytes).and_then(|()| io.flush()));
        self.told(Phase::Send, start, sent)
    }

    /// Receives what there is, at least one byte, within [`Timeouts::read`]; 0 at the end of the stream or when `buffer`
    /// is empty.
    ///
    /// # Errors
    /// In phase `Receive`; `TimedOut` when nothing came in time.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receive_within(buffer, self.waits.read())
    }

    /// The same before `deadline`.
    pub fn receive_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        self.receive_since(clock::now(), buffer, deadline)
    }

    /// The same as a part of a call that began at `start`.
    pub(crate) fn receive_since(
        &mut self,
        start: Instant,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let wait = WaitMode::Until(self.waits.limited(deadline));
        let received = self.with_io(wait, |io| io.read(buffer));
        self.told(Phase::Receive, start, received)
    }

    /// Receives until `buffer` is full, within [`Timeouts::read`].
    ///
    /// # Errors
    /// In phase `Receive`; `ClosedEarly` when the stream ends before that.
    pub fn receive_exact(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        self.receive_exact_within(buffer, self.waits.read())
    }

    /// The same before `deadline`.
    pub fn receive_exact_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let wait = WaitMode::Until(self.waits.limited(deadline));
        let received = self.with_io(wait, |io| io.read_exact(buffer));
        self.told(Phase::Receive, start, received)
    }

    /// Sends as much of `bytes` as can be sent at this moment, and says how much; when it is nothing, the fault is
    /// `WouldBlock`. Over TLS the bytes that are taken are sent as there is room, at the latest by the next call.
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let sent = self.sending(bytes, WaitMode::AtOnce, |io| io.write(bytes));
        self.told(Phase::Send, clock::now(), sent)
    }

    /// Receives what there is at this moment, as [`receive`](Self::receive); when that is nothing, the fault is
    /// `WouldBlock`.
    pub fn try_receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let received = self.with_io(WaitMode::AtOnce, |io| io.read(buffer));
        self.told(Phase::Receive, clock::now(), received)
    }

    /// Waits until there is something to receive, or the end of the stream, within [`Timeouts::read`]. For several
    /// sockets at once there is [`wait_ready`](super::wait_ready).
    ///
    /// # Errors
    /// In phase `Wait`.
    pub fn readable(&self) -> Result<(), Fault> {
        self.readable_within(self.waits.read())
    }

    /// The same before `deadline`.
    pub fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        if self.holds_bytes() {
            return Ok(());
        }
        self.ready(PollFlags::IN, deadline)
    }

    /// Waits until there is room for something to send, within [`Timeouts::write`].
    ///
    /// # Errors
    /// In phase `Wait`.
    pub fn writable(&self) -> Result<(), Fault> {
        self.writable_within(self.waits.write())
    }

    /// The same before `deadline`.
    pub fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.ready(PollFlags::OUT, deadline)
    }

    /// Ends our direction (FIN; over TLS `close_notify` first), within [`Timeouts::write`]: the peer receives what is
    /// under way and then the end. Its own direction stays open.
    ///
    /// # Errors
    /// In phase `Shutdown`.
    pub fn shutdown_write(&mut self) -> Result<(), Fault> {
        self.shutdown_write_within(self.waits.write())
    }

    /// The same before `deadline`.
    pub fn shutdown_write_within(&mut self, deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let wait = WaitMode::Until(self.waits.limited(deadline));
        self.has_ended = true;
        let farewell = match &mut self.layer {
            Layer::Plain(_) => Ok(()),
            Layer::Tls(session) => session.say_farewell(wait, &self.waits),
        };
        let outcome = farewell.and_then(|()| self.socket().shutdown(Shutdown::Write));
        self.told(Phase::Shutdown, start, outcome)
    }

    /// Ends the other direction, shutdown(2): from now on [`receive`](Self::receive) gives what has arrived already, and
    /// then the end. The peer is not told.
    ///
    /// # Errors
    /// In phase `Shutdown`.
    pub fn shutdown_read(&self) -> Result<(), Fault> {
        self.told(Phase::Shutdown, clock::now(), self.socket().shutdown(Shutdown::Read))
    }

    /// Ends our direction within [`Timeouts::write`], and closes. Dropping a stream closes it too, but over TLS without
    /// the farewell.
    ///
    /// # Errors
    /// In phase `Shutdown`; it is closed all the same.
    pub fn close(mut self) -> Result<(), Fault> {
        self.shutdown_write()
    }

    /// Closes at once with RST: what is not yet delivered is lost, and the peer sees a reset.
    pub fn reset(self) {
        if self.family() != Family::Unix {
            // If the option is refused the connection is closed all the same.
            let _ = self.socket().set_linger(Some(std::time::Duration::ZERO));
        }
    }

    pub(crate) fn tls_deadline(&self) -> Deadline {
        self.waits.tls()
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        match &self.layer {
            Layer::Plain(descriptor) => descriptor,
            Layer::Tls(session) => &session.descriptor,
        }
    }

    /// Whether something can be received that the system does not know of any more.
    pub(crate) fn holds_bytes(&self) -> bool {
        match &self.layer {
            Layer::Plain(_) => false,
            Layer::Tls(session) => !session.connection.wants_read(),
        }
    }

    fn socket(&self) -> &Socket {
        self.descriptor().socket()
    }

    fn family(&self) -> Family {
        match &self.local {
            Address::Endpoint(endpoint) => family_of(endpoint.socket_addr()),
            Address::Unix(_) => Family::Unix,
        }
    }

    fn with_io<T>(
        &mut self,
        wait: WaitMode,
        run: impl FnOnce(&mut dyn ReadWrite) -> io::Result<T>,
    ) -> io::Result<T> {
        match &mut self.layer {
            Layer::Plain(descriptor) => run(&mut Wire::new(descriptor, wait, &self.waits)),
            Layer::Tls(session) => session.with_io(wait, &self.waits, run),
        }
    }

    fn sending<T>(
        &mut self,
        bytes: &[u8],
        wait: WaitMode,
        run: impl FnOnce(&mut dyn ReadWrite) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.has_ended && !bytes.is_empty() {
            return Err(sent_after_end());
        }
        self.with_io(wait, run)
    }

    fn ready(&self, events: PollFlags, deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let outcome = self.descriptor().wait(events, self.waits.limited(deadline));
        self.told(Phase::Wait, start, outcome)
    }

    fn told<T>(&self, phase: Phase, start: Instant, outcome: io::Result<T>) -> Result<T, Fault> {
        outcome.map_err(|error| fault(phase, error, start, self.remote()))
    }
}

fn dial(
    remote: Endpoint,
    options: Option<&SocketOptions>,
    deadline: Deadline,
) -> io::Result<(Descriptor, Address)> {
    require(remote, Protocol::Tcp)?;
    let descriptor = Descriptor::new(stream_socket(remote.socket_addr(), options)?);
    let socket = descriptor.socket();
    match socket.connect(&remote.socket_addr().into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {
            descriptor.wait(PollFlags::OUT, deadline)?;
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    let local = endpoint_of(socket.local_addr(), Protocol::Tcp)?;
    if local == remote { Err(tcp::met_itself()) } else { Ok((descriptor, local.into())) }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn dial_unix(
    address: &SockAddr,
    options: Option<&SocketOptions>,
    deadline: Deadline,
) -> io::Result<Descriptor> {
    loop {
        if let Some(socket) = unix::try_connect(address, options)? {
            return Ok(Descriptor::new(socket));
        }
        if deadline.has_passed() {
            return Err(DeadlinePassed.into());
        }
        thread::sleep(unix::ROOM_CHECK.min(deadline.remaining()));
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
        let wait = WaitMode::Until(self.waits.write());
        let sent = self.sending(bytes, wait, |io| io.write(bytes));
        self.told(Phase::Send, start, sent).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send(&[]).map_err(io_error)
    }
}

/// The standard library's traits speak of I/O errors; callers of theirs look at the kind.
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

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("remote", &self.remote)
            .field("tls", &self.tls())
            .finish_non_exhaustive()
    }
}
