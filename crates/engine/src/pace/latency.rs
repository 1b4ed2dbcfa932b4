//! The time to the first byte of a host's responses: how long is usual, and whether requests wait in a queue there.
//!
//! The mean is no sign of a queue: some responses take long by nature. But in a queue *every* request waits, so the least
//! of a few recent times shows it: without a queue it is near the least that was ever seen.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::offset::Offset;

/// A request without progress has stalled after this many times the usual time to the first byte ...
const STALL_LATENCIES: u32 = 10;
/// ... but not sooner than this, for a busy machine has pauses of its own ...
const STALL_MIN: Duration = Duration::from_millis(500);
/// ... and not later than this ...
const STALL_MAX: Duration = Duration::from_secs(2);
/// ... unless the host is as slow as that by nature: this many times its usual time.
const STALL_LATENCIES_MIN: u32 = 4;
/// Weight of the newest response in the usual time: the last dozen responses count.
const WEIGHT: f64 = 0.15;
/// Recent responses of which the least counts: without a queue this many seldom all wait.
const RECENT: usize = 8;
/// The least is believed for this long to twice as long: network paths change.
const LEAST_LASTS: Duration = Duration::from_mins(5);
/// A wait below this is scheduling noise.
const WAIT_MIN: Duration = Duration::from_millis(20);
/// There is a queue if even the least of the recent times is this many times the least that was seen ...
const QUEUE_FROM: f64 = 1.5;
/// ... and room for more requests below this.
const ROOM_BELOW: f64 = 1.25;

/// The times to an answer. `T` is a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Latency<T = Instant> {
    usual: Option<Duration>,
    recent: VecDeque<Duration>,
    least_now: Option<(Duration, T)>,
    least_before: Option<Duration>,
}

impl<T> Default for Latency<T> {
    fn default() -> Self {
        Self { usual: None, recent: VecDeque::new(), least_now: None, least_before: None }
    }
}

impl<T: Copy> Latency<T> {
    fn map_times<U>(&self, map: impl Fn(T) -> U) -> Latency<U> {
        Latency {
            usual: self.usual,
            recent: self.recent.clone(),
            least_now: self.least_now.map(|(least, since)| (least, map(since))),
            least_before: self.least_before,
        }
    }
}

impl Latency<Offset> {
    /// The times that were remembered.
    pub(super) fn recall(&self, now: Instant) -> Latency {
        self.map_times(|offset| offset.after(now))
    }
}

impl Latency {
    pub(super) fn memory(&self, now: Instant) -> Latency<Offset> {
        self.map_times(|at| Offset::of(at, now))
    }

    pub(super) fn note(&mut self, latency: Duration, now: Instant) {
        self.usual =
            Some(self.usual.map_or(latency, |usual| usual.mul_f64(1.0 - WEIGHT) + latency.mul_f64(WEIGHT)));
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(latency);
        match &mut self.least_now {
            Some((least, since)) if now.saturating_duration_since(*since) < LEAST_LASTS => {
                *least = latency.min(*least);
            }
            least_now => {
                self.least_before = least_now.map(|(least, _)| least);
                *least_now = Some((latency, now));
            }
        }
    }

    /// The usual time to the first byte, once there has been one.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.usual
    }

    /// How long a request may make no progress before it counts as stalled; `None` while the host has never answered, for
    /// then there is nothing to compare with.
    pub(super) fn stall_after(&self) -> Option<Duration> {
        let latency = self.usual?;
        let latest = STALL_MAX.max(latency * STALL_LATENCIES_MIN);
        Some((latency * STALL_LATENCIES).clamp(STALL_MIN, latest))
    }

    /// Whether requests wait for each other at the host.
    pub(super) fn is_queueing(&self) -> bool {
        self.recent.len() == RECENT && self.ratio() > QUEUE_FROM
    }

    /// Whether more requests would not wait.
    pub(super) fn has_room(&self) -> bool {
        self.ratio() < ROOM_BELOW
    }

    /// Starts to measure again: the window has changed.
    pub(super) fn begin_anew(&mut self) {
        self.recent.clear();
    }

    /// Forgets the least: the host has become slower.
    pub(super) fn forget_least(&mut self) {
        self.least_now = None;
        self.least_before = None;
    }

    /// The least of the recent times to the least of all.
    fn ratio(&self) -> f64 {
        let least =
            self.least_now.map(|(least, _)| self.least_before.map_or(least, |before| before.min(least)));
        let (Some(recent), Some(least)) = (self.recent.iter().min(), least) else { return 1.0 };
        if recent.saturating_sub(least) < WAIT_MIN {
            return 1.0;
        }
        recent.as_secs_f64() / least.as_secs_f64().max(1e-6)
    }
}
