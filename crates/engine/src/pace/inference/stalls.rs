//! Exchanges that have stalled, and which of them are aborted and retried.

use std::collections::BTreeMap;

use super::Seconds;

/// An exchange has stalled after this many mean latencies without progress ...
const LATENCIES: f64 = 2.0;
/// ... and this many mean deviations (TCP's retransmission timer takes 1 and 4) ...
const DEVIATIONS: f64 = 8.0;
/// ... but not sooner than this, because a busy machine pauses, too.
const LEAST: Seconds = 0.25;
/// If there has been no response yet.
const UNKNOWN: Seconds = 2.0;
/// A stalled exchange is aborted after this many times as long; each further one of the same URL after twice that.
const ABORT_AFTER: f64 = 2.0;
/// Aborts for one URL; after that an exchange has its whole deadline.
const ABORTS_MAX: i32 = 5;
/// This many retries that stall again show that some URLs are slow.
const STALLED_AGAIN_MIN: u32 = 4;

#[derive(Debug, Clone, Default)]
pub(super) struct Stalls {
    /// Aborts by URL.
    aborts: BTreeMap<u64, i32>,
    retried: u32,
    stalled_again: u32,
    /// An exchange was served whose URL had been aborted: it had stalled at random.
    has_helped: bool,
}

/// How long an exchange is silent before it has stalled.
pub(super) fn after(mean: Option<Seconds>, deviation: Seconds) -> Seconds {
    mean.map_or(UNKNOWN, |mean| (LATENCIES * mean + DEVIATIONS * deviation).max(LEAST))
}

impl Stalls {
    /// An exchange has stalled. Returns whether one of the same URL was aborted before.
    pub(super) fn stalled(&mut self, url: u64) -> bool {
        let was_aborted = self.aborts.contains_key(&url);
        self.stalled_again += u32::from(was_aborted);
        was_aborted
    }

    /// Whether an exchange of this URL was aborted, and none has been served since.
    pub(super) fn was_aborted(&self, url: u64) -> bool {
        self.aborts.contains_key(&url)
    }

    /// Whether most retries stall again: their URLs are slow.
    pub(super) fn are_slow_urls(&self) -> bool {
        self.stalled_again >= STALLED_AGAIN_MIN && 2 * self.stalled_again > self.retried
    }

    /// Whether an exchange is aborted after this much silence.
    pub(super) fn should_abort(&self, url: u64, silent: Seconds, after: Seconds) -> bool {
        let before = self.aborts.get(&url).copied().unwrap_or(0);
        // If some URLs are slow, one abort is enough: a response that was lost at random arrives the second time.
        before < if self.are_slow_urls() { 1 } else { ABORTS_MAX }
            && silent >= after * ABORT_AFTER * 2.0_f64.powi(before)
    }

    /// An exchange was aborted.
    pub(super) fn aborted(&mut self, url: u64) {
        if self.aborts.len() >= super::URLS_MAX {
            self.aborts.clear();
        }
        *self.aborts.entry(url).or_default() += 1;
        self.retried += 1;
    }

    /// An exchange of this URL was served.
    pub(super) fn ended(&mut self, url: u64) {
        self.has_helped |= self.aborts.remove(&url).is_some();
    }

    /// Whether an abort has helped before, so that it may help where no other URL shows that the host serves.
    pub(super) fn has_helped(&self) -> bool {
        self.has_helped
    }
}
