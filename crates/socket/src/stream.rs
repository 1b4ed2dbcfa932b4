//! Streams: what a connector hands out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::tls::summary_of;
use crate::{Deadline, Endpoint, Fault, FaultKind, Phase, TlsSummary, Transport, clock};

/// An established connection, plain or over TLS.
///
/// As an `AsyncRead` and `AsyncWrite` it adds nothing to the transport: no buffer, no lock, no timer. Whoever uses it
/// that way puts a deadline around the wait; [`read_within`](Self::read_within) and
/// [`write_all_within`](Self::write_all_within) have one.
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
/// let deadline = Deadline::after(Duration::from_secs(20));
/// stream.write_all_within(b"hello", deadline).await?;
/// let fault = stream.read_within(&mut [0; 16], deadline).await.unwrap_err();
/// assert_eq!(fault.kind(), FaultKind::TimedOut);
/// # Ok(())
/// # }
/// ```
pub struct Stream(Layer);

enum Layer {
    Plain(Box<dyn Transport>),
    /// Boxed: the state of a TLS session is large, and most of a list may be plain.
    Tls(Box<TlsStream<Box<dyn Transport>>>),
}

impl Stream {
    /// A plain stream over `transport`.
    pub fn plain(transport: Box<dyn Transport>) -> Self {
        Self(Layer::Plain(transport))
    }

    pub(crate) fn secure(session: TlsStream<Box<dyn Transport>>) -> Self {
        Self(Layer::Tls(Box::new(session)))
    }

    /// Our end.
    pub fn local(&self) -> Endpoint {
        self.transport().local()
    }

    /// The other end.
    pub fn remote(&self) -> Endpoint {
        self.transport().remote()
    }

    /// What was agreed on in the handshake, if TLS is spoken.
    pub fn tls(&self) -> Option<TlsSummary> {
        match &self.0 {
            Layer::Plain(_) => None,
            Layer::Tls(session) => Some(summary_of(session.get_ref().1)),
        }
    }

    /// Reads what there is, at least one byte; 0 at the end of the stream or when `buffer` is empty. Cancel safe.
    ///
    /// # Errors
    /// In phase `Body`; `TimedOut` when nothing came before the deadline.
    pub async fn read_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        self.within(Phase::Body, deadline, async |stream| stream.read(buffer).await).await
    }

    /// Writes all of `bytes` and flushes. Not cancel safe: it is unknown how much was sent.
    ///
    /// # Errors
    /// In phase `Send`; `TimedOut` when the peer did not take all of it before the deadline.
    pub async fn write_all_within(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Fault> {
        let write = async |stream: &mut Self| {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        self.within(Phase::Send, deadline, write).await
    }

    /// Closes at once with RST: what is not yet delivered is lost, and the peer sees a reset.
    pub fn reset(self) {
        match self.0 {
            Layer::Plain(transport) => transport.reset(),
            Layer::Tls(session) => session.into_inner().0.reset(),
        }
    }

    async fn within<T>(
        &mut self,
        phase: Phase,
        deadline: Deadline,
        operation: impl AsyncFnOnce(&mut Self) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let start = clock::now();
        let remote = self.remote();
        match deadline.bound(operation(self)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Fault::from_io(phase, error, start.elapsed()).at(remote)),
            Err(_passed) => Err(Fault::new(phase, FaultKind::TimedOut, start.elapsed()).at(remote)),
        }
    }

    fn transport(&self) -> &dyn Transport {
        match &self.0 {
            Layer::Plain(transport) => &**transport,
            Layer::Tls(session) => &**session.get_ref().0,
        }
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
    fn local(&self) -> Endpoint {
        self.transport().local()
    }

    fn remote(&self) -> Endpoint {
        self.transport().remote()
    }

    fn reset(self: Box<Self>) {
        (*self).reset();
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layer::Plain(transport) => Pin::new(transport).poll_read(cx, buf),
            Layer::Tls(session) => Pin::new(session).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Layer::Plain(transport) => Pin::new(transport).poll_write(cx, buf),
            Layer::Tls(session) => Pin::new(session).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Layer::Plain(transport) => Pin::new(transport).poll_write_vectored(cx, bufs),
            Layer::Tls(session) => Pin::new(session).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Layer::Plain(transport) => transport.is_write_vectored(),
            Layer::Tls(session) => session.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layer::Plain(transport) => Pin::new(transport).poll_flush(cx),
            Layer::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Layer::Plain(transport) => Pin::new(transport).poll_shutdown(cx),
            Layer::Tls(session) => Pin::new(session).poll_shutdown(cx),
        }
    }
}
