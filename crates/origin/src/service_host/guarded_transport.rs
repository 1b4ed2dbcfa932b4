//! A transport that counts what passes and ends every wait for the peer.
//!
//! The deadlines live here, below TLS and HTTP, because here they hold for every protocol above. A handler says what it
//! waits for by a [`PeerExpectation`]. One timer per connection is enough for both directions: it is set to the earliest
//! deadline and evaluated only when it fires, so bytes that arrive in time never touch a timer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use longhaul_socket::{Address, FaultKind, Phase, SocketOptions, Transport, clock, kind_of};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::expectation::{Due, PeerExpectation, later};
use super::traffic::Traffic;

/// What a peer has to take within the write time. It is small so that slow but honest peers are served: with a write time
/// of 20 s the least speed is 0.8 KiB/s.
const WRITE_PIECE_BYTES: usize = 16 * 1024;

/// A transport under deadlines.
pub(crate) struct GuardedTransport {
    transport: Box<dyn Transport>,
    traffic: Arc<Traffic>,
    expectation: PeerExpectation,
    /// `None` where the writer has deadlines of its own.
    write_time: Option<Duration>,
    /// The piece that the peer is slow to take: since when, and how many bytes of it were sent.
    slow_piece: Option<(Instant, usize)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl GuardedTransport {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        expectation: PeerExpectation,
        write_time: Option<Duration>,
    ) -> Self {
        Self { transport, traffic: Arc::default(), expectation, write_time, slow_piece: None, timer: None }
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Whether `due` is in the future. If so, this task is woken then, or earlier.
    fn waits_until(&mut self, cx: &mut Context<'_>, due: Instant) -> bool {
        while clock::now() < due {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.is_elapsed() || timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return true;
            }
        }
        false
    }

    /// Pending until `due`, and then an error.
    fn wait<T>(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        due: Instant,
        kind: FaultKind,
    ) -> Poll<io::Result<T>> {
        if self.waits_until(cx, due) {
            return Poll::Pending;
        }
        self.traffic.fail(phase, kind);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, kind.to_string())))
    }

    fn wait_to_receive<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            match self.expectation.due(&self.traffic) {
                Due::Never => return Poll::Pending,
                Due::Fail(due, kind) => return self.wait(cx, Phase::Receive, due, kind),
                Due::Reevaluate(due) => {
                    if self.waits_until(cx, due) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn failed<T>(&self, phase: Phase, error: io::Error) -> Poll<io::Result<T>> {
        self.traffic.fail(phase, kind_of(&error));
        Poll::Ready(Err(error))
    }

    /// Accounts for the result of a write of `offered` bytes.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(taken)) => {
                self.traffic.sent(taken);
                self.slow_piece = self.slow_piece.map(|(since, bytes)| (since, bytes + taken));
                // A write that was taken whole leaves nothing to wait for.
                if taken == offered || self.slow_piece.is_some_and(|(_, bytes)| bytes >= WRITE_PIECE_BYTES) {
                    self.slow_piece = None;
                }
                Poll::Ready(Ok(taken))
            }
            Poll::Ready(Err(error)) => self.failed(Phase::Send, error),
            Poll::Pending => {
                let Some(write_time) = self.write_time else { return Poll::Pending };
                let (since, _) = *self.slow_piece.get_or_insert_with(|| (clock::now(), 0));
                self.wait(cx, Phase::Send, later(since, write_time), FaultKind::TimedOut)
            }
        }
    }
}

impl AsyncRead for GuardedTransport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut *this.transport).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let received = buffer.filled().len() - before;
                this.traffic.received(received);
                this.expectation.received(received, &this.traffic);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => this.failed(Phase::Receive, error),
            Poll::Pending => this.wait_to_receive(cx),
        }
    }
}

impl AsyncWrite for GuardedTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut *this.transport).poll_write(cx, bytes);
        this.wrote(cx, bytes.len(), result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut *this.transport).poll_write_vectored(cx, pieces);
        this.wrote(cx, pieces.iter().map(|piece| piece.len()).sum(), result)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().transport).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().transport).poll_shutdown(cx)
    }
}

impl Transport for GuardedTransport {
    fn local(&self) -> Address {
        self.transport.local()
    }

    fn remote(&self) -> Address {
        self.transport.remote()
    }

    fn reset(self: Box<Self>) {
        self.transport.reset();
    }

    fn options(&self) -> io::Result<SocketOptions> {
        self.transport.options()
    }

    fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        self.transport.set_options(options)
    }

    fn shutdown_read(&self) -> io::Result<()> {
        self.transport.shutdown_read()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_readable(cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_writable(cx)
    }
}
