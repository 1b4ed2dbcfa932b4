//! What the time to an answer says about a host: how long is usual, and whether requests wait in a queue there.
//!
//! The mean is no sign of a queue: some answers take long by nature. But a queue lets *every* request wait, so the
//! least of a few recent times tells it: with nobody waiting it is near the least that was ever seen.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Weight of the newest answer in the usual time: the last dozen answers count.
const WEIGHT: f64 = 0.15;
/// Recent answers of which the least counts: so many seldom all wait without a queue.
const RECENT: usize = 8;
/// The least is believed for this long to twice as long: ways through the network change.
const LEAST_LASTS: Duration = Duration::from_mins(5);
/// A wait below this is noise of schedulers, and bothers nobody.
const WAIT_MIN: Duration = Duration::from_millis(20);
/// There is a queue if even the least of the recent times is so many times the least that was seen ...
const QUEUE_FROM: f64 = 1.5;
/// ... and room for more requests below this.
const ROOM_BELOW: f64 = 1.25;

#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    usual: Option<Duration>,
    recent: VecDeque<Duration>,
    least_now: Option<(Duration, Instant)>,
    least_before: Option<Duration>,
}

impl Latency {
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

    /// The usual time to an answer, once there has been one.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.usual
    }

    /// Requests wait for each other at the host.
    pub(super) fn is_queueing(&self) -> bool {
        self.recent.len() == RECENT && self.ratio() > QUEUE_FROM
    }

    /// More requests would not wait.
    pub(super) fn has_room(&self) -> bool {
        self.ratio() < ROOM_BELOW
    }

    /// The measure is taken anew: the window has changed.
    pub(super) fn begin_anew(&mut self) {
        self.recent.clear();
    }

    /// The host is not as quick any more as it was once.
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
