//! Which stalled requests are aborted long before their deadline, and repeated at once.
//!
//! A request that is silent while its host serves others is unlucky, and its deadline may be longer than the rest of a
//! short list takes. It is aborted after twice the time after which it counts as stalled. The next request for the same URL
//! gets twice as long, the third four times as long, and the fourth its whole deadline, for the URL may be slow by nature.
//! Where most of the repeated requests stalled again, the silences are the URLs' own, and no more are aborted.

use std::time::Duration;

/// A request is aborted after this many times the time after which it counts as stalled: many stalled requests are late,
/// not lost.
const STALLS_BEFORE_CUT: u32 = 2;
/// The growth of that time from request to request for the same URL.
const LIMIT_GROWTH: u32 = 2;
/// Requests for one URL that are aborted at most.
const CUTS_MAX: u32 = 3;
/// Aborted requests at a time whose repetition has not ended: where everything is silent, repeating adds to the load.
const REPEATING_MAX: u32 = 4;
/// Repetitions that must have ended before they say whether repeating helps.
const REPEATED_MIN: u32 = 4;
/// Repetitions that count: older ones fade.
const REPEATED_MAX: u32 = 64;

/// What became of repeated requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::pace) struct StallRetry {
    /// Aborted requests whose repetition has not ended.
    repeating: u32,
    /// Repetitions that have ended, and those of them that stalled again.
    repeated: u32,
    stalled_again: u32,
}

impl StallRetry {
    /// Whether to abort a request that has been silent for this long, where a request stalls after `stall_after` and
    /// `before` requests for the same URL were aborted. If so, counts it.
    pub(super) fn cuts(&mut self, silent_for: Duration, stall_after: Duration, before: u32) -> bool {
        let limit = stall_after * STALLS_BEFORE_CUT * LIMIT_GROWTH.pow(before.min(CUTS_MAX));
        let is_cut = before < CUTS_MAX
            && silent_for >= limit
            && self.repeating < REPEATING_MAX
            && (self.repeated < REPEATED_MIN || self.stalled_again * 2 < self.repeated);
        self.repeating += u32::from(is_cut);
        is_cut
    }

    /// A repeated request stalled again, or ended without that.
    pub(super) fn repeated(&mut self, stalled_again: bool) {
        self.repeating = self.repeating.saturating_sub(1);
        self.repeated += 1;
        self.stalled_again += u32::from(stalled_again);
        if self.repeated >= REPEATED_MAX {
            self.repeated /= 2;
            self.stalled_again /= 2;
        }
    }
}
