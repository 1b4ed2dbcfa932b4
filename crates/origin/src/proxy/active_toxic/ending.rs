//! Toxics that affect the end of a connection.

use std::time::Duration;

use tokio::time::Instant;

use super::{Output, ToxicBehavior};
use crate::proxy::effect::{Effect, ToxicKind};
use crate::proxy::stream_event::{EventQueue, StreamEvent};

/// Delays the end. The queue has the instants at which events came.
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

    fn take(&mut self, event: StreamEvent, now: Instant) {
        self.queue.push(now, event);
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

/// Discards everything and closes the connection after a time. Resets, and ends that another toxic has decided, pass.
pub(super) struct Timeout {
    wait: Duration,
    since: Instant,
    has_lost: bool,
    has_closed: bool,
    decided_ends: EventQueue,
}

impl Timeout {
    pub(super) fn new(wait: Duration, now: Instant) -> Self {
        Self { wait, since: now, has_lost: false, has_closed: false, decided_ends: EventQueue::default() }
    }
}

impl ToxicBehavior for Timeout {
    fn update(&mut self, effect: Effect) {
        if let Effect::Timeout { timeout } = effect {
            self.wait = timeout;
        }
    }

    fn take(&mut self, event: StreamEvent, now: Instant) {
        match event {
            StreamEvent::Bytes(_) | StreamEvent::End => self.has_lost = true,
            StreamEvent::Close(_) | StreamEvent::Reset(_) => self.decided_ends.push(now, event),
        }
    }

    fn next(&mut self, now: Instant) -> Output {
        if let Some(end) = self.decided_ends.pop() {
            return Output::StreamEvent(end);
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
        &mut self.decided_ends
    }

    fn close_item(&self) -> Option<StreamEvent> {
        (self.has_lost && !self.has_closed).then_some(StreamEvent::Close(ToxicKind::Timeout))
    }
}

/// Discards everything, and resets the connection after a time from the first event.
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

    /// Discarded data is missing, so the connection cannot go on.
    fn close_item(&self) -> Option<StreamEvent> {
        (self.began.is_some() && !self.has_reset).then_some(StreamEvent::Reset(Some(ToxicKind::ResetPeer)))
    }
}

/// Closes the connection after a number of bytes.
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

    fn take(&mut self, event: StreamEvent, now: Instant) {
        if !self.has_closed {
            self.queue.push(now, event);
        }
    }

    fn next(&mut self, _now: Instant) -> Output {
        if self.has_closed {
            return Output::Nothing;
        }
        let left = self.bytes.saturating_sub(self.passed);
        // The close follows the last allowed byte at once and does not wait for the next one.
        if left == 0 && self.passed > 0 {
            return self.close();
        }
        match self.queue.front() {
            None => Output::Nothing,
            Some((_, StreamEvent::Bytes(_))) if left == 0 => self.close(),
            Some(_) => {
                let Some(event) = self.queue.pop_at_most(usize::try_from(left).unwrap_or(usize::MAX)) else {
                    return Output::Nothing;
                };
                if let StreamEvent::Bytes(bytes) = &event {
                    self.passed += bytes.len() as u64;
                }
                Output::StreamEvent(event)
            }
        }
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}
