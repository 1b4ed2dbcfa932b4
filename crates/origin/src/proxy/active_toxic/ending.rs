//! Toxics that have to do with how a connection ends.

use std::time::Duration;

use tokio::time::Instant;

use super::{Output, ToxicBehavior};
use crate::proxy::effect::{Effect, ToxicKind};
use crate::proxy::stream_event::{EventQueue, StreamEvent};

/// The end comes later. In the queue stands when an item came.
pub(super) struct SlowClose {
    delay: Duration,
    queue: EventQueue,
}

impl SlowClose {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, queue: EventQueue::default() }
    }
}

impl ToxicBehavior for SlowClose {
    fn update(&mut self, effect: Effect) {
        if let Effect::SlowClose { delay } = effect {
            self.delay = delay;
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        self.queue.push(now, item);
    }

    fn next(&mut self, now: Instant) -> Output {
        match self.queue.front() {
            Some((came, StreamEvent::End | StreamEvent::Close(_))) if now < came + self.delay => {
                Output::Wait(came + self.delay)
            }
            Some(_) => self.queue.pop().map_or(Output::Nothing, Output::StreamEvent),
            None => Output::Nothing,
        }
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}

/// Nothing passes, and at last the connection is closed. Resets pass, and what another toxic has decided about the
/// connection.
pub(super) struct Timeout {
    wait: Duration,
    since: Instant,
    has_lost: bool,
    has_closed: bool,
    verdicts: EventQueue,
}

impl Timeout {
    pub(super) fn new(wait: Duration, now: Instant) -> Self {
        Self { wait, since: now, has_lost: false, has_closed: false, verdicts: EventQueue::default() }
    }
}

impl ToxicBehavior for Timeout {
    fn update(&mut self, effect: Effect) {
        if let Effect::Timeout { timeout } = effect {
            self.wait = timeout;
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        match item {
            StreamEvent::Bytes(_) | StreamEvent::End => self.has_lost = true,
            StreamEvent::Close(_) | StreamEvent::Reset(_) => self.verdicts.push(now, item),
        }
    }

    fn next(&mut self, now: Instant) -> Output {
        if let Some(verdict) = self.verdicts.pop() {
            return Output::StreamEvent(verdict);
        }
        if self.has_closed || self.wait.is_zero() {
            return Output::Nothing;
        }
        let due = self.since + self.wait;
        if now < due {
            return Output::Wait(due);
        }
        self.has_closed = true;
        Output::StreamEvent(StreamEvent::Close(ToxicKind::Timeout))
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.verdicts
    }

    fn close_item(&self) -> Option<StreamEvent> {
        (self.has_lost && !self.has_closed).then_some(StreamEvent::Close(ToxicKind::Timeout))
    }
}

/// Nothing passes, and soon after something wanted to, the connection is reset.
pub(super) struct ResetPeer {
    timeout: Duration,
    began: Option<Instant>,
    has_reset: bool,
    nothing: EventQueue,
}

impl ResetPeer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, began: None, has_reset: false, nothing: EventQueue::default() }
    }
}

impl ToxicBehavior for ResetPeer {
    fn update(&mut self, effect: Effect) {
        if let Effect::ResetPeer { timeout } = effect {
            self.timeout = timeout;
        }
    }

    fn take(&mut self, _item: StreamEvent, now: Instant) {
        self.began.get_or_insert(now);
    }

    fn next(&mut self, now: Instant) -> Output {
        match self.began {
            Some(began) if !self.has_reset => {
                let due = began + self.timeout;
                if now < due {
                    return Output::Wait(due);
                }
                self.has_reset = true;
                Output::StreamEvent(StreamEvent::Reset(Some(ToxicKind::ResetPeer)))
            }
            _ => Output::Nothing,
        }
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.nothing
    }

    /// What it has swallowed is missing: the connection cannot go on.
    fn close_item(&self) -> Option<StreamEvent> {
        (self.began.is_some() && !self.has_reset).then_some(StreamEvent::Reset(Some(ToxicKind::ResetPeer)))
    }
}

/// So many bytes pass, and then the connection is closed.
pub(super) struct LimitData {
    bytes: u64,
    passed: u64,
    has_closed: bool,
    queue: EventQueue,
}

impl LimitData {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, passed: 0, has_closed: false, queue: EventQueue::default() }
    }

    fn close(&mut self) -> Output {
        self.has_closed = true;
        self.queue = EventQueue::default();
        Output::StreamEvent(StreamEvent::Close(ToxicKind::LimitData))
    }
}

impl ToxicBehavior for LimitData {
    fn update(&mut self, effect: Effect) {
        if let Effect::LimitData { bytes } = effect {
            self.bytes = bytes;
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        if !self.has_closed {
            self.queue.push(now, item);
        }
    }

    fn next(&mut self, _now: Instant) -> Output {
        if self.has_closed {
            return Output::Nothing;
        }
        let left = self.bytes.saturating_sub(self.passed);
        // The last byte that may pass is followed by the end at once, and not by the next one's arrival.
        if left == 0 && self.passed > 0 {
            return self.close();
        }
        match self.queue.front() {
            None => Output::Nothing,
            Some((_, StreamEvent::Bytes(_))) if left == 0 => self.close(),
            Some(_) => {
                let Some(item) = self.queue.pop_at_most(usize::try_from(left).unwrap_or(usize::MAX)) else {
                    return Output::Nothing;
                };
                if let StreamEvent::Bytes(bytes) = &item {
                    self.passed += bytes.len() as u64;
                }
                Output::StreamEvent(item)
            }
        }
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}
