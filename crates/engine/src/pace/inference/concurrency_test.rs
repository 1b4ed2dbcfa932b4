//! Tests whether the host limits the requests in flight.
//!
//! Such a host refuses a request only if too many others are in flight, and a rate limit does not care. So the test
//! compares the failure share of requests that were sent with more than `n` in flight with that of the others, for each
//! `n`. A bucket without a burst refuses what is sent soon after another request, and more in flight are sent closer
//! together. A host that limits or breaks new connections also looks alike, because more in flight need new connections.
//! So the test compares the shares after short and long gaps, and on new and reused connections, too, and the best
//! explanation wins. It takes single failures only: a run of failures is examined after the pause that follows it.

use super::Seconds;
use super::two_shares::{Tally, log_likelihood_ratio};

/// Larger numbers in flight are counted as this one.
const IN_FLIGHT_MAX: usize = 128;
/// Above this many requests the counts are halved, because the host may change.
const HALVED_ABOVE: f64 = 400.0;
/// Natural logarithm of the likelihood ratio that decides. It is above that of a single comparison, because the best
/// of some ten is taken.
const DECISION_THRESHOLD: f64 = 6.0;
/// Beyond a limit at least this share fails, beside random failures: some requests arrive after an earlier one has ended.
const SHARE_BEYOND_MIN: f64 = 0.3;
/// Within a limit at most this share fails, beside random failures.
const SHARE_WITHIN_MAX: f64 = 0.03;
/// A limit is wrong if at least this many requests within it failed, and twice that share.
const REFUTED_BY: f64 = 3.0;

/// Gaps are counted by their order of magnitude: this many powers of two, from a microsecond on.
const GAPS: usize = 24;
const GAP_MIN: Seconds = 1e-6;

/// Outcomes by the number of requests in flight when the request was sent, and by the time since the request before.
#[derive(Debug, Clone)]
pub(super) struct ConcurrencyTest {
    by_in_flight: Vec<Tally>,
    by_gap: [Tally; GAPS],
    /// On reused, and on new connections.
    by_connection: [Tally; 2],
    all: f64,
}

impl ConcurrencyTest {
    pub(super) fn new() -> Self {
        Self {
            by_in_flight: Vec::new(),
            by_gap: [Tally::default(); GAPS],
            by_connection: [Tally::default(); 2],
            all: 0.0,
        }
    }

    /// Records an outcome of a request that was sent with this many in flight, itself included, this long after the
    /// request before, on a new connection or not.
    pub(super) fn record(&mut self, in_flight: u32, gap: Seconds, is_new: bool, is_failure: bool) {
        let index = (in_flight as usize).min(IN_FLIGHT_MAX);
        if index >= self.by_in_flight.len() {
            self.by_in_flight.resize(index + 1, Tally::default());
        }
        self.by_in_flight[index].record(is_failure);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some tens")]
        let magnitude = (gap / GAP_MIN).max(1.0).log2() as usize;
        self.by_gap[magnitude.min(GAPS - 1)].record(is_failure);
        self.by_connection[usize::from(is_new)].record(is_failure);
        self.all += 1.0;
        if self.all > HALVED_ABOVE {
            self.all *= 0.5;
            self.by_in_flight
                .iter_mut()
                .chain(&mut self.by_gap)
                .chain(&mut self.by_connection)
                .for_each(Tally::halve);
        }
    }

    /// The number in flight beyond which the host refuses, if it does. `random_share`: the share of random failures.
    pub(super) fn limit(&self, random_share: f64) -> Option<u32> {
        let is_limit = |beyond: Tally, within: Tally| {
            beyond.failed > (SHARE_BEYOND_MIN + random_share) * beyond.all
                && within.failed <= (SHARE_WITHIN_MAX + random_share) * within.all
        };
        let (in_flight, ratio) = best_split(self.by_in_flight.iter(), is_limit)?;
        let (_, ratio_of_gaps) = best_split(self.by_gap.iter().rev(), |_, _| true).unwrap_or_default();
        let ratio_of_connections = log_likelihood_ratio(self.by_connection[1], self.by_connection[0]);
        (ratio > DECISION_THRESHOLD.max(ratio_of_gaps).max(ratio_of_connections))
            .then(|| u32::try_from(in_flight).ok())
            .flatten()
    }

