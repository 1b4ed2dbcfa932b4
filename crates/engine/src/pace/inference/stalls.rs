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
const BEFORE_CUT: f64 = 2.0;
/// So many of one URL are stopped; then it has its whole deadline.
const CUTS_MAX: i32 = 5;
/// So many that were made again and fell silent again show that some URLs are slow by nature.
const IN_VAIN_MIN: u32 = 4;

#[derive(Debug, Clone, Default)]
pub(super) struct Stalls {
    /// How often each URL was stopped.
    cuts: BTreeMap<u64, i32>,
    made_again: u32,
    in_vain: u32,
}

/// Silence that counts.
pub(super) fn after(usual: Option<Seconds>, deviation: Seconds) -> Seconds {
    usual.map_or(UNKNOWN, |usual| (LATENCIES * usual + DEVIATIONS * deviation).max(LEAST))
}

impl Stalls {
    /// One fell silent. Returns whether its URL had been stopped before.
    pub(super) fn stalled(&mut self, url: u64) -> bool {
        let is_again = self.cuts.contains_key(&url);
        self.in_vain += u32::from(is_again);
        is_again
    }

    /// Whether an exchange of this URL was stopped, and none was served since.
    pub(super) fn was_stopped(&self, url: u64) -> bool {
        self.cuts.contains_key(&url)
    }

    /// Whether those that fall silent mostly do so again: their URLs are slow by nature.
    pub(super) fn are_by_nature(&self) -> bool {
        self.in_vain >= IN_VAIN_MIN && 2 * self.in_vain > self.made_again
    }

    /// Whether one is stopped that has been silent for so long.
    pub(super) fn cuts(&self, url: u64, silent: Seconds, after: Seconds) -> bool {
        let before = self.cuts.get(&url).copied().unwrap_or(0);
        // Where URLs are slow by nature, one stop tells: an answer that was lost by chance comes the second time.
        before < if self.are_by_nature() { 1 } else { CUTS_MAX }
            && silent >= after * BEFORE_CUT * 2.0_f64.powi(before)
    }

    /// One was stopped.
    pub(super) fn cut(&mut self, url: u64) {
        if self.cuts.len() >= super::URLS_MAX {
            self.cuts.clear();
        }
        *self.cuts.entry(url).or_default() += 1;
        self.made_again += 1;
    }

    /// One was served.
    pub(super) fn ended(&mut self, url: u64) {
        self.cuts.remove(&url);
    }
}
