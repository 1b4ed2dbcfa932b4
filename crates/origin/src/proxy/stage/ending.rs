//! Toxics that have to do with how a connection ends.

use std::time::Duration;

use tokio::time::Instant;

use super::{Machine, Output};
use crate::proxy::effect::{Effect, Kind};
use crate::proxy::item::{Item, Queue};

/// The end comes later. In the queue stands when an item came.
pub(super) struct SlowClose {
    delay: Duration,
    queue: Queue,
}

impl SlowClose {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, queue: Queue::default() }
    }
}

impl Machine for SlowClose {
    fn update(&mut self, effect: Effect) {
        if let Effect::SlowClose { delay } = effect {
            self.delay = delay;
        }
    }

    fn take(&mut self, item: Item, now: Instant) {
        self.queue.push(now, item);
    }

    fn next(&mut self, now: Instant) -> Output {
        match self.queue.front() {
            Some((came, Item::End | Item::Close(_))) if now < came + self.delay => {
                Output::Wait(came + self.delay)
            }
            Some(_) => self.queue.pop().map_or(Output::Nothing, Output::Item),
            None => Output::Nothing,
        }
    }

    fn held(&mut self) -> &mut Queue {
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
    verdicts: Queue,
}

impl Timeout {
    pub(super) fn new(wait: Duration, now: Instant) -> Self {
        Self { wait, since: now, has_lost: false, has_closed: false, verdicts: Queue::default() }
    }
}

impl Machine for Timeout {
    fn update(&mut self, effect: Effect) {
        if let Effect::Timeout { timeout } = effect {
            self.wait = timeout;
        }
    }

    fn take(&mut self, item: Item, now: Instant) {
        match item {
            Item::Bytes(_) | Item::End => self.has_lost = true,
            Item::Close(_) | Item::Reset(_) => self.verdicts.push(now, item),
        }
    }

    fn next(&mut self, now: Instant) -> Output {
        if let Some(verdict) = self.verdicts.pop() {
            return Output::Item(verdict);
        }
        if self.has_closed || self.wait.is_zero() {
            return Output::Nothing;
        }
        let due = self.since + self.wait;
        if now < due {
            return Output::Wait(due);
        }
        self.has_closed = true;
        Output::Item(Item::Close(Kind::Timeout))
    }

    fn held(&mut self) -> &mut Queue {
        &mut self.verdicts
    }

    fn close_item(&self) -> Option<Item> {
        (self.has_lost && !self.has_closed).then_some(Item::Close(Kind::Timeout))
    }
}

/// Nothing passes, and soon after something wanted to, the connection is reset.
pub(super) struct ResetPeer {
    timeout: Duration,
    began: Option<Instant>,
    has_reset: bool,
    nothing: Queue,
}

impl ResetPeer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, began: None, has_reset: false, nothing: Queue::default() }
    }
}

impl Machine for ResetPeer {
    fn update(&mut self, effect: Effect) {
        if let Effect::ResetPeer { timeout } = effect {
            self.timeout = timeout;
        }
    }

    fn take(&mut self, _item: Item, now: Instant) {
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
                Output::Item(Item::Reset(Some(Kind::ResetPeer)))
            }
            _ => Output::Nothing,
        }
    }

    fn held(&mut self) -> &mut Queue {
        &mut self.nothing
    }

    /// What it has swallowed is missing: the connection cannot go on.
    fn close_item(&self) -> Option<Item> {
        (self.began.is_some() && !self.has_reset).then_some(Item::Reset(Some(Kind::ResetPeer)))
    }
}

/// So many bytes pass, and then the connection is closed.
pub(super) struct LimitData {
    bytes: u64,
    passed: u64,
    has_closed: bool,
    queue: Queue,
}

impl LimitData {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, passed: 0, has_closed: false, queue: Queue::default() }
    }

    fn close(&mut self) -> Output {
        self.has_closed = true;
        self.queue = Queue::default();
        Output::Item(Item::Close(Kind::LimitData))
    }
}

impl Machine for LimitData {
    fn update(&mut self, effect: Effect) {
        if let Effect::LimitData { bytes } = effect {
            self.bytes = bytes;
        }
    }

    fn take(&mut self, item: Item, now: Instant) {
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
            Some((_, Item::Bytes(_))) if left == 0 => self.close(),
            Some(_) => {
                let Some(item) = self.queue.pop_at_most(usize::try_from(left).unwrap_or(usize::MAX)) else {
                    return Output::Nothing;
                };
                if let Item::Bytes(bytes) = &item {
                    self.passed += bytes.len() as u64;
                }
                Output::Item(item)
            }
        }
    }

    fn held(&mut self) -> &mut Queue {
        &mut self.queue
    }
}
