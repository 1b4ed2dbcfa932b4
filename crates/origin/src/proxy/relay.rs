//! The two directions of one connection: bytes are received, pass through a chain of toxics, and are sent.
//!
//! One task drives both, with one timer. The guarded transport ends the wait for a peer that does not take what it is sent;
//! the relay ends a connection that neither side uses and for which no toxic holds anything.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use longhaul_socket::{FaultKind, clock, kind_of};
use tokio::io::AsyncWrite as _;
use tokio::time::{Instant, Sleep, sleep_until};

use super::active_toxic::Output;
use super::effect::ToxicKind;
use super::memory_budget::{HeldBytes, MemoryBudget};
use super::stream_event::StreamEvent;
use super::toxic::{Direction, InstalledToxic};
use super::toxic_chain::ToxicChain;
use super::toxicity_draw::ToxicityDraw;
use crate::service_host::{GuardedTransport, later, poll_chunk};

/// How the two directions ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RelayEnd {
    /// Both ended in order.
    Ended,
    /// A toxic closes the connection.
    Closed(ToxicKind),
    /// The connection has to be reset, by a toxic or, with `None`, because one side has reset it.
    Reset(Option<ToxicKind>),
    /// One side failed; its guarded transport knows how.
    Failed,
    /// Neither side used the connection.
    Idle,
}

