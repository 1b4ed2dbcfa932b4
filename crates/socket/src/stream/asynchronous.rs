//! The stream of the async flavour.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rustls::CommonState;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::TlsStream;

use super::calls::stream_calls;
use crate::addressing::Address;
use crate::faults::{Fault, Phase, fault};
use crate::network::Transport;
use crate::options::SocketOptions;
use crate::os::sent_after_end;
use crate::time::{Deadline, Timeouts, WaitLimits, clock};
use crate::tls::{TlsSummary, certificates_of, summary_of};

/// An established connection: TCP, a Unix-domain socket, or one in memory; plain or over TLS.
///
/// Each call is limited by its kind in [`Timeouts`], or by the deadline that it is given. As `AsyncRead` and
/// `AsyncWrite` a stream adds nothing to the transport: no buffer, no lock, and no timeout. Put a deadline around each
/// such wait.
///
/// Over TLS, an end without `close_notify` is `UnexpectedEof`. The protocol above knows whether the data were complete
/// (RFC 9112 section 9.8).
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
    limits: WaitLimits,
    /// Whether we have ended our direction.
    has_ended: bool,
}

enum Layer {
    Plain(Box<dyn Transport>),
    /// Boxed: the state of a TLS session is large, and many streams are plain.
    Tls(Box<TlsStream<Box<dyn Transport>>>),
}

stream_calls!(async await);

impl Stream {
    async fn dial(remote: &Address, options: Option<&SocketOptions>, deadline: Deadline) -> io::Result<Self> {
        deadline.bound_io(super::dial(remote, options)).await.map(Self::plain)
    }

    /// A plain stream over `transport`, with the default timeouts.
    pub fn plain(transport: Box<dyn Transport>) -> Self {
        Self {
            layer: Layer::Plain(transport),
            limits: WaitLimits::new(Timeouts::default()),
            has_ended: false,
        }
    }

    /// A stream over a TLS session, with the default timeouts.
    pub(crate) fn secure(session: TlsStream<Box<dyn Transport>>) -> Self {
        Self::secured(session, WaitLimits::new(Timeouts::default()))
    }

    /// The stream over the TLS session that `session` established on another stream. It keeps that stream's limits.
    pub(crate) fn secured(session: TlsStream<Box<dyn Transport>>, limits: WaitLimits) -> Self {
        Self { layer: Layer::Tls(Box::new(session)), limits, has_ended: false }
    }

    /// The address of this end.
    pub fn local(&self) -> Address {
        self.transport().local()
    }

    /// The address of the peer. A connection that a Unix-domain listener accepted has no name of its own: this is the
    /// path of the listener.
    pub fn remote(&self) -> Address {
        self.transport().remote()
    }

    /// Closes at once with RST: bytes that are not delivered yet are lost, and the peer's calls fail as `Reset`.
    pub fn reset(self) {
        match self.layer {
            Layer::Plain(transport) => transport.reset(),
            Layer::Tls(session) => match *session {
                TlsStream::Client(session) => session.into_inner().0.reset(),
                TlsStream::Server(session) => session.into_inner().0.reset(),
            },
        }
    }

    pub(crate) fn limits(&self) -> WaitLimits {
        self.limits
    }

    async fn read_some(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        self.limits.capped_by_idle(deadline).bound_io(self.read(buffer)).await
    }

    async fn write_some(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<usize> {
        self.limits.capped_by_idle(deadline).bound_io(self.write(bytes)).await
    }

    async fn flush_all(&mut self, deadline: Deadline) -> io::Result<()> {
        self.limits.capped_by_idle(deadline).bound_io(self.flush()).await
    }

    async fn end_write(&mut self, deadline: Deadline) -> io::Result<()> {
        self.limits.capped_by_idle(deadline).bound_io(AsyncWriteExt::shutdown(self)).await
    }

    async fn wait_readable(&self, deadline: Deadline) -> io::Result<()> {
        deadline.bound_io(poll_fn(|cx| self.transport().poll_readable(cx))).await
    }

    async fn wait_writable(&self, deadline: Deadline) -> io::Result<()> {
        deadline.bound_io(poll_fn(|cx| self.transport().poll_writable(cx))).await
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        let mut cx = Context::from_waker(Waker::noop());
        ready_now(Pin::new(self).poll_read(&mut cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        let sent = ready_now(Pin::new(&mut *self).poll_write(&mut cx, bytes))?;
        // TLS has taken the bytes into its buffer: send what fits now, and leave the rest to the next call.
        let _ = Pin::new(self).poll_flush(&mut cx);
        Ok(sent)
    }

    fn current_options(&self) -> io::Result<SocketOptions> {
        self.transport().options()
    }

    fn change_options(&self, options: &SocketOptions) -> io::Result<()> {
        self.transport().set_options(options)
    }

    fn end_read(&self) -> io::Result<()> {
        self.transport().shutdown_read()
    }

    fn tls_state(&self) -> Option<&CommonState> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(session) => Some(session.get_ref().1),
        }
    }

    /// Whether TLS holds received bytes, of which the socket no longer knows.
    fn holds_bytes(&self) -> bool {
        self.tls_state().is_some_and(|session| !session.wants_read())
    }

    fn transport(&self) -> &dyn Transport {
        match &self.layer {
            Layer::Plain(transport) => &**transport,
            Layer::Tls(session) => &**session.get_ref().0,
        }
    }
}

fn ready_now<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A stream can carry another TLS session, for example through a proxy that is itself reached over TLS.
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
