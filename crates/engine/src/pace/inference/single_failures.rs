//! Decides what to do about single failures: they are random, or a limit is just exceeded.

use super::Controller;
use super::Seconds;
use super::horizons::MARGIN;
use super::random_failure_test::TestResult;
use super::rate::Rate;
use super::signal::FailureMode;

/// After a ban, a share of single failures this much above the random share shows another limit.
const BAN_SHARE_EXCESS: f64 = 0.12;

/// At least this share of the recent requests was accepted.
const ACCEPTED_SHARE_MIN: f64 = 0.1;
/// Broken responses above this share need a second test, as refusals do.
const RETEST_SHARE: f64 = 0.2;

impl Controller {
    /// Starts a test of this mode if its failures exceed the random share.
    pub(super) fn test_failure_share(&mut self, sequence: u64, mode: FailureMode, now: Seconds) {
        let random_share = self.random_failure_test.random_share(mode);
        if self.window.limit().is_some_and(|limit| self.concurrency_test.refutes(limit, random_share)) {
            self.window.forget_limit();
            self.concurrency_test.restart();
        } else if let Some(limit) = self.concurrency_test.limit(random_share)
            && limit < self.window.slots()
        {
            tracing::debug!(?mode, limit, "reading: a limit of requests in flight");
            self.limit_mode = Some(mode);
            self.window.limit_to(limit, now);
            self.random_failure_test.abandon();
            self.random_failure_test.restart(self.next_sequence);
            self.valid_from = self.next_sequence;
            return;
        }
        let is_limited = self.limit_mode == Some(mode)
            && self.rate.as_ref().is_some_and(|rate| rate.is_confirmed && rate.ban_cost.is_none());
        if self.random_failure_test.is_testing() || !self.random_failure_test.exceeds_random(mode, is_limited)
        {
            return;
        }
        let next = self.next_sequence;
        let share = self.random_failure_test.share(mode);
        let shrunk_share = self.random_failure_test.shrunk_share(mode);
        if let Some(rate) = &self.rate
            && rate.ban_cost.is_some()
        {
            // A ban refuses every request or none, so single failures are random or come from another limit.
            let known = if mode.is_often_random() {
                rate.share_when_fixed
            } else {
                self.random_failure_test.random_share(mode)
            };
            if share <= known + BAN_SHARE_EXCESS {
                return;
            }
            self.horizons[self.unit as usize].forget();
            if let Some(rate) = &mut self.rate {
                rate.ban_cost = None;
            }
        }
        tracing::debug!(?mode, share, is_limited, "too many single failures: a test at the accepted rate");
        self.choose_unit();
        let accepted_rate = self.accepted_rate(sequence);
        let before = self.horizons[self.unit as usize].between(0, sequence);
        self.burst.get_or_insert(before);
        self.valid_from = next;
        let rate_floor = self.rate_floor(sequence, now);
        if let Some(rate) = &mut self.rate {
            self.rate_cuts += 1;
            let (per_second, requests) = accepted_rate.unwrap_or((rate.per_second * 0.9, 1.0));
            let per_second = per_second.max(rate_floor);
            rate.cut(per_second.min(rate.per_second), requests, now, next);
        } else {
            let lately = self.horizons[self.unit as usize].sending_rate(sequence, self.wait_ended, now)
                * (1.0 - share).max(ACCEPTED_SHARE_MIN);
            self.rate = Some(Rate::new(MARGIN * lately, 1.0, now, next));
        }
        self.run_detector.detect_from(next);
        self.empty_at = Some(sequence);
        self.failures.drain(..self.failures.partition_point(|failure| failure.0 < sequence));
        if is_limited && self.rate_cuts <= 2 {
            self.random_failure_test.restart(next);
        } else {
            self.limit_mode = Some(mode);
            self.is_halved = false;
            self.random_failure_test.test(mode, shrunk_share, next);
        }
    }

    /// Applies the result of a test.
    pub(super) fn conclude_test(&mut self, result: TestResult, now: Seconds) {
        tracing::debug!(?result, "the test of single failures is over");
        let next = self.next_sequence;
        self.random_failure_test.restart(next);
        self.valid_from = next;
        self.rate_cuts = 0;
        match result {
            TestResult::Random(mode) => {
                let needs_retest =
                    !mode.is_often_random() || self.random_failure_test.last_share() > RETEST_SHARE;
                // Random failures do not depend on whether the request opens a connection.
                let is_of_connections = self.connection_test.are_limited();
                if let Some(rate) =
                    self.rate.as_mut().filter(|_| !self.is_halved && (is_of_connections || needs_retest))
                {
                    // Repeat the test at half the pace.
                    self.is_halved = true;
                    self.connection_test.restart();
                    rate.per_second *= 0.5;
                    rate.delay_next(now);
                    self.random_failure_test.test(mode, self.random_failure_test.last_share(), next);
                    return;
                }
                self.random_failure_test.prove(mode, self.random_failure_test.last_share());
                if self.rate.as_ref().is_none_or(|rate| rate.ban_cost.is_none()) {
                    self.rate = None;
                    self.window.forget_limit();
                }
            }
            TestResult::Limit => {
                if let Some(rate) = &mut self.rate {
                    rate.confirm();
                }
            }
        }
    }
}
