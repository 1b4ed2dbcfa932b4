//! The response latency of a host, and whether requests queue there.
//!
//! As in TCP Vegas (1994): of `n` requests in flight, `n * (1 - floor / latency)` are queued, where the floor is the
//! latency of an idle host. Some responses are slow for other reasons, so the estimate takes the minimum of a block of
//! responses.

use super::Seconds;

/// Responses in a block.
const BLOCK: u32 = 8;
/// At most this many requests may queue at the host: enough that it never idles.
const QUEUED_MAX: f64 = 3.0;
/// Or this share of the requests in flight: if latency grows by half, the gain is smaller than the delay.
const QUEUED_SHARE_MAX: f64 = 1.0 / 3.0;
/// The window grows only if fewer requests than this are queued.
const QUEUED_GROWTH: f64 = 1.5;
const QUEUED_SHARE_GROWTH: f64 = 0.2;

/// What a block of responses shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Queueing {
    /// The window may grow.
    Room,
    /// The window has the right size.
    Full,
    /// Too many requests are queued; this many in flight are right.
    Excess(f64),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    mean: Option<Seconds>,
    deviation: Seconds,
    floor: Option<Seconds>,
    block_min: Option<Seconds>,
    answers: u32,
    in_flight: f64,
    /// The block covers requests from this one on.
    since: u64,
    has_room: bool,
}

impl Latency {
    /// The mean latency.
    pub(super) fn mean(&self) -> Option<Seconds> {
        self.mean
    }

    /// The latency of an idle host, at most this.
    pub(super) fn floor(&self, most: Seconds) -> Seconds {
        self.floor.map_or(most, |floor| floor.min(most))
    }

    /// The mean deviation from the mean latency.
    pub(super) fn deviation(&self) -> Seconds {
        self.deviation
    }

    /// The time within which nearly all responses arrive, also on a new connection.
    pub(super) fn answer_deadline(&self) -> Seconds {
        self.mean.map_or(0.0, |mean| 2.0 * mean + 4.0 * self.deviation)
    }

    /// Whether the last block left room for a larger window.
    pub(super) fn has_room(&self) -> bool {
        self.has_room || self.floor.is_none()
    }

    /// Records the latency of a request that was sent with this many in flight.
    pub(super) fn record(&mut self, latency: Seconds, sequence: u64, in_flight: u32) -> Option<Queueing> {
        let error = self.mean.map_or(0.5 * latency, |mean| (latency - mean).abs());
        self.deviation = if self.mean.is_none() { error } else { 0.9 * self.deviation + 0.1 * error };
        self.mean = Some(self.mean.map_or(latency, |mean| 0.9 * mean + 0.1 * latency));
        if self.floor.is_none() {
            self.has_room = true;
        }
        if sequence < self.since {
            return None;
        }
        self.block_min = Some(self.block_min.map_or(latency, |block_min| block_min.min(latency)));
        self.answers += 1;
        self.in_flight += f64::from(in_flight);
        if self.answers < BLOCK.max(in_flight / 2) {
            return None;
        }
        let block_min = self.block_min.take()?;
        let in_flight = self.in_flight / f64::from(self.answers);
        (self.answers, self.in_flight) = (0, 0.0);
        let floor = self.floor.map_or(block_min, |floor| floor.min(block_min));
        self.floor = Some(floor);
        // A latency of zero is its own floor.
        let unqueued = if block_min > 0.0 { in_flight * floor / block_min } else { in_flight };
        let queued = in_flight - unqueued;
        self.has_room = queued < QUEUED_GROWTH.max(in_flight * QUEUED_SHARE_GROWTH);
        Some(if queued > QUEUED_MAX.max(in_flight * QUEUED_SHARE_MAX) {
            Queueing::Excess((unqueued + QUEUED_MAX).min(in_flight * 0.9))
        } else if self.has_room {
            Queueing::Room
        } else {
            Queueing::Full
        })
    }

    /// Measures the floor anew, because the host has become slower by itself.
    pub(super) fn forget_floor(&mut self) {
        self.floor = None;
    }

    /// The host has been idle, so no request queues there.
    pub(super) fn assume_room(&mut self) {
        self.has_room = true;
    }

    /// Discards latencies of requests sent before this one, because the window has changed.
    pub(super) fn restart(&mut self, sequence: u64) {
        (self.since, self.answers, self.in_flight, self.block_min) = (sequence, 0, 0.0, None);
    }
}
