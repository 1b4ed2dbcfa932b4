//! How long the host takes to answer, and whether requests wait for each other there.
//!
//! As TCP Vegas does (1994): of `n` requests under way, `n * (1 - floor / latency)` are waiting, where the floor is the
//! latency of a host that is asked for nothing else. The least of some answers in a row is looked at, for some are slow by
//! nature.

use super::Seconds;

/// Answers in a row of which the least is looked at.
const BLOCK: u32 = 8;
/// So many may wait at the host: enough that it never runs dry.
const WAITING_MAX: f64 = 3.0;
/// Or this share of those under way: beyond half as long again the gain is less than the delay.
const WAITING_SHARE_MAX: f64 = 1.0 / 3.0;
/// More are only tried where next to none wait.
const WAITING_GROWTH: f64 = 1.5;
const WAITING_SHARE_GROWTH: f64 = 0.2;

/// What the last answers said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Waiting {
    /// There is room for more.
    Room,
    /// Enough.
    Enough,
    /// Too many; so many would be right.
    Queue(f64),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    usual: Option<Seconds>,
    deviation: Seconds,
    floor: Option<Seconds>,
    least: Option<Seconds>,
    answers: u32,
    under_way: f64,
    /// The block's answers belong to requests from here on.
    since: u64,
    has_room: bool,
}

impl Latency {
    /// The usual time to an answer.
    pub(super) fn usual(&self) -> Option<Seconds> {
        self.usual
    }

    /// How far answers are from that, usually.
    pub(super) fn deviation(&self) -> Seconds {
        self.deviation
    }

    /// By when nearly all answers have come, a new connection's included.
    pub(super) fn patience(&self) -> Seconds {
        self.usual.map_or(0.0, |usual| 2.0 * usual + 4.0 * self.deviation)
    }

    /// Whether the last answers left room for more.
    pub(super) fn has_room(&self) -> bool {
        self.has_room || self.floor.is_none()
    }

    /// An answer to a request that was sent while so many were under way.
    pub(super) fn note(&mut self, latency: Seconds, sequence: u64, under_way: u32) -> Option<Waiting> {
        let error = self.usual.map_or(0.5 * latency, |usual| (latency - usual).abs());
        self.deviation = if self.usual.is_none() { error } else { 0.9 * self.deviation + 0.1 * error };
        self.usual = Some(self.usual.map_or(latency, |usual| 0.9 * usual + 0.1 * latency));
        if self.floor.is_none() {
            self.has_room = true;
        }
        if sequence < self.since {
            return None;
        }
        self.least = Some(self.least.map_or(latency, |least| least.min(latency)));
        self.answers += 1;
        self.under_way += f64::from(under_way);
        if self.answers < BLOCK.max(under_way / 2) {
            return None;
        }
        let least = self.least.take()?;
        let under_way = self.under_way / f64::from(self.answers);
        (self.answers, self.under_way) = (0, 0.0);
        let floor = self.floor.map_or(least, |floor| floor.min(least));
        self.floor = Some(floor);
        let waiting = under_way * (1.0 - floor / least);
        self.has_room = waiting < WAITING_GROWTH.max(under_way * WAITING_SHARE_GROWTH);
        Some(if waiting > WAITING_MAX.max(under_way * WAITING_SHARE_MAX) {
            Waiting::Queue((under_way * floor / least + WAITING_MAX).min(under_way * 0.9))
        } else if self.has_room {
            Waiting::Room
        } else {
            Waiting::Enough
        })
    }

    /// The host has become slower by itself.
    pub(super) fn forget_floor(&mut self) {
        self.floor = None;
    }

    /// What was sent before says nothing about the window after it.
    pub(super) fn begin_anew(&mut self, sequence: u64) {
        (self.since, self.answers, self.under_way, self.least) = (sequence, 0, 0.0, None);
    }
}
