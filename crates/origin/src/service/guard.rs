//! A transport under guard: everything that passes is counted, and every wait for the peer ends.
//!
//! The deadlines live down here, below TLS and HTTP, because here they hold for whatever is spoken above: what is awaited
//! is told by [`Expecting`]. One timer a connection is enough for both directions. It is armed at the earliest deadline
//! and only looked at when it fires, so that bytes that are there cost no timer at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use longhaul_socket::{Address, Deadline, FaultKind, Phase, SocketOptions, Transport, Watch, clock, kind_of};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a peer has to take within the write time. Small, since the slowest of honest peers are to be served: at 20 s it is
/// 0.8 KiB a second.
const WRITE_PIECE_BYTES: usize = 16 * 1024;

/// What has passed through a guard and what became of it: the side that others may look at.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    requests: AtomicU64,
    is_answering: AtomicBool,
    /// When the last answer came to its end.
    answered: Mutex<Option<Instant>>,
    failure: Mutex<Option<(Phase, FaultKind)>>,
}

impl Traffic {
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// The first failure of the connection.
    pub(crate) fn failure(&self) -> Option<(Phase, FaultKind)> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request has come that is not yet answered to its end.
    pub(crate) fn is_answering(&self) -> bool {
        self.is_answering.load(Ordering::Relaxed)
    }

    fn fail(&self, phase: Phase, kind: FaultKind) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((phase, kind));
    }
}

/// A request is being answered for as long as this lives: nothing is expected of the peer but that it takes the answer.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Traffic>);

impl Answering {
    /// A whole head has come.
    pub(crate) fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        traffic.is_answering.store(true, Ordering::Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
        self.0.is_answering.store(false, Ordering::Relaxed);
    }
}

/// What the peer is expected to send.
#[derive(Debug)]
pub(crate) enum Expecting {
    /// Nothing in particular.
    Nothing,
    /// Bytes, at no less than some speed.
    Bytes(Watch),
    /// Request heads, one after another.
    Requests(Heads),
}

impl Expecting {
    pub(crate) fn requests(idle_time: Duration, head_time: Duration) -> Self {
        Self::Requests(Heads { idle_time, head_time, requests: 0, since: None, has_begun: false })
    }

    fn arrived(&mut self, bytes: usize, traffic: &Traffic) {
        match self {
            Self::Nothing => {}
            Self::Bytes(watch) => watch.arrived(bytes as u64),
            Self::Requests(heads) => heads.arrived(traffic),
        }
    }

    /// Nothing is there: what is to be done about it, and when.
    fn due(&mut self, traffic: &Traffic) -> Due {
        match self {
            Self::Nothing => Due::Never,
            Self::Bytes(watch) => {
                let (at, kind) = watch.due();
                Due::Fail(at, kind)
            }
            Self::Requests(heads) => heads.due(traffic),
        }
    }
}

/// What becomes of a wait.
#[derive(Debug, Clone, Copy)]
enum Due {
    Never,
    /// It is to be looked at again by then. Nobody tells the guard that an answer has come to its end.
    Look(Instant),
    /// It has failed by then.
    Fail(Instant, FaultKind),
}

/// The wait for a request head: idle until its first byte, then bounded as a whole.
#[derive(Debug)]
pub(crate) struct Heads {
    idle_time: Duration,
    head_time: Duration,
    /// Whole heads that had come when this was last looked at.
    requests: u64,
    since: Option<Instant>,
    has_begun: bool,
}

impl Heads {
    fn look(&mut self, traffic: &Traffic) {
        let requests = traffic.requests.load(Ordering::Relaxed);
        if requests != self.requests {
            self.requests = requests;
            self.since = None;
            self.has_begun = false;
        }
    }

    fn arrived(&mut self, traffic: &Traffic) {
        self.look(traffic);
        if !self.has_begun && !traffic.is_answering.load(Ordering::Relaxed) {
            self.has_begun = true;
            self.since = Some(clock::now());
        }
    }

    fn due(&mut self, traffic: &Traffic) -> Due {
        self.look(traffic);
        if traffic.is_answering() {
            return Due::Look(later(clock::now(), self.idle_time));
        }
        let answered = || *traffic.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *self.since.get_or_insert_with(|| answered().unwrap_or_else(clock::now));
        let wait = if self.has_begun { self.head_time } else { self.idle_time };
        Due::Fail(later(since, wait), FaultKind::TimedOut)
    }
}

/// An instant that the clock cannot count to is very late all the same.
pub(crate) fn later(since: Instant, wait: Duration) -> Instant {
    since.checked_add(wait).unwrap_or_else(|| Deadline::after(wait).instant())
}

/// See the module.
pub(crate) struct Guard {
    transport: Box<dyn Transport>,
    traffic: Arc<Traffic>,
    expecting: Expecting,
    /// `None` where whoever writes has deadlines of its own.
    write_time: Option<Duration>,
    /// The piece that the peer is slow to take: since when, and how much of it has gone.
    piece: Option<(Instant, usize)>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Guard {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        expecting: Expecting,
        write_time: Option<Duration>,
    ) -> Self {
        Self { transport, traffic: Arc::default(), expecting, write_time, piece: None, alarm: None }
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Whether `due` is still to come; then this task is woken when it does, or earlier.
    fn waits_until(&mut self, cx: &mut Context<'_>, due: Instant) -> bool {
        while clock::now() < due {
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if alarm.is_elapsed() || alarm.deadline() > due {
                alarm.as_mut().reset(due);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return true;
            }
        }
        false
    }

    /// Waits until `due`, and is then an error.
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
            match self.expecting.due(&self.traffic) {
                Due::Never => return Poll::Pending,
                Due::Fail(due, kind) => return self.wait(cx, Phase::Receive, due, kind),
                Due::Look(due) => {
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

    /// What became of an attempt to write so many bytes.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(taken)) => {
                self.traffic.bytes_out.fetch_add(taken as u64, Ordering::Relaxed);
                self.piece = self.piece.map(|(since, bytes)| (since, bytes + taken));
                // What was taken whole leaves nothing to wait for.
                if taken == offered || self.piece.is_some_and(|(_, bytes)| bytes >= WRITE_PIECE_BYTES) {
                    self.piece = None;
                }
                Poll::Ready(Ok(taken))
            }
            Poll::Ready(Err(error)) => self.failed(Phase::Send, error),
            Poll::Pending => {
                let Some(write_time) = self.write_time else { return Poll::Pending };
                let (since, _) = *self.piece.get_or_insert_with(|| (clock::now(), 0));
                self.wait(cx, Phase::Send, later(since, write_time), FaultKind::TimedOut)
            }
        }
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut *this.transport).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let arrived = buffer.filled().len() - before;
                this.traffic.bytes_in.fetch_add(arrived as u64, Ordering::Relaxed);
                this.expecting.arrived(arrived, &this.traffic);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => this.failed(Phase::Receive, error),
            Poll::Pending => this.wait_to_receive(cx),
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut *this.transport).poll_write(cx, bytes);
        this.wrote(cx, bytes.len(), outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut *this.transport).poll_write_vectored(cx, pieces);
        this.wrote(cx, pieces.iter().map(|piece| piece.len()).sum(), outcome)
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

impl Transport for Guard {
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
