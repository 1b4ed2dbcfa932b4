//! Detects runs of failures with a cumulative sum test (CUSUM: Page, 1954), in the order of sending.
//!
//! Random failures are independent of each other. A limit refuses every request that is sent while it holds. So the
//! detector measures the failure share among requests that follow a success ([`RunDetector::share`]). For each failure
//! mode it sums log likelihood ratios of two hypotheses: nearly all requests fail, or they fail with that share. A sum
//! above the threshold marks a run that a limit has caused.

use std::collections::VecDeque;

use super::Seconds;
use super::signal::{FailureMode, RandomShares};

/// Requests whose outcomes are kept.
const REMEMBERED: usize = 2048;
/// The failure share while a limit refuses requests.
const FAILING: f64 = 0.95;
/// Threshold of the sum, in natural logarithms: one false alarm in e^4.5 = 90 failures ...
const DECISION_THRESHOLD: f64 = 4.5;
/// ... and higher after more outcomes, so that a long list has no more false alarms than a short one.
const OBSERVED_SCALE: f64 = 10.0;
/// The prior of an unknown host: two failures in a hundred requests, with the weight of this many requests.
pub(super) const PRIOR_REQUESTS: f64 = 20.0;
pub(super) const PRIOR_FAILURES: f64 = 0.4;
/// Above this many requests the counts are halved, because a host may change.
const HALVED_ABOVE: f64 = 600.0;

/// What one failure and one success add to the sum: natural logarithms of likelihood ratios.
#[derive(Debug, Clone, Copy)]
struct Weights {
    failure: f64,
    success: f64,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Accepted,
    Failed(FailureMode),
    /// The outcome says nothing about the host.
    Neutral,
}

/// The recent outcomes of a host.
#[derive(Debug, Clone)]
pub(super) struct RunDetector {
    first: u64,
    sent: VecDeque<(Seconds, Option<Outcome>)>,
    /// A run begins no earlier than this request.
    since: u64,
    /// The first request that the share does not count yet.
    counted: u64,
    previous_succeeded: bool,
    /// Failures after a success: in the modes that are often random, and in the others.
    often_failed: f64,
    seldom_failed: f64,
    requests: f64,
    /// Outcomes recorded so far.
    observed: f64,
    /// An earlier request is still unresolved, so failures after it have not been examined.
    pub(super) is_open: bool,
}

