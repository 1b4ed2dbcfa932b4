//! Exchanges that have fallen silent, and which of them are stopped to be made again.

use std::collections::BTreeMap;

use super::Seconds;

/// An exchange without progress has stalled after so many usual times to an answer ...
const LATENCIES: f64 = 2.0;
/// ... and so many of the usual distances from that (TCP's retransmission timer takes 1 and 4) ...
const DEVIATIONS: f64 = 8.0;
/// ... but not sooner than this, for a busy machine has pauses of its own.
const LEAST: Seconds = 0.25;
/// Where nothing has been answered yet.
const UNKNOWN: Seconds = 2.0;
/// It is stopped after so many times as long, and the next one of the same URL after twice that.
const ABORT_AFTER: f64 = 2.0;
/// So many of one URL are stopped; then it has its whole deadline.
const ABORTS_MAX: i32 = 5;
/// So many that were made again and fell silent again show that some URLs are slow by nature.
const STALLED_AGAIN_MIN: u32 = 4;

#[derive(Debug, Clone, Default)]
pub(super) struct Stalls {
    /// How often each URL was stopped.
    aborts: BTreeMap<u64, i32>,
    retried: u32,
    stalled_again: u32,
}

/// Silence that counts.
pub(super) fn after(mean: Option<Seconds>, deviation: Seconds) -> Seconds {
    mean.map_or(UNKNOWN, |mean| (LATENCIES * mean + DEVIATIONS * deviation).max(LEAST))
}

impl Stalls {
    /// One fell silent. Returns whether its URL had been stopped before.
    pub(super) fn stalled(&mut self, url: u64) -> bool {
        let was_aborted = self.aborts.contains_key(&url);
        self.stalled_again += u32::from(was_aborted);
        was_aborted
    }

    /// Whether an exchange of this URL was stopped, and none was served since.
    pub(super) fn was_aborted(&self, url: u64) -> bool {
        self.aborts.contains_key(&url)
    }

    /// Whether those that fall silent mostly do so again: their URLs are slow by nature.
    pub(super) fn are_slow_urls(&self) -> bool {
        self.stalled_again >= STALLED_AGAIN_MIN && 2 * self.stalled_again > self.retried
    }

    /// Whether one is stopped that has been silent for so long.
    pub(super) fn should_abort(&self, url: u64, silent: Seconds, after: Seconds) -> bool {
        let before = self.aborts.get(&url).copied().unwrap_or(0);
        // Where URLs are slow by nature, one stop tells: an answer that was lost by chance comes the second time.
        before < if self.are_slow_urls() { 1 } else { ABORTS_MAX }
            && silent >= after * ABORT_AFTER * 2.0_f64.powi(before)
    }

    /// One was stopped.
    pub(super) fn aborted(&mut self, url: u64) {
        if self.aborts.len() >= super::URLS_MAX {
            self.aborts.clear();
        }
        *self.aborts.entry(url).or_default() += 1;
        self.retried += 1;
    }

    /// One was served.
    pub(super) fn ended(&mut self, url: u64) {
        self.aborts.remove(&url);
    }
}
