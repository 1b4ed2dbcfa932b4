//! Toxics that pass everything on, later or in other pieces.
//!
//! Each keeps a schedule and not the time of the last step, so a timer that is late by a millisecond delays one piece and not
//! all later ones.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::{Output, ToxicBehavior};
use crate::proxy::effect::Effect;
use crate::proxy::stream_event::{EventQueue, StreamEvent};

/// A piece is what the bandwidth passes in this time.
const PIECE_TIME: Duration = Duration::from_millis(50);

/// Delays everything. The queue has the instants at which events go; an event never goes before those in front of it.
pub(super) struct Latency {
    mean: Duration,
    jitter: Duration,
    generator: Rng,
    queue: EventQueue,
}

impl Latency {
    pub(super) fn new(mean: Duration, jitter: Duration, generator: Rng) -> Self {
        Self { mean, jitter, generator, queue: EventQueue::default() }
    }

    /// Evenly distributed between latency minus jitter and latency plus jitter, and at least zero.
    fn delay(&mut self) -> Duration {
        let spread_micros = u64::try_from(2 * self.jitter.as_micros()).unwrap_or(u64::MAX);
        let drawn = Duration::from_micros(self.generator.u64(0..=spread_micros));
        (self.mean + drawn).saturating_sub(self.jitter)
    }
}

impl ToxicBehavior for Latency {
    fn update(&mut self, effect: Effect) {
        if let Effect::Latency { latency, jitter } = effect {
            (self.mean, self.jitter) = (latency, jitter);
        }
    }

    fn take(&mut self, event: StreamEvent, now: Instant) {
        let goes = now + self.delay();
        self.queue.push(goes, event);
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

/// Limits the bytes per second. A piece passes when its last byte would have arrived. The queue has the instants at which
/// events came.
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
        // A kilobyte per second is a byte per millisecond.
        let bytes = u128::from(self.kilobytes_per_second) * PIECE_TIME.as_millis();
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    fn time_of(&self, bytes: usize) -> Duration {
        // Rounded up, so that the rate is never exceeded.
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

    fn take(&mut self, event: StreamEvent, now: Instant) {
        self.queue.push(now, event);
    }

    fn next(&mut self, now: Instant) -> Output {
        let piece_bytes = self.piece_bytes();
        let Some((came, event)) = self.queue.front() else { return Output::Nothing };
        let bytes = match event {
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

/// The sizes of the pieces of a slicer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) average_bytes: u64,
    pub(super) variation_bytes: u64,
}

/// Cuts the stream into pieces, with a pause after each. The positions of the cuts depend on the seed and the stream only,
/// not on how the bytes arrived. Bytes that end before a cut pass without waiting for it.
pub(super) struct Slicer {
    size: Size,
    delay: Duration,
    generator: Rng,
    queue: EventQueue,
    /// Bytes until the next cut.
    left: Option<usize>,
    free: Option<Instant>,
}

impl Slicer {
    pub(super) fn new(size: Size, delay: Duration, generator: Rng) -> Self {
        Self { size, delay, generator, queue: EventQueue::default(), left: None, free: None }
    }

    fn draw_size(&mut self) -> usize {
        let Size { average_bytes, variation_bytes } = self.size;
        let variation_bytes = variation_bytes.min(average_bytes);
        let spread = average_bytes - variation_bytes..=average_bytes.saturating_add(variation_bytes);
        usize::try_from(self.generator.u64(spread)).unwrap_or(usize::MAX).max(1)
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

    fn take(&mut self, event: StreamEvent, now: Instant) {
        self.queue.push(now, event);
    }

    fn next(&mut self, now: Instant) -> Output {
        let Some((came, event)) = self.queue.front() else { return Output::Nothing };
        let StreamEvent::Bytes(bytes) = event else {
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