impl RunDetector {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            sent: VecDeque::new(),
            since: 0,
            counted: 0,
            previous_succeeded: true,
            often_failed: PRIOR_FAILURES,
            seldom_failed: PRIOR_FAILURES,
            requests: PRIOR_REQUESTS,
            observed: 0.0,
            is_open: false,
        }
    }

    /// The next request is sent.
    pub(super) fn sent(&mut self, now: Seconds) {
        self.sent.push_back((now, None));
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
            self.first += 1;
            self.counted = self.counted.max(self.first);
        }
    }

    /// Records an outcome. Returns the outcomes that are now resolved without a gap, in the order of sending: each
    /// request, and its failure mode if it failed.
    pub(super) fn record(&mut self, sequence: u64, outcome: Outcome) -> Vec<(u64, Option<FailureMode>)> {
        let Some(index) = sequence.checked_sub(self.first) else { return Vec::new() };
        if let Some(slot) = self.sent.get_mut(usize::try_from(index).expect("some thousands")) {
            slot.1 = Some(outcome);
        }
        self.observed += 1.0;
        let mut resolved = Vec::new();
        while let Some(outcome) = self.outcome(self.counted) {
            let mode = match outcome {
                Outcome::Accepted => None,
                Outcome::Failed(mode) => Some(mode),
                Outcome::Neutral => {
                    self.counted += 1;
                    continue;
                }
            };
            resolved.push((self.counted, mode));
            self.counted += 1;
            if self.previous_succeeded {
                self.requests += 1.0;
                match mode {
                    Some(mode) if mode.is_often_random() => self.often_failed += 1.0,
                    Some(_) => self.seldom_failed += 1.0,
                    None => {}
                }
                if self.requests > HALVED_ABOVE {
                    self.requests *= 0.5;
                    self.often_failed *= 0.5;
                    self.seldom_failed *= 0.5;
                }
            }
            self.previous_succeeded = mode.is_none();
        }
        resolved
    }

    fn outcome(&self, sequence: u64) -> Option<Outcome> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.sent.get(index).and_then(|&(_, outcome)| outcome)
    }

    /// The share of requests that fail at random.
    pub(super) fn share(&self) -> f64 {
        (self.often_failed / self.requests).min(0.6)
    }

    /// Upper estimate of that share: one standard deviation more.
    pub(super) fn share_upper(&self) -> f64 {
        ((self.often_failed + self.often_failed.sqrt() + 0.5) / self.requests).min(0.6)
    }

    /// Takes back a failure that turned out to be none.
    pub(super) fn revoke(&mut self) {
        self.often_failed = (self.often_failed - 1.0).max(PRIOR_FAILURES.min(self.often_failed));
    }

    /// Takes back the first failure of a run that a limit has caused.
    pub(super) fn uncount(&mut self) {
        self.revoke();
        self.seldom_failed = (self.seldom_failed - 1.0).max(PRIOR_FAILURES.min(self.seldom_failed));
        self.requests = (self.requests - 1.0).max(PRIOR_REQUESTS);
    }

    /// The expected number of random runs as improbable as this one, from `run_start` to `until`, among this many
    /// requests. `probes` more requests failed after it.
    pub(super) fn expected_random_runs(
        &self,
        mode: FailureMode,
        (run_start, until): (u64, u64),
        probes: u32,
        requests: f64,
        random_shares: RandomShares,
    ) -> f64 {
        let weights = self.weights(self.share_upper(), random_shares)[mode.index()];
        let (mut sum, mut most) = (0.0_f64, 0.0_f64);
        for sequence in run_start.max(self.first)..until {
            match self.outcome(sequence) {
                Some(Outcome::Failed(how)) if how == mode => sum += weights.failure,
                Some(Outcome::Accepted) => sum += weights.success,
                _ => {}
            }
            most = most.max(sum);
        }
        requests.max(10.0) * (-most - weights.failure * f64::from(probes)).exp()
    }

    /// The weights of one failure and one success for a limit of each mode. Failures in other modes count as random.
    fn weights(&self, often: f64, random_shares: RandomShares) -> [Weights; FailureMode::COUNT] {
        let seldom = self.seldom_failed / self.requests;
        FailureMode::ALL.map(|mode| {
            let others = if mode.is_often_random() { seldom } else { often };
            let share = (mode.share(often, seldom, random_shares) / (1.0 - others.min(0.6))).min(0.75);
            Weights { failure: (FAILING / share).ln(), success: ((1.0 - FAILING) / (1.0 - share)).ln() }
        })
    }

    /// The start and the mode of the first run of failures that a limit has caused. Refusals arrive before slower
    /// responses, so the search stops at a request that was sent after `since` and has no outcome yet.
    pub(super) fn detect(
        &mut self,
        since: Seconds,
        random_shares: RandomShares,
    ) -> Option<(u64, FailureMode)> {
        self.is_open = false;
        let weights = self.weights(self.share(), random_shares);
        let enough = DECISION_THRESHOLD + (1.0 + self.observed / OBSERVED_SCALE).ln();
        let mut runs = [(0.0_f64, None); FailureMode::COUNT];
        let skipped = usize::try_from(self.since.saturating_sub(self.first)).expect("some thousands");
        for (index, (at, outcome)) in self.sent.iter().enumerate().skip(skipped) {
            match outcome {
                Some(Outcome::Failed(mode)) => {
                    let (sum, run_start) = &mut runs[mode.index()];
                    let run_start = *run_start.get_or_insert(self.first + index as u64);
                    *sum += weights[mode.index()].failure;
                    if *sum > enough {
                        return Some((run_start, *mode));
                    }
                }
                Some(Outcome::Accepted) => {
                    for ((sum, run_start), weights) in runs.iter_mut().zip(weights) {
                        *sum += weights.success;
                        if *sum <= 0.0 {
                            (*sum, *run_start) = (0.0, None);
                        }
                    }
                }
                None if *at > since => {
                    self.is_open = true;
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Runs that began earlier belong to another pace.
    pub(super) fn detect_from(&mut self, sequence: u64) {
        self.since = sequence;
    }

    /// Discards the outcomes of requests sent before this one.
    pub(super) fn restart(&mut self, sequence: u64) {
        self.since = sequence;
        self.counted = self.counted.max(sequence);
        self.previous_succeeded = true;
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::FailureMode;
    use super::{Outcome, RunDetector};

    const RANDOM_SHARES: [f64; FailureMode::COUNT] = [0.01, 0.01, 0.03, 0.03];

    /// Requests one millisecond apart with these outcomes: `true` is a failure.
    fn recorded(ends: impl Iterator<Item = bool>) -> RunDetector {
        let mut run_detector = RunDetector::new();
        for (at, is_failure) in ends.enumerate() {
            run_detector.sent(at as f64 * 0.001);
            let outcome = if is_failure { Outcome::Failed(FailureMode::Broken) } else { Outcome::Accepted };
            run_detector.record(at as u64, outcome);
        }
        run_detector
    }

    #[test]
    fn every_fifth_request_failing_is_random() {
        let mut run_detector = recorded((0..500).map(|at| at % 5 == 0));
        assert_eq!(run_detector.detect(f64::INFINITY, RANDOM_SHARES), None);
        assert!(
            (run_detector.share() - 0.25).abs() < 0.02,
            "a quarter of the requests after a success fail: {}",
            run_detector.share()
        );
    }

    #[test]
    fn a_run_of_failures_is_not_random() {
        let mut run_detector = recorded((0..120).map(|at| at >= 100));
        assert_eq!(run_detector.detect(f64::INFINITY, RANDOM_SHARES), Some((100, FailureMode::Broken)));
    }

    #[test]
    fn failures_after_an_unresolved_request_are_not_examined() {
        let mut run_detector = RunDetector::new();
        for at in 0..20_u32 {
            run_detector.sent(f64::from(at) * 0.001);
        }
        for at in 1..20 {
            run_detector.record(at, Outcome::Failed(FailureMode::Throttled));
        }
        assert_eq!(run_detector.detect(-1.0, RANDOM_SHARES), None);
        assert!(run_detector.is_open);
        assert_eq!(
            run_detector.detect(1.0, RANDOM_SHARES),
            Some((1, FailureMode::Throttled)),
            "the first request has timed out"
        );
    }
}
