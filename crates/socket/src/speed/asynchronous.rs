//! The monitored stream of the async flavour.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::calls::monitored_stream_calls;
use super::{MinimumSpeed, SpeedMonitor};
use crate::addressing::Address;
use crate::faults::{Fault, Phase};
use crate::time::clock;

/// A stream that fails as `TooSlow` when data arrives below its minimum speed, and as `TimedOut` when none arrives for
/// too long. Writing is not monitored.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use longhaul_socket::{FaultKind, MinimumSpeed, MonitoredStream};
///
/// let (mut slow, stream) = tokio::io::duplex(64);
/// tokio::spawn(async move {
///     while tokio::io::AsyncWriteExt::write_all(&mut slow, b"x").await.is_ok() {
///         tokio::time::sleep(Duration::from_secs(1)).await;
///     }
/// });
/// let mut stream = MonitoredStream::new(stream, Duration::from_secs(20), MinimumSpeed::default());
/// let mut buffer = [0; 16];
/// let fault = loop {
///     if let Err(fault) = stream.receive(&mut buffer).await { break fault }
/// };
/// assert_eq!(fault.kind(), FaultKind::TooSlow);
/// # }
/// ```
pub struct MonitoredStream<S> {
    stream: S,
    address: Option<Address>,
    monitor: SpeedMonitor,
    alarm: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
}

impl<S> MonitoredStream<S> {
    /// Monitors `stream`, which may be idle for `idle` and must keep `speed`.
    pub fn new(stream: S, idle: Duration, speed: MinimumSpeed) -> Self {
        Self {
            stream,
            address: None,
            monitor: SpeedMonitor::new(idle, speed, None),
            alarm: None,
            waiting_since: None,
        }
    }
}

monitored_stream_calls!();

impl<S: AsyncRead + Unpin> MonitoredStream<S> {
    /// Receives at least one byte, as many as have arrived. Returns 0 at the end of the stream, or when `buffer` is
    /// empty. Cancel safe.
    ///
    /// # Errors
    /// In phase `Receive`.
    pub async fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let start = clock::now();
        self.read(buffer).await.map_err(|error| match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => self.with_address(Fault::from_io(Phase::Receive, error, start.elapsed())),
        })
    }

    fn with_address(&self, fault: Fault) -> Fault {
        match &self.address {
            Some(address) => fault.at_address(address.clone()),
            None => fault,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredStream<S> {
    /// A stream that is idle or too slow is an error with a [`Fault`] inside.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if let Poll::Ready(outcome) = Pin::new(&mut this.stream).poll_read(cx, buf) {
            this.monitor.arrived((buf.filled().len() - before) as u64);
            this.waiting_since = None;
            return Poll::Ready(outcome);
        }
        let since = *this.waiting_since.get_or_insert_with(clock::now);
        let (due, kind) = this.monitor.due();
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(cx));
        let fault = Fault::new(Phase::Receive, kind, since.elapsed());
        Poll::Ready(Err(io::Error::other(this.with_address(fault))))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<S> std::fmt::Debug for MonitoredStream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitoredStream").field("monitor", &self.monitor).finish_non_exhaustive()
    }
}
