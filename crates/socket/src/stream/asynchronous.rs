//! Streams: what is sent and received on.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::TlsStream;

use crate::addressing::Address;
use crate::faults::{Fault, Phase, fault, timed_out};
use crate::network::Transport;
use crate::options::SocketOptions;
use crate::os::sent_after_end;
use crate::time::{Deadline, Timeouts, Waits, clock};
use crate::tls::{TlsSummary, certificates_of, summary_of};

/// An established connection: TCP, a Unix-domain socket, or one in memory; plain or over TLS.
///
/// Each call has a limit of its own kind out of [`Timeouts`], or the deadline that it is given. As an `AsyncRead` and
/// `AsyncWrite` a stream adds nothing to the transport: no buffer, no lock, no timer. Whoever uses it that way puts a
/// deadline around the wait.
///
/// Over TLS, an end without `close_notify` is `UnexpectedEof`: whether the data were complete is for the protocol above
/// to know (RFC 9112 section 9.8).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use longhaul_socket::memory::MemoryNetwork;
/// use longhaul_socket::{Deadline, FaultKind, Network, Stream};
///
/// let network = MemoryNetwork::new();
/// let listener = network.listen("tcp://10.0.0.1:7".parse()?)?;
/// let mut stream = Stream::plain(network.dial(listener.endpoint()).await?);
/// let _silent_peer = listener.accept().await?;
///
/// stream.send(b"hello").await?;
/// let deadline = Deadline::after(Duration::from_secs(10));
/// let fault = stream.receive_within(&mut [0; 16], deadline).await.unwrap_err();
/// assert_eq!(fault.to_string(), "receive from tcp://10.0.0.1:7: timed out after 10000 ms");
/// # Ok(())
/// # }
/// ```
pub struct Stream {
    layer: Layer,
    waits: Waits,
    /// Whether our direction has been ended, here and not by the peer.
    has_ended: bool,
}

enum Layer {
    Plain(Box<dyn Transport>),
    /// Boxed: the state of a TLS session is large, and most of a list may be plain.
    Tls(Box<TlsStream<Box<dyn Transport>>>),
}

impl Stream {
    /// Connects to `remote` within the default timeout, with the default [`SocketOptions`]. Names are connected to by a
    /// [`Connector`](crate::Connector). Cancel safe: the socket is closed when the future is dropped.
    ///
    /// # Errors
    /// In phase `Connect`; `Misuse` for an endpoint of UDP.
    pub async fn connect(remote: impl Into<Address>) -> Result<Self, Fault> {
        Self::connect_within(remote, Deadline::after(Timeouts::default().connect)).await
    }

    /// The same before `deadline`.
    pub async fn connect_within(remote: impl Into<Address>, deadline: Deadline) -> Result<Self, Fault> {
        Self::open(remote.into(), None, deadline).await
    }

    /// The same with these options.
    pub async fn connect_with(
        remote: impl Into<Address>,
        options: &SocketOptions,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        Self::open(remote.into(), Some(options), deadline).await
    }

    async fn open(
        remote: Address,
        options: Option<&SocketOptions>,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        let start = clock::now();
        match deadline.bound(super::dial(&remote, options)).await {
            Ok(Ok(transport)) => Ok(Self::plain(transport)),
            Ok(Err(error)) => Err(fault(Phase::Connect, error, start, remote)),
            Err(_passed) => Err(timed_out(Phase::Connect, start, remote)),
        }
    }

    /// A plain stream over `transport`, with the default timeouts.
    pub fn plain(transport: Box<dyn Transport>) -> Self {
        Self { layer: Layer::Plain(transport), waits: Waits::new(Timeouts::default()), has_ended: false }
    }

    pub(crate) fn secure(session: TlsStream<Box<dyn Transport>>) -> Self {
        Self::secured(session, Waits::new(Timeouts::default()))
    }

    /// The stream that `session` makes of another, whose life goes on.
    pub(crate) fn secured(session: TlsStream<Box<dyn Transport>>, waits: Waits) -> Self {
        Self { layer: Layer::Tls(Box::new(session)), waits, has_ended: false }
    }

    /// Our end.
    pub fn local(&self) -> Address {
        self.transport().local()
    }

    /// The other end. That of a connection that a Unix listener accepted has no name; it is called by the listener's.
    pub fn remote(&self) -> Address {
        self.transport().remote()
    }

