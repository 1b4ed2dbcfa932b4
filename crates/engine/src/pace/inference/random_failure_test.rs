//! Tests whether single failures among successes are random, or come from a limit that is just exceeded.
//!
//! Both look alike: a limit that is exceeded by a tenth refuses every tenth request, evenly. They differ at the
//! accepted rate, where the limit refuses nothing. So if failures significantly exceed the random share, the pace drops
//! to the accepted rate. There a sequential probability ratio test (Wald, 1945) compares the observed share with a
//! tenth of it. A share that the test has proven random is kept, and only a larger share starts another test.

use super::signal::{FailureMode, RandomShares};

/// Prior of the random share in each mode: refusals are seldom random, broken connections often.
const RANDOM_PRIOR: [f64; FailureMode::COUNT] = [0.01, 0.01, 0.03, 0.03];
/// Prior of the random share of a mode in which a limit refuses.
const RANDOM_BESIDE_LIMIT: f64 = 0.002;
/// A smaller excess over the random share is not worth a test.
const EXCESS_MIN: [f64; FailureMode::COUNT] = [0.02, 0.03, 0.15, 0.15];
/// Threshold of the test: the natural logarithm of the likelihood ratio.
const DECISION_THRESHOLD: f64 = 3.5;
/// At the accepted rate a limit refuses at most this part of the share that it refused before.
const RESIDUAL: f64 = 0.1;
/// A share needs at least this many requests.
const REQUESTS_MIN: f64 = 20.0;
/// Significance level: a less probable number of failures starts a test.
const SIGNIFICANCE: f64 = 0.005;
/// A proven share is an estimate, so the kept share is this much larger.
const SHARE_MARGIN: f64 = 1.3;

#[derive(Debug, Clone, Copy)]
struct Test {
    mode: FailureMode,
    share: f64,
    log_likelihood_ratio: f64,
    /// At least one request has failed during the test.
    has_failed: bool,
    /// The rate before it was raised, after no request had failed.
    raised_from: Option<f64>,
    /// A request failed after that: the rate has to go back.
    is_too_high: bool,
}

/// The result of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestResult {
    Random(FailureMode),
    Limit,
}

#[derive(Debug, Clone)]
pub(super) struct RandomFailureTest {
    shares: [f64; FailureMode::COUNT],
    all: f64,
    failed: [f64; FailureMode::COUNT],
    test: Option<Test>,
    last_share: f64,
    /// Outcomes of earlier requests do not count.
    since: u64,
}

impl RandomFailureTest {
    pub(super) fn new() -> Self {
        Self {
            shares: RANDOM_PRIOR,
            all: 0.0,
            failed: [0.0; FailureMode::COUNT],
            test: None,
            last_share: 0.0,
            since: 0,
        }
    }

    /// Clears the counts, because the pace has changed.
    pub(super) fn restart(&mut self, sequence: u64) {
        self.since = sequence;
        self.all = 0.0;
        self.failed = [0.0; FailureMode::COUNT];
    }

    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    pub(super) fn abandon(&mut self) {
        self.test = None;
    }

    /// The random share of each mode.
    pub(super) const fn random_shares(&self) -> RandomShares {
        self.shares
    }

    /// The random share of this mode.
    pub(super) fn random_share(&self, mode: FailureMode) -> f64 {
        self.shares[mode.index()]
    }

    /// Starts a test from this request on, at the accepted rate.
    pub(super) fn test(&mut self, mode: FailureMode, share: f64, sequence: u64) {
        self.test = Some(Test {
            mode,
            share: share.clamp(0.02, 0.9),
            log_likelihood_ratio: 0.0,
            has_failed: false,
            raised_from: None,
            is_too_high: false,
        });
        self.restart(sequence);
    }

    /// A limit has caused a run of failures in this mode, so the proven share may be too high: halves it.
    pub(super) fn halve_random_share(&mut self, mode: FailureMode) {
        let known = &mut self.shares[mode.index()];
        *known = (*known * 0.5).max(RANDOM_PRIOR[mode.index()]);
    }

    /// Whether a test has proven failures of this mode random.
    pub(super) fn is_proven_random(&self, mode: FailureMode) -> bool {
        self.random_share(mode) > RANDOM_PRIOR[mode.index()]
    }

    /// The observed share of this mode since the pace changed.
    pub(super) fn share(&self, mode: FailureMode) -> f64 {
        self.failed[mode.index()] / self.all.max(1.0)
    }

    /// The observed share, shrunk towards a small prior.
    pub(super) fn shrunk_share(&self, mode: FailureMode) -> f64 {
        (self.failed[mode.index()] + 0.5) / (self.all + 10.0)
    }

    /// Whether a request has failed in the present test: the rate must not rise then.
    pub(super) fn has_failed(&self) -> bool {
        self.test.is_some_and(|test| test.has_failed)
    }

    /// The share that the last test examined.
    pub(super) fn last_share(&self) -> f64 {
        self.last_share
    }

