//! Toxics that let everything pass, later or in other pieces.
//!
//! Each keeps a schedule and not the time of the last step: a timer that is late by a millisecond, as all are, makes one
//! piece late and not all that follow.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::{Output, ToxicBehavior};
use crate::proxy::effect::Effect;
use crate::proxy::stream_event::{EventQueue, StreamEvent};

/// What passes at once through a bandwidth: as much as it lets pass in this time.
const PIECE_TIME: Duration = Duration::from_millis(50);

/// Everything later. In the queue stands when an item is to go; what is to go before those in front of it goes with them.
pub(super) struct Latency {
    mean: Duration,
    jitter: Duration,
    chance: Rng,
    queue: EventQueue,
}

impl Latency {
    pub(super) fn new(mean: Duration, jitter: Duration, chance: Rng) -> Self {
        Self { mean, jitter, chance, queue: EventQueue::default() }
    }

    /// Evenly between latency less jitter and latency with jitter, and not below nothing.
    fn delay(&mut self) -> Duration {
        let spread_micros = u64::try_from(2 * self.jitter.as_micros()).unwrap_or(u64::MAX);
        let drawn = Duration::from_micros(self.chance.u64(0..=spread_micros));
        (self.mean + drawn).saturating_sub(self.jitter)
    }
}

impl ToxicBehavior for Latency {
    fn update(&mut self, effect: Effect) {
        if let Effect::Latency { latency, jitter } = effect {
            (self.mean, self.jitter) = (latency, jitter);
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        let goes = now + self.delay();
        self.queue.push(goes, item);
    }

    fn next(&mut self, now: Instant) -> Output {
        match self.queue.front() {
            Some((goes, _)) if now < goes => Output::Wait(goes),
            Some(_) => self.queue.pop().map_or(Output::Nothing, Output::StreamEvent),
            None => Output::Nothing,
        }
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}

/// So many bytes a second. A piece passes when its last byte would have arrived; in the queue stands when an item came.
pub(super) struct Bandwidth {
    kilobytes_per_second: u64,
    queue: EventQueue,
    free: Option<Instant>,
}

impl Bandwidth {
    pub(super) fn new(kilobytes_per_second: u64) -> Self {
        Self { kilobytes_per_second, queue: EventQueue::default(), free: None }
    }

    fn piece_bytes(&self) -> usize {
        // A kilobyte a second is a byte in a millisecond.
        let bytes = u128::from(self.kilobytes_per_second) * PIECE_TIME.as_millis();
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    fn time_of(&self, bytes: usize) -> Duration {
        // Rounded up: what is measured from outside is never above the rate.
        let nanos = (bytes as u128 * 1_000_000).div_ceil(u128::from(self.kilobytes_per_second));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl ToxicBehavior for Bandwidth {
    fn update(&mut self, effect: Effect) {
        if let Effect::Bandwidth { kilobytes_per_second } = effect {
            self.kilobytes_per_second = kilobytes_per_second;
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        self.queue.push(now, item);
    }

    fn next(&mut self, now: Instant) -> Output {
        let piece_bytes = self.piece_bytes();
        let Some((came, item)) = self.queue.front() else { return Output::Nothing };
        let bytes = match item {
            StreamEvent::Bytes(bytes) if self.kilobytes_per_second > 0 => bytes.len().min(piece_bytes),
            _ => return self.queue.pop().map_or(Output::Nothing, Output::StreamEvent),
        };
        let starts = self.free.map_or(came, |free| free.max(came));
        let ends = starts + self.time_of(bytes);
        if now < ends {
            return Output::Wait(ends);
        }
        self.free = Some(ends);
        self.queue.pop_at_most(bytes).map_or(Output::Nothing, Output::StreamEvent)
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}

/// How large the pieces of a slicer are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) average_bytes: u64,
    pub(super) variation_bytes: u64,
}

/// Cuts the stream, with a pause at each cut. Where the cuts are is a matter of the seed and of the bytes that have passed,
/// not of how they came; where what has come ends before a cut it passes as it is.
pub(super) struct Slicer {
    size: Size,
    delay: Duration,
    chance: Rng,
    queue: EventQueue,
    /// What is missing until the next cut.
    left: Option<usize>,
    free: Option<Instant>,
}

impl Slicer {
    pub(super) fn new(size: Size, delay: Duration, chance: Rng) -> Self {
        Self { size, delay, chance, queue: EventQueue::default(), left: None, free: None }
    }

    fn draw_size(&mut self) -> usize {
        let Size { average_bytes, variation_bytes } = self.size;
        let variation_bytes = variation_bytes.min(average_bytes);
        let spread = average_bytes - variation_bytes..=average_bytes.saturating_add(variation_bytes);
        usize::try_from(self.chance.u64(spread)).unwrap_or(usize::MAX).max(1)
    }
}

impl ToxicBehavior for Slicer {
    fn update(&mut self, effect: Effect) {
        if let Effect::Slicer { average_bytes, variation_bytes, delay } = effect {
            self.size = Size { average_bytes, variation_bytes };
            self.delay = delay;
            self.left = None;
        }
    }

    fn take(&mut self, item: StreamEvent, now: Instant) {
        self.queue.push(now, item);
    }

    fn next(&mut self, now: Instant) -> Output {
        let Some((came, item)) = self.queue.front() else { return Output::Nothing };
        let StreamEvent::Bytes(bytes) = item else {
            return self.queue.pop().map_or(Output::Nothing, Output::StreamEvent);
        };
        let len = bytes.len();
        let starts = self.free.map_or(came, |free| free.max(came));
        if now < starts {
            return Output::Wait(starts);
        }
        if self.size.average_bytes == 0 {
            return self.queue.pop().map_or(Output::Nothing, Output::StreamEvent);
        }
        let left = match self.left {
            Some(left) => left,
            None => self.draw_size(),
        };
        let bytes = len.min(left);
        self.left = Some(left - bytes).filter(|left| *left > 0);
        if self.left.is_none() {
            self.free = Some(starts + self.delay);
        }
        self.queue.pop_at_most(bytes).map_or(Output::Nothing, Output::StreamEvent)
    }

    fn held(&mut self) -> &mut EventQueue {
        &mut self.queue
    }
}
