//! One direction of a connection in memory: bytes that arrive after a latency, and an end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};

use super::condition::SharedCondition;
use crate::time::clock;

/// Bytes in transit and unread bytes together, like a socket's buffers: beyond that the writer waits.
const PIPE_BYTES_MAX: usize = 64 * 1024;

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// In an orderly way, with FIN.
    Fin,
    /// With RST. As on Linux, bytes that arrived before it can still be read.
    Reset,
}

pub(super) struct Pipe {
    state: Mutex<State>,
    latency: Duration,
    condition: SharedCondition,
}

#[derive(Default)]
struct State {
    segments: VecDeque<(Instant, Bytes)>,
    held_bytes: usize,
    ending: Option<(Instant, Ending)>,
    /// Set once the reading end is gone: bytes written from then on are discarded.
    abandoned: Option<Abandoned>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy)]
struct Abandoned {
    /// When the writer learns of it. If the reader closed in an orderly way, only a write shows it: RST is the
    /// response.
    known_from: Option<Instant>,
}

/// What a read results in.
enum ReadState {
    /// Bytes, or the end.
    Ready(io::Result<()>),
    /// Bytes or an end are in transit, and arrive at this time.
    ArrivesAt(Instant),
    /// Nothing is in transit.
    Empty,
}

impl State {
    /// Fills `buf` with bytes that have arrived by `now`.
    fn read(&mut self, now: Instant, buf: &mut ReadBuf<'_>) -> ReadState {
        match self.segments.front_mut() {
            Some((arrives, segment)) if *arrives <= now => {
                let taken = segment.len().min(buf.remaining());
                buf.put_slice(&segment[..taken]);
                segment.advance(taken);
                if segment.is_empty() {
                    self.segments.pop_front();
                }
                self.held_bytes -= taken;
                ReadState::Ready(Ok(()))
            }
            Some((arrives, _)) => ReadState::ArrivesAt(*arrives),
            None => match self.ending {
                Some((arrives, _)) if arrives > now => ReadState::ArrivesAt(arrives),
                Some((_, Ending::Fin)) => ReadState::Ready(Ok(())),
                Some((_, Ending::Reset)) => ReadState::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                None => ReadState::Empty,
            },
        }
    }

    fn wake_both(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Pipe {
    pub(super) fn new(latency: Duration, condition: SharedCondition) -> Self {
        Self { state: Mutex::default(), latency, condition }
    }

    /// Accepts as many of `bytes` as there is room for.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = clock::now();
        let mut state = self.state();
        if state.ending.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if let Some(Abandoned { known_from }) = &mut state.abandoned {
            if known_from.is_some_and(|known_from| known_from <= now) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            known_from.get_or_insert(now + self.latency * 2);
            return Poll::Ready(Ok(bytes.len()));
        }
        let room = PIPE_BYTES_MAX - state.held_bytes;
        let taken = room.min(bytes.len());
        if taken == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if taken > 0 {
            state.held_bytes += taken;
            state.segments.push_back((now + self.latency, Bytes::copy_from_slice(&bytes[..taken])));
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(taken))
    }

    /// Fills `buf` with bytes that have arrived; leaves it empty at the end. `timer` wakes the reader for bytes in
    /// transit.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        timer: &mut Option<Pin<Box<Sleep>>>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.condition.passes(cx) {
                return Poll::Pending;
            }
            let mut state = self.state();
            let read = state.read(clock::now(), buf);
            if let ReadState::Ready(result) = read {
                if let Some(writer) = state.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(result);
            }
            state.reader = Some(cx.waker().clone());
            drop(state);
            let ReadState::ArrivesAt(arrival) = read else { return Poll::Pending };
            let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(arrival)));
            timer.as_mut().reset(arrival);
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ends the direction, once, after the bytes in transit. A reset replaces an orderly end.
    pub(super) fn end(&self, ending: Ending) {
        let arrives = clock::now() + self.latency;
        let mut state = self.state();
        match (state.ending, ending) {
            (None, _) | (Some((_, Ending::Fin)), Ending::Reset) => state.ending = Some((arrives, ending)),
            (Some(_), _) => {}
        }
        state.wake_both();
    }

    /// Closes the reading end, if it is open: with RST if `reset` is set or bytes are unread, as RFC 1122 section
    /// 4.2.2.13 requires. Returns how it was closed.
    pub(super) fn abandon(&self, reset: bool) -> Ending {
        let mut state = self.state();
        let ending = if reset || !state.segments.is_empty() { Ending::Reset } else { Ending::Fin };
        let known_from = (ending == Ending::Reset).then(|| clock::now() + self.latency);
        state.abandoned.get_or_insert(Abandoned { known_from });
        state.segments.clear();
        state.held_bytes = 0;
        state.wake_both();
        ending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // While the lock is held only a waker can panic, and wakers are called last.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