    /// Accepts this share of failures as random.
    pub(super) fn prove(&mut self, mode: FailureMode, share: f64) {
        let known = &mut self.shares[mode.index()];
        *known = known.max((SHARE_MARGIN * share).min(if mode.is_often_random() { 0.6 } else { 0.5 }));
    }

    /// The rate was raised from this value, because no request had failed. After several raises the first value counts:
    /// a bucket that was full lets higher rates pass for a while.
    pub(super) fn raised(&mut self, from: f64) {
        if let Some(test) = &mut self.test {
            test.raised_from.get_or_insert(from);
        }
    }

    /// The rate to go back to, if raising it caused a failure.
    pub(super) fn step_back(&mut self, sequence: u64) -> Option<f64> {
        let test = self.test.as_mut().filter(|test| test.is_too_high)?;
        test.is_too_high = false;
        self.since = sequence;
        test.raised_from.take()
    }

    /// Takes back a failure that turned out to be none.
    pub(super) fn revoke(&mut self, mode: FailureMode) {
        let failed = &mut self.failed[mode.index()];
        *failed = (*failed - 1.0).max(0.0);
        if let Some(test) = self.test.as_mut().filter(|test| test.mode == mode) {
            test.log_likelihood_ratio -= (1.0 / RESIDUAL).ln();
        }
    }

    /// Records an outcome. Returns the result if the test ends.
    pub(super) fn record(&mut self, sequence: u64, failed: Option<FailureMode>) -> Option<TestResult> {
        if sequence < self.since {
            return None;
        }
        self.all += 1.0;
        if let Some(mode) = failed {
            self.failed[mode.index()] += 1.0;
        }
        if self.all > 400.0 {
            self.all *= 0.5;
            self.failed.iter_mut().for_each(|failed| *failed *= 0.5);
        }
        let test = self.test.as_mut()?;
        let residual = test.share * RESIDUAL;
        match failed {
            Some(mode) if mode == test.mode => {
                test.has_failed = true;
                if test.raised_from.is_some() {
                    test.is_too_high = true;
                } else {
                    test.log_likelihood_ratio += (test.share / residual).ln();
                }
            }
            Some(_) => {}
            None => test.log_likelihood_ratio += ((1.0 - test.share) / (1.0 - residual)).ln(),
        }
        if test.log_likelihood_ratio > DECISION_THRESHOLD {
            let Test { mode, share, .. } = *test;
            (self.test, self.last_share) = (None, share);
            Some(TestResult::Random(mode))
        } else if test.log_likelihood_ratio < -DECISION_THRESHOLD {
            self.test = None;
            Some(TestResult::Limit)
        } else {
            None
        }
    }

    /// Whether there are more failures of this form than chance makes probable.
    pub(super) fn exceeds_random(&self, mode: FailureMode, is_limited: bool) -> bool {
        let random_share = self.random_share(mode);
        let failed = self.failed[mode.index()];
        if is_limited {
            // A host that is known to count is believed sooner: it seldom refuses at random besides.
            let random_share = if self.is_proven_random(mode) { random_share } else { RANDOM_BESIDE_LIMIT };
            let expected = 0.02 + self.all * random_share;
            return failed >= 1.0 && tail(failed, expected) < 10.0 * SIGNIFICANCE;
        }
        failed >= 3.0
            && self.all >= REQUESTS_MIN
            && failed / self.all > random_share + EXCESS_MIN[mode.index()]
            && tail(failed, self.all * random_share) < SIGNIFICANCE
    }
}

/// The probability of so many or more where so many are expected (Poisson).
fn tail(count: f64, expected: f64) -> f64 {
    let (mut term, mut below, mut k) = ((-expected).exp(), 0.0, 0.0);
    while k < count {
        below += term;
        k += 1.0;
        term *= expected / k;
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::signal::FailureMode;
    use super::{RandomFailureTest, TestResult, tail};

    fn tested(is_failure: impl Fn(u64) -> bool) -> Option<TestResult> {
        let mut test = RandomFailureTest::new();
        test.test(FailureMode::Broken, 0.2, 0);
        (0..200).find_map(|at| test.record(at, is_failure(at).then_some(FailureMode::Broken)))
    }

    #[test]
    fn failures_that_continue_at_the_accepted_rate_are_random() {
        assert_eq!(tested(|at| at % 5 == 0), Some(TestResult::Random(FailureMode::Broken)));
    }

    #[test]
    fn failures_that_end_at_the_accepted_rate_come_from_a_limit() {
        assert_eq!(tested(|_| false), Some(TestResult::Limit));
    }

    #[test]
    fn the_poisson_tail_matches_its_closed_form() {
        assert!((tail(0.0, 3.0) - 1.0).abs() < 1e-12);
        assert!((tail(1.0, 2.0) - (1.0 - (-2.0_f64).exp())).abs() < 1e-12);
        assert!(tail(10.0, 1.0) < 1e-6);
    }
}