    /// Whether too many requests failed within this limit, so that it explains nothing.
    pub(super) fn refutes(&self, limit: u32, random_share: f64) -> bool {
        let within =
            self.by_in_flight.iter().take(limit as usize + 1).copied().fold(Tally::default(), Tally::plus);
        within.failed >= REFUTED_BY && within.failed > 2.0 * (SHARE_WITHIN_MAX + random_share) * within.all
    }

    /// Clears the counts, because the host has changed or the test was wrong.
    pub(super) fn restart(&mut self) {
        *self = Self::new();
    }
}

/// The index up to which requests fail least in comparison with those beyond it, and the log likelihood ratio of the two
/// shares. Only splits that `is_allowed` (beyond, within) count.
fn best_split<'a>(
    tallies: impl Iterator<Item = &'a Tally> + Clone,
    is_allowed: impl Fn(Tally, Tally) -> bool,
) -> Option<(usize, f64)> {
    let total = tallies.clone().copied().fold(Tally::default(), Tally::plus);
    let mut within = Tally::default();
    let splits = tallies.enumerate().filter_map(|(index, tally)| {
        within = within.plus(*tally);
        let beyond = Tally { all: total.all - within.all, failed: total.failed - within.failed };
        is_allowed(beyond, within).then(|| (index, log_likelihood_ratio(beyond, within)))
    });
    splits.max_by(|one, other| one.1.total_cmp(&other.1))
}

#[cfg(test)]
mod tests {
    use super::ConcurrencyTest;

    /// `is_failure` of the number of the request, those in flight, and the gap in milliseconds.
    fn after(is_failure: impl Fn(u32, u32, u32) -> bool) -> Option<u32> {
        let mut test = ConcurrencyTest::new();
        for at in 0..200 {
            let (in_flight, gap) = (1 + at % 10, 1 + (7 * at) % 23);
            test.record(in_flight, f64::from(gap) * 1e-3, at % 3 == 0, is_failure(at, in_flight, gap));
        }
        test.limit(0.02)
    }

    #[test]
    fn failures_beyond_a_number_in_flight_show_a_limit() {
        assert_eq!(after(|at, in_flight, _| in_flight > 8 && at % 4 != 0), Some(8));
    }

    #[test]
    fn failures_after_short_gaps_show_none() {
        let mut test = ConcurrencyTest::new();
        for at in 0..200_u32 {
            let in_flight = 1 + at % 4;
            let gap = if at % 7 == 0 { 0.020 } else { 0.020 / f64::from(in_flight) };
            test.record(in_flight, gap, true, gap < 0.010);
        }
        assert_eq!(test.limit(0.02), None);
    }

    #[test]
    fn failures_of_new_connections_show_none() {
        let mut test = ConcurrencyTest::new();
        (0..200_u32).for_each(|at| {
            let in_flight = 1 + at % 8;
            let is_new = in_flight > 6 || at % 11 == 0;
            test.record(in_flight, 0.01, is_new, is_new && at % 3 != 0);
        });
        assert_eq!(test.limit(0.02), None);
    }

    #[test]
    fn failures_at_any_number_in_flight_show_none() {
        assert_eq!(after(|at, _, _| at % 7 == 0), None);
        assert_eq!(after(|_, _, _| false), None);
        assert_eq!(after(|_, _, _| true), None);
    }

    #[test]
    fn failures_within_a_limit_refute_it() {
        let mut test = ConcurrencyTest::new();
        (0..40).for_each(|at| test.record(2, 0.01, false, at % 4 == 0));
        assert!(test.refutes(3, 0.02) && !test.refutes(1, 0.02));
    }
}
