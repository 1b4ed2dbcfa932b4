//! How long the host takes to answer, and whether requests wait for each other there.
//!
//! As TCP Vegas does (1994): of `n` requests under way, `n * (1 - floor / latency)` are waiting, where the floor is the
//! latency of a host that is asked for nothing else. The least of some answers in a row is looked at, for some are slow by
//! nature.

use super::Seconds;

/// Answers in a row of which the least is looked at.
const BLOCK: u32 = 8;
/// So many may wait at the host: enough that it never runs dry.
const QUEUED_MAX: f64 = 3.0;
/// Or this share of those under way: beyond half as long again the gain is less than the delay.
const QUEUED_SHARE_MAX: f64 = 1.0 / 3.0;
/// More are only tried where next to none wait.
const QUEUED_GROWTH: f64 = 1.5;
const QUEUED_SHARE_GROWTH: f64 = 0.2;

/// What the last answers said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Queueing {
    /// There is room for more.
    Room,
    /// Enough.
    Full,
    /// Too many; so many would be right.
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
    /// The block's answers belong to requests from here on.
    since: u64,
    has_room: bool,
}

impl Latency {
    /// The usual time to an answer.
    pub(super) fn mean(&self) -> Option<Seconds> {
        self.mean
    }

    /// How far answers are from that, usually.
    pub(super) fn deviation(&self) -> Seconds {
        self.deviation
    }

    /// By when nearly all answers have come, a new connection's included.
    pub(super) fn answer_deadline(&self) -> Seconds {
        self.mean.map_or(0.0, |mean| 2.0 * mean + 4.0 * self.deviation)
    }

    /// Whether the last answers left room for more.
    pub(super) fn has_room(&self) -> bool {
        self.has_room || self.floor.is_none()
    }

    /// An answer to a request that was sent while so many were under way.
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
        let queued = in_flight * (1.0 - floor / block_min);
        self.has_room = queued < QUEUED_GROWTH.max(in_flight * QUEUED_SHARE_GROWTH);
        Some(if queued > QUEUED_MAX.max(in_flight * QUEUED_SHARE_MAX) {
            Queueing::Excess((in_flight * floor / block_min + QUEUED_MAX).min(in_flight * 0.9))
        } else if self.has_room {
            Queueing::Room
        } else {
            Queueing::Full
        })
    }

    /// The host has become slower by itself.
    pub(super) fn forget_floor(&mut self) {
        self.floor = None;
    }

    /// What was sent before says nothing about the window after it.
    pub(super) fn restart(&mut self, sequence: u64) {
        (self.since, self.answers, self.in_flight, self.block_min) = (sequence, 0, 0.0, None);
    }
}
