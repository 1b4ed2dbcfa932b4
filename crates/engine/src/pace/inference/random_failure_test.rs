//! Single failures among successes: chance, or a limit that is only just met?
//!
//! A limit that is slightly exceeded refuses one in ten, evenly, and so does a host that fails by chance. They differ in what
//! happens at the pace that was let in: there the limit refuses nobody. So where failures are more than is known of chance,
//! and enough to matter, the pace becomes what was let in, and a sequential test (Wald, 1945) decides between the share that
//! was seen and next to none. Chance that has been proved is remembered, and only more than that is looked at again.

use super::signal::{FailureMode, RandomShares};

/// Prior: chance that needs no proof, for each form: refusals are seldom accidents, breaks often.
const RANDOM_PRIOR: [f64; FailureMode::COUNT] = [0.01, 0.01, 0.03, 0.03];
/// Courtesy, and what is worth a test: so much more than chance, for each form.
const EXCESS_MIN: [f64; FailureMode::COUNT] = [0.02, 0.03, 0.15, 0.15];
/// The evidence that decides, in natural logarithms.
const DECISION_THRESHOLD: f64 = 3.5;
/// At the pace that it lets in, a limit refuses at most this part of what it refused.
const RESIDUAL: f64 = 0.1;
/// A share of fewer requests means little.
const REQUESTS_MIN: f64 = 20.0;
/// Failures that are improbable to this degree are looked at.
const SIGNIFICANCE: f64 = 0.005;
/// What is known to be chance is more, for it is not known exactly.
const SHARE_MARGIN: f64 = 1.3;

#[derive(Debug, Clone, Copy)]
struct Test {
    mode: FailureMode,
    share: f64,
    log_likelihood_ratio: f64,
    /// It has failed at least once at the pace of the test.
    has_failed: bool,
    /// The pace was raised from this, while nothing failed.
    raised_from: Option<f64>,
    /// It failed after that: back to it.
    is_too_high: bool,
}

/// How a test ended.
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
    /// What was sent before says nothing.
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

    /// The pace has changed.
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

    /// The shares that are known to be chance.
    pub(super) const fn random_shares(&self) -> RandomShares {
        self.shares
    }

    /// The share of this form that is known to be chance.
    pub(super) fn random_share(&self, mode: FailureMode) -> f64 {
        self.shares[mode.index()]
    }

    /// What was let in is the pace from this request on.
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

    /// A row of failures of this form was none of chance: what is known of chance may have been a limit's, too.
    pub(super) fn halve_random_share(&mut self, mode: FailureMode) {
        let known = &mut self.shares[mode.index()];
        *known = (*known * 0.5).max(RANDOM_PRIOR[mode.index()]);
    }

    /// Whether failures of this form have been shown to be chance.
    pub(super) fn is_proven_random(&self, mode: FailureMode) -> bool {
        self.random_share(mode) > RANDOM_PRIOR[mode.index()]
    }

    /// The share of failures of this form since the pace changed.
    pub(super) fn share(&self, mode: FailureMode) -> f64 {
        self.failed[mode.index()] / self.all.max(1.0)
    }

    /// The same, with less trust in few requests.
    pub(super) fn shrunk_share(&self, mode: FailureMode) -> f64 {
        (self.failed[mode.index()] + 0.5) / (self.all + 10.0)
    }

    /// Whether something has failed in the test that is made: the pace is not raised any more.
    pub(super) fn has_failed(&self) -> bool {
        self.test.is_some_and(|test| test.has_failed)
    }

    /// The share that the last test was about.
    pub(super) fn last_share(&self) -> f64 {
        self.last_share
    }

    /// Failures of this form are chance.
    pub(super) fn prove(&mut self, mode: FailureMode, share: f64) {
        let known = &mut self.shares[mode.index()];
        *known = known.max((SHARE_MARGIN * share).min(if mode.is_often_random() { 0.6 } else { 0.5 }));
    }

    /// The pace was raised from this, as nothing had failed.
    pub(super) fn raised(&mut self, from: f64) {
        if let Some(test) = &mut self.test {
            test.raised_from = Some(from);
        }
    }

    /// Whether that was too much: the pace to go back to.
    pub(super) fn step_back(&mut self, sequence: u64) -> Option<f64> {
        let test = self.test.as_mut().filter(|test| test.is_too_high)?;
        test.is_too_high = false;
        self.since = sequence;
        test.raised_from.take()
    }

    /// One that had been taken for a failure was none.
    pub(super) fn revoke(&mut self, mode: FailureMode) {
        let failed = &mut self.failed[mode.index()];
        *failed = (*failed - 1.0).max(0.0);
        if let Some(test) = self.test.as_mut().filter(|test| test.mode == mode) {
            test.log_likelihood_ratio -= (1.0 / RESIDUAL).ln();
        }
    }

    /// One was in vain, or served.
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
            // A host that is known to count is believed sooner.
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
    fn what_goes_on_at_the_pace_that_was_let_in_is_chance() {
        assert_eq!(tested(|at| at % 5 == 0), Some(TestResult::Random(FailureMode::Broken)));
    }

    #[test]
    fn what_ends_at_the_pace_that_was_let_in_was_a_limit() {
        assert_eq!(tested(|_| false), Some(TestResult::Limit));
    }

    #[test]
    fn the_tail_of_a_poisson_distribution() {
        assert!((tail(0.0, 3.0) - 1.0).abs() < 1e-12);
        assert!((tail(1.0, 2.0) - (1.0 - (-2.0_f64).exp())).abs() < 1e-12);
        assert!(tail(10.0, 1.0) < 1e-6);
    }
}