    /// What was agreed on in the handshake, if TLS is spoken.
    pub fn tls(&self) -> Option<TlsSummary> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(session) => Some(summary_of(session.get_ref().1)),
        }
    }

    /// The certificates that the peer has shown, its own first, in DER form; none where TLS is not spoken.
    pub fn peer_certificates(&self) -> Vec<Vec<u8>> {
        match &self.layer {
            Layer::Plain(_) => Vec::new(),
            Layer::Tls(session) => certificates_of(session.get_ref().1),
        }
    }

    /// The options that are set at present.
    ///
    /// # Errors
    /// In phase `Connect`, where there is no socket underneath.
    pub fn options(&self) -> Result<SocketOptions, Fault> {
        self.at_once(Phase::Connect, self.transport().options())
    }

    /// Sets those that are not `None`.
    ///
    /// # Errors
    /// In phase `Connect`, when the system refuses one; others may be set then.
    pub fn set_options(&self, options: &SocketOptions) -> Result<(), Fault> {
        self.at_once(Phase::Connect, self.transport().set_options(options))
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.waits.timeouts
    }

    /// Changes that, from the next call on.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.waits.timeouts = timeouts;
    }

    /// Sends all of `bytes`, within [`Timeouts::write`]. Not cancel safe: it is unknown how much was sent.
    ///
    /// # Errors
    /// In phase `Send`; `TimedOut` when the peer did not take all of it in time. How much it took is unknown: close the
    /// connection then.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.send_within(bytes, self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn send_within(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        if self.has_ended && !bytes.is_empty() {
            return Err(fault(Phase::Send, sent_after_end(), start, self.remote()));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            self.check(rest.len() < bytes.len(), Phase::Send, start, deadline)?;
            let write = async |stream: &mut Self| stream.write(rest).await;
            let sent = self.step(Phase::Send, start, deadline, write).await?;
            if sent == 0 {
                let error = io::ErrorKind::WriteZero.into();
                return Err(fault(Phase::Send, error, start, self.remote()));
            }
            rest = &rest[sent..];
        }
        self.step(Phase::Send, start, deadline, async |stream| stream.flush().await).await
    }

    /// Receives what there is, at least one byte, within [`Timeouts::read`]; 0 at the end of the stream or when `buffer`
    /// is empty. Cancel safe.
    ///
    /// # Errors
    /// In phase `Receive`; `TimedOut` when nothing came in time.
    pub async fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receive_within(buffer, self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn receive_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        self.receive_since(clock::now(), buffer, deadline).await
    }

    /// The same as a part of a call that began at `start`.
    pub(crate) async fn receive_since(
        &mut self,
        start: Instant,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = async |stream: &mut Self| stream.read(buffer).await;
        self.step(Phase::Receive, start, deadline, read).await
    }

    /// Receives until `buffer` is full, within [`Timeouts::read`]. Not cancel safe: it is unknown how much was received.
    ///
    /// # Errors
    /// In phase `Receive`; `ClosedEarly` when the stream ends before that.
    pub async fn receive_exact(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        self.receive_exact_within(buffer, self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn receive_exact_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let mut filled = 0;
        while filled < buffer.len() {
            self.check(filled > 0, Phase::Receive, start, deadline)?;
            let read = async |stream: &mut Self| stream.read(&mut buffer[filled..]).await;
            match self.step(Phase::Receive, start, deadline, read).await? {
                0 => {
                    let error = io::ErrorKind::UnexpectedEof.into();
                    return Err(fault(Phase::Receive, error, start, self.remote()));
                }
                received => filled += received,
            }
        }
        Ok(())
    }

    /// Sends as much of `bytes` as can be sent at this moment, and says how much; when it is nothing, the fault is
    /// `WouldBlock`. What can be done at once is what the runtime has heard of the socket when this task last yielded.
    pub fn try_send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if self.has_ended && !bytes.is_empty() {
            return self.at_once(Phase::Send, Err(sent_after_end()));
        }
        let mut cx = Context::from_waker(Waker::noop());
        let outcome = at_once(Pin::new(&mut *self).poll_write(&mut cx, bytes));
        if outcome.is_ok() {
            // Over TLS the bytes are taken now and sent as there is room, at the latest by the next call.
            let _ = Pin::new(&mut *self).poll_flush(&mut cx);
        }
        self.at_once(Phase::Send, outcome)
    }

    /// Receives what there is at this moment, as [`receive`](Self::receive); when that is nothing, the fault is
    /// `WouldBlock`. See [`try_send`](Self::try_send).
    pub fn try_receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(buffer);
        let outcome = at_once(Pin::new(&mut *self).poll_read(&mut cx, &mut buffer));
        self.at_once(Phase::Receive, outcome.map(|()| buffer.filled().len()))
    }

    /// Waits until there is something to receive, or the end of the stream, within [`Timeouts::read`]. Cancel safe. For
    /// several sockets at once there is tokio's `select!`.
    ///
    /// # Errors
    /// In phase `Wait`; `Unsupported` for a stream in memory.
    pub async fn readable(&self) -> Result<(), Fault> {
        self.readable_within(self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        if let Layer::Tls(session) = &self.layer
            && !session.get_ref().1.wants_read()
        {
            return Ok(());
        }
        self.ready(deadline, Transport::poll_readable).await
    }

    /// Waits until there is room for something to send, within [`Timeouts::write`]. Cancel safe.
    ///
    /// # Errors
    /// As for [`readable`](Self::readable).
    pub async fn writable(&self) -> Result<(), Fault> {
        self.writable_within(self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.ready(deadline, Transport::poll_writable).await
    }

    /// Ends our direction (FIN; over TLS `close_notify` first), within [`Timeouts::write`]: the peer receives what is
    /// under way and then the end. Its own direction stays open. Not cancel safe.
    ///
    /// # Errors
    /// In phase `Shutdown`.
    pub async fn shutdown_write(&mut self) -> Result<(), Fault> {
        self.shutdown_write_within(self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn shutdown_write_within(&mut self, deadline: Deadline) -> Result<(), Fault> {
        let shutdown = async |stream: &mut Self| AsyncWriteExt::shutdown(stream).await;
        self.step(Phase::Shutdown, clock::now(), deadline, shutdown).await
    }

    /// Ends the other direction, shutdown(2): from now on [`receive`](Self::receive) gives what has arrived already, and
    /// then the end. The peer is not told.
    ///
    /// # Errors
    /// In phase `Shutdown`; `Unsupported` for a stream in memory.
    pub fn shutdown_read(&self) -> Result<(), Fault> {
        self.at_once(Phase::Shutdown, self.transport().shutdown_read())
    }

    /// Ends our direction within [`Timeouts::write`], and closes. Dropping a stream closes it too, but over TLS without
    /// the farewell.
    ///
    /// # Errors
    /// In phase `Shutdown`; it is closed all the same.
    pub async fn close(mut self) -> Result<(), Fault> {
        self.shutdown_write().await
    }

    /// Closes at once with RST: what is not yet delivered is lost, and the peer sees a reset.
    pub fn reset(self) {
        match self.layer {
            Layer::Plain(transport) => transport.reset(),
            Layer::Tls(session) => match *session {
                TlsStream::Client(session) => session.into_inner().0.reset(),
                TlsStream::Server(session) => session.into_inner().0.reset(),
            },
        }
    }

    pub(crate) fn waits(&self) -> Waits {
        self.waits
    }

    /// One step of a call that began at `start` and ends at `deadline`, or earlier where the socket's timeouts say so.
    async fn step<T>(
        &mut self,
        phase: Phase,
        start: Instant,
        deadline: Deadline,
        operation: impl AsyncFnOnce(&mut Self) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let deadline = self.waits.silence(self.waits.limited(deadline));
        match deadline.bound(operation(self)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(fault(phase, error, start, self.remote())),
            Err(_passed) => Err(timed_out(phase, start, self.remote())),
        }
    }

    /// A call that moves many bytes ends on time even if it never has to wait.
    fn check(&self, has_moved: bool, phase: Phase, start: Instant, deadline: Deadline) -> Result<(), Fault> {
        if has_moved && self.waits.limited(deadline).has_passed() {
            return Err(timed_out(phase, start, self.remote()));
        }
        Ok(())
    }

    async fn ready(
        &self,
        deadline: Deadline,
        poll: impl Fn(&dyn Transport, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Result<(), Fault> {
        let start = clock::now();
        match self.waits.limited(deadline).bound(poll_fn(|cx| poll(self.transport(), cx))).await {
            Ok(outcome) => outcome.map_err(|error| fault(Phase::Wait, error, start, self.remote())),
            Err(_passed) => Err(timed_out(Phase::Wait, start, self.remote())),
        }
    }

    fn at_once<T>(&self, phase: Phase, outcome: io::Result<T>) -> Result<T, Fault> {
        outcome.map_err(|error| fault(phase, error, clock::now(), self.remote()))
    }

    fn transport(&self) -> &dyn Transport {
        match &self.layer {
            Layer::Plain(transport) => &**transport,
            Layer::Tls(session) => &**session.get_ref().0,
        }
    }
}

fn at_once<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("remote", &self.remote())
            .field("tls", &self.tls())
            .finish_non_exhaustive()
    }
}

/// A stream can carry another TLS session: that is how one talks through a proxy that is itself reached over TLS.
impl Transport for Stream {
    fn local(&self) -> Address {
        self.transport().local()
    }

    fn remote(&self) -> Address {
        self.transport().remote()
    }

    fn reset(self: Box<Self>) {
        (*self).reset();
    }

    fn options(&self) -> io::Result<SocketOptions> {
        self.transport().options()
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        self.transport().set_options(options)
    }

    fn shutdown_read(&self) -> io::Result<()> {
        self.transport().shutdown_read()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_readable(cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_writable(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(transport) => Pin::new(transport).poll_read(cx, buf),
            Layer::Tls(session) => Pin::new(session).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().layer {
            Layer::Plain(transport) => Pin::new(transport).poll_write(cx, buf),
            Layer::Tls(session) => Pin::new(session).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().layer {
            Layer::Plain(transport) => Pin::new(transport).poll_write_vectored(cx, bufs),
            Layer::Tls(session) => Pin::new(session).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.layer {
            Layer::Plain(transport) => transport.is_write_vectored(),
            Layer::Tls(session) => session.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(transport) => Pin::new(transport).poll_flush(cx),
            Layer::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.has_ended = true;
        match &mut this.layer {
            Layer::Plain(transport) => Pin::new(transport).poll_shutdown(cx),
            Layer::Tls(session) => Pin::new(session).poll_shutdown(cx),
        }
    }
}
