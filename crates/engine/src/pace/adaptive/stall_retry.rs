//! Which exchanges are broken off long before their deadline, to be made again at once.
//!
//! An exchange that is silent while its host serves others is unlucky, and a deadline is longer than all the rest of a short
//! list takes. A silence is cut short once it has lasted twice what makes an exchange count as stalled; of the same URL the
//! next one has twice as long, the third four times, and the one after that its whole deadline, for the URL may be slow by
//! nature. Where most of those that were made again were silent again, the silences are the URLs' own, and no more are cut.

use std::time::Duration;

/// A silence is cut short once it has lasted so many times what makes an exchange count as stalled: many of those that do
/// are late, not lost.
const STALLS_BEFORE_CUT: u32 = 2;
/// The next one of the same URL may last so many times longer.
const PATIENCE_GROWTH: u32 = 2;
/// So many of one URL are cut short.
const CUTS_MAX: u32 = 3;
/// No more are made again at a time: where everything has become silent, cutting would only add to the load.
const IN_DOUBT_MAX: u32 = 4;
/// Exchanges made again before they say anything about the others.
const TELLING_MIN: u32 = 4;
/// Exchanges that count: older ones fade.
const COUNTED_MAX: u32 = 64;

/// What became of exchanges that were made again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::pace) struct StallRetry {
    /// Those that were cut short and have not been made again.
    in_doubt: u32,
    made_again: u32,
    /// Those that were silent again.
    in_vain: u32,
}

impl StallRetry {
    /// Whether a silence of so long is cut short, where those that last for `stall_after` count as stalled and so many of
    /// the same URL were cut short before. If so, that is counted.
    pub(super) fn cuts(&mut self, silent_for: Duration, stall_after: Duration, before: u32) -> bool {
        let patience = stall_after * STALLS_BEFORE_CUT * PATIENCE_GROWTH.pow(before.min(CUTS_MAX));
        let is_cut = before < CUTS_MAX
            && silent_for >= patience
            && self.in_doubt < IN_DOUBT_MAX
            && (self.made_again < TELLING_MIN || self.in_vain * 2 < self.made_again);
        self.in_doubt += u32::from(is_cut);
        is_cut
    }

    pub(super) fn repeated(&mut self, was_silent_again: bool) {
        self.in_doubt = self.in_doubt.saturating_sub(1);
        self.made_again += 1;
        self.in_vain += u32::from(was_silent_again);
        if self.made_again >= COUNTED_MAX {
            self.made_again /= 2;
            self.in_vain /= 2;
        }
    }
}
