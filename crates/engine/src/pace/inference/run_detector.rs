//! What requests came to, in the order in which they were sent.
//!
//! A failure by chance has no memory: after a failure the next request fails as often as after a success. A limit has: what
//! is sent after the first refusal is refused, too, until something changes. So the share of failures is measured where the
//! request before succeeded ([`Evidence::share`]), and a row of failures is a limit's once a cumulative sum of log likelihood
//! ratios (Page's test, 1954) between 'nearly all fail' and 'they fail by that share' has become large.

use std::collections::VecDeque;

use super::Seconds;
use super::signal::{FailureMode, RandomShares};

/// Requests that are remembered one by one.
const REMEMBERED: usize = 2048;
/// Under a limit so many of the requests fail that are sent while it holds.
const FAILING: f64 = 0.95;
/// How much evidence is needed, in natural logarithms: a false alarm in e^4 = 55 failures ...
const DECISION_THRESHOLD: f64 = 4.5;
/// ... and more the longer it goes well, so that a long list has no more false alarms than a short one.
const OBSERVED_SCALE: f64 = 10.0;
/// Prior: two failures in a hundred requests of a host that nobody knows.
const PRIOR: (f64, f64) = (0.4, 20.0);
/// Counts are halved beyond so many, for a host may change.
const HALVED_ABOVE: f64 = 600.0;

/// What one failure and one success say for a limit, in natural logarithms of likelihood ratios.
#[derive(Debug, Clone, Copy)]
struct Weights {
    failure: f64,
    success: f64,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Accepted,
    Failed(FailureMode),
    /// It says nothing about the host.
    Neutral,
}

/// The recent past of a host.
#[derive(Debug, Clone)]
pub(super) struct RunDetector {
    first: u64,
    sent: VecDeque<(Seconds, Option<Outcome>)>,
    /// Only what was sent from here on is judged.
    since: u64,
    /// Up to here the share has been counted.
    counted: u64,
    previous_succeeded: bool,
    /// Failures after a success, of the forms that are often chance, and of the others.
    often_failed: f64,
    seldom_failed: f64,
    requests: f64,
    /// Everything that was heard.
    observed: f64,
    /// Failures have not been looked at, as something sent before them may still be answered.
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
            often_failed: PRIOR.0,
            seldom_failed: PRIOR.0,
            requests: PRIOR.1,
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

    /// What one came to. Returns what is known now without a gap, in the order of sending: each request, and how it was in
    /// vain if it was.
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

    /// The share of requests that fail by chance.
    pub(super) fn share(&self) -> f64 {
        (self.often_failed / self.requests).min(0.6)
    }

    /// What that share may well be.
    pub(super) fn share_upper(&self) -> f64 {
        ((self.often_failed + self.often_failed.sqrt() + 0.5) / self.requests).min(0.6)
    }

    /// One that had been taken for a failure was none.
    pub(super) fn revoke(&mut self) {
        self.often_failed = (self.often_failed - 1.0).max(PRIOR.0.min(self.often_failed));
    }

    /// The first failure of a row was a limit's, and is not counted for chance.
    pub(super) fn uncount(&mut self) {
        self.often_failed = (self.often_failed - 1.0).max(PRIOR.0.min(self.often_failed));
        self.seldom_failed = (self.seldom_failed - 1.0).max(PRIOR.0.min(self.seldom_failed));
        self.requests = (self.requests - 1.0).max(PRIOR.1);
    }

    /// How many rows of failures as this one, which began there and ended before that, chance makes among so many requests;
    /// so many probes were in vain as well.
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

    /// What one failure and one success say, for a limit of each form: the other forms are chance, and say nothing.
    fn weights(&self, often: f64, random_shares: RandomShares) -> [Weights; FailureMode::COUNT] {
        let seldom = self.seldom_failed / self.requests;
        FailureMode::ALL.map(|mode| {
            let others = if mode.is_often_random() { seldom } else { often };
            let share = (mode.share(often, seldom, random_shares) / (1.0 - others.min(0.6))).min(0.75);
            Weights { failure: (FAILING / share).ln(), success: ((1.0 - FAILING) / (1.0 - share)).ln() }
        })
    }

    /// The first of a row of failures that is none of chance, and of which form. Refusals are faster than answers: what was
    /// sent after `since` and has not been answered may still be, and nothing behind it is looked at.
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

    /// Rows of failures that began before this belong to another pace.
    pub(super) fn detect_from(&mut self, sequence: u64) {
        self.since = sequence;
    }

    /// What was sent before this says nothing any more.
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

    const PROVED: [f64; FailureMode::COUNT] = [0.01, 0.01, 0.03, 0.03];

    /// Requests a millisecond apart, each of which ends as told: `true` is a failure.
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
    fn every_fifth_failure_is_chance() {
        let mut run_detector = recorded((0..500).map(|at| at % 5 == 0));
        assert_eq!(run_detector.detect(f64::INFINITY, PROVED), None);
        assert!(
            (run_detector.share() - 0.25).abs() < 0.02,
            "one in four after a success: {}",
            run_detector.share()
        );
    }

    #[test]
    fn a_row_of_failures_is_none_of_chance() {
        let mut run_detector = recorded((0..120).map(|at| at >= 100));
        assert_eq!(run_detector.detect(f64::INFINITY, PROVED), Some((100, FailureMode::Broken)));
    }

    #[test]
    fn nothing_behind_a_request_that_may_still_be_answered_is_looked_at() {
        let mut run_detector = RunDetector::new();
        for at in 0..20_u32 {
            run_detector.sent(f64::from(at) * 0.001);
        }
        for at in 1..20 {
            run_detector.record(at, Outcome::Failed(FailureMode::Throttled));
        }
        assert_eq!(run_detector.detect(-1.0, PROVED), None);
        assert!(run_detector.is_open);
        assert_eq!(
            run_detector.detect(1.0, PROVED),
            Some((1, FailureMode::Throttled)),
            "it has had its time"
        );
    }
}