/// Both directions of a connection.
pub(super) struct Relay {
    upward: RelayDirection,
    downward: RelayDirection,
    idle_time: Duration,
    last_use: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Relay {
    pub(super) fn new(
        draw: &ToxicityDraw,
        toxics: &[InstalledToxic],
        memory: &MemoryBudget,
        idle_time: Duration,
    ) -> Self {
        let now = clock::now();
        let half = |direction| RelayDirection {
            chain: ToxicChain::new(direction, draw.clone(), toxics, now),
            memory: memory.reserve(),
            sending: Bytes::new(),
            source: Source::Open,
            sink: Sink::Open,
        };
        Self {
            upward: half(Direction::Upstream),
            downward: half(Direction::Downstream),
            idle_time,
            last_use: now,
            timer: Box::pin(sleep_until(now)),
        }
    }

    /// Applies changed toxics.
    pub(super) fn apply(&mut self, toxics: &[InstalledToxic]) {
        let now = clock::now();
        self.upward.chain.apply(toxics, now);
        self.downward.chain.apply(toxics, now);
    }

    /// Moves everything that can be moved now. Ready when the connection has ended.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut GuardedTransport,
        server: &mut GuardedTransport,
    ) -> Poll<RelayEnd> {
        loop {
            let now = clock::now();
            let up = self.upward.poll(cx, client, server, now);
            let down = self.downward.poll(cx, server, client, now);
            if up.has_moved || down.has_moved {
                self.last_use = now;
            }
            if let Some(end) = up.end.or(down.end) {
                return Poll::Ready(end);
            }
            match (self.upward.sink, self.downward.sink) {
                (Sink::Ended, Sink::Ended) => return Poll::Ready(RelayEnd::Ended),
                // One side takes nothing more and sends nothing more.
                (Sink::Broken, Sink::Ended | Sink::Broken) | (Sink::Ended, Sink::Broken) => {
                    return Poll::Ready(RelayEnd::Failed);
                }
                _ => {}
            }
            let toxic_due = [up.due, down.due].into_iter().flatten().min();
            // While a toxic holds something, silence is not idleness; and the guarded transport watches a peer that does not
            // take what it is sent.
            let is_busy = self.upward.is_sending()
                || self.downward.is_sending()
                || (up.due.is_some() && self.upward.holds_something())
                || (down.due.is_some() && self.downward.holds_something());
            let idle_due = (!is_busy).then(|| later(self.last_use, self.idle_time));
            if idle_due.is_some_and(|due| due <= now) {
                return Poll::Ready(RelayEnd::Idle);
            }
            let Some(due) = [toxic_due, idle_due].into_iter().flatten().min() else { return Poll::Pending };
            // A timer that fires early is set again then, and not for each piece that passes.
            if self.timer.is_elapsed() || self.timer.deadline() > due {
                self.timer.as_mut().reset(due);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// One direction.
struct RelayDirection {
    chain: ToxicChain,
    memory: HeldBytes,
    /// Bytes that have passed the toxics and are not yet sent.
    sending: Bytes,
    source: Source,
    sink: Sink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    /// It has ended or failed; nothing more is read.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Open,
    /// Its direction has to be shut down.
    Ending,
    /// Its direction is shut down.
    Ended,
    /// It takes nothing more. What it sent may still be on the way in the other direction.
    Broken,
}

/// The result of a poll.
#[derive(Default)]
struct Polled {
    has_moved: bool,
    /// When a toxic acts next.
    due: Option<Instant>,
    end: Option<RelayEnd>,
}

impl RelayDirection {
    fn is_sending(&self) -> bool {
        !self.sending.is_empty()
    }

    /// Whether a toxic waits for a reason: a sender that has ended its direction, and of which nothing is held any more, has
    /// most likely gone.
    fn holds_something(&mut self) -> bool {
        self.source == Source::Open || self.chain.cost() > 0
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut GuardedTransport,
        sink: &mut GuardedTransport,
        now: Instant,
    ) -> Polled {
        let mut polled = Polled::default();
        loop {
            let sent = self.poll_send(cx, sink, now, &mut polled);
            if polled.end.is_some() {
                break;
            }
            let received = self.poll_receive(cx, source, now);
            polled.has_moved |= sent || received;
            if !sent && !received {
                break;
            }
        }
        polled
    }

    /// Sends bytes that have passed the toxics. The result says whether anything has changed.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut GuardedTransport,
        now: Instant,
        polled: &mut Polled,
    ) -> bool {
        polled.due = None;
        if self.sink == Sink::Ending {
            match Pin::new(sink).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.sink = Sink::Ended,
                Poll::Ready(Err(_)) => self.sink = Sink::Broken,
                Poll::Pending => return false,
            }
            return true;
        }
        if self.sink != Sink::Open {
            return false;
        }
        if !self.sending.is_empty() {
            match Pin::new(sink).poll_write(cx, &self.sending) {
                Poll::Ready(Ok(taken)) if taken > 0 => self.sending.advance(taken),
                Poll::Ready(Err(error)) if kind_of(&error) == FaultKind::TimedOut => {
                    polled.end = Some(RelayEnd::Failed);
                }
                Poll::Ready(_) => {
                    self.sink = Sink::Broken;
                    self.source = Source::Ended;
                    self.sending = Bytes::new();
                }
                Poll::Pending => return false,
            }
            return true;
        }
        let output = self.chain.next(now);
        match output {
            Output::StreamEvent(StreamEvent::Bytes(bytes)) => self.sending = bytes,
            Output::StreamEvent(StreamEvent::End) => self.sink = Sink::Ending,
            Output::StreamEvent(StreamEvent::Close(kind)) => polled.end = Some(RelayEnd::Closed(kind)),
            Output::StreamEvent(StreamEvent::Reset(kind)) => polled.end = Some(RelayEnd::Reset(kind)),
            Output::Wait(due) => {
                polled.due = Some(due);
                return false;
            }
            Output::Nothing => return false,
        }
        self.memory.set(self.chain.cost());
        true
    }

    /// Receives bytes, if there is room for them. The result says whether anything has changed.
    fn poll_receive(&mut self, cx: &mut Context<'_>, source: &mut GuardedTransport, now: Instant) -> bool {
        if self.source == Source::Ended || !self.chain.has_room() || !self.memory.has_room() {
            return false;
        }
        let event = match poll_chunk(source, cx, Bytes::copy_from_slice) {
            Poll::Ready(Ok(bytes)) if !bytes.is_empty() => StreamEvent::Bytes(bytes),
            Poll::Ready(ended) => {
                self.source = Source::Ended;
                if ended.is_ok() { StreamEvent::End } else { StreamEvent::Reset(None) }
            }
            Poll::Pending => return false,
        };
        self.chain.take(event, now);
        self.memory.set(self.chain.cost());
        true
    }
}
