//! How the pace follows the outcome of each request.

use super::Seconds;
use super::latency::Queueing;
use super::rate::Rate;
use super::run_detector::Outcome;
use super::signal::FailureMode;
use super::units::Unit;
use super::url_evidence::URL_WAITS_MIN;
use super::{Controller, Open, REMEMBERED, SERVED_AT_KEPT, Sent};

/// If random failures are rarer than this, sending stops at a failure until the next outcome is known.
const SHARE_CLEAN: f64 = 0.08;

impl Controller {
    pub(super) fn succeeded(&mut self, sequence: u64, open: &Open, latency: Seconds, now: Seconds) {
        self.served += 1;
        if !self.held_denials.is_round() {
            self.served_at.push_back(now);
            if self.served_at.len() > SERVED_AT_KEPT {
                self.served_at.pop_front();
            }
        }
        self.consecutive_successes += 1;
        self.consecutive_refusals = 0;
        if self.consecutive_successes > 200 {
            self.rate_cuts = 0;
        }
        if self.retry_after_from.is_some_and(|first| sequence > first) {
            self.retry_after_from = None;
            self.url_waits_seen += 1;
            if self.url_waits_seen == URL_WAITS_MIN && self.limit_mode == Some(FailureMode::Throttled) {
                // The rate came from refusals of single URLs, so it is no limit.
                self.rate = self.rate.take().filter(|rate| rate.ban_cost.is_some());
                self.random_failure_test.abandon();
            }
        }
        if self.is_late(sequence) {
            self.run_detector.revoke();
            self.random_failure_test.revoke(FailureMode::Silent);
        }
        let is_probe = self.backoff.pause.as_ref().is_some_and(|pause| sequence >= pause.probes_from);
        let rules_out_limit = !is_probe && self.record_accepted(sequence, &open.sent, now);
        self.held_denials.served(sequence);
        if self.held_denials.are_of_urls() && !self.random_failure_test.is_proven_random(FailureMode::Denied)
        {
            self.discard_denial_limit();
        }
        // A request that stalled and that many others overtook, or whose URL was aborted before, is slow because of its
        // URL: its latency says nothing.
        let is_overtaken = self.served > open.served_before + 2 * u64::from(open.sent.in_flight);
        let queueing = if open.is_stalled && is_overtaken || self.stalls.was_aborted(open.url) {
            None
        } else {
            self.latency.record(latency, sequence, open.sent.in_flight)
        };
        self.stalls.ended(open.url);
        if let Some(pause) = &self.backoff.pause {
            self.run_detector.record(sequence, Outcome::Accepted);
            if sequence >= pause.probes_from {
                if let Some((pause, ended_pause)) = self.backoff.end(open.sent.at) {
                    self.resume(&pause, ended_pause, now);
                }
            } else if sequence >= pause.run_start && open.is_stalled {
                // The request was slow, not refused, and perhaps the others of the run were, too.
                self.backoff.pause = None;
                self.horizons.iter_mut().for_each(|horizons| horizons.end_run(false, None, 0, |_| false));
                self.restart_measurements();
            }
            return;
        }
        if rules_out_limit {
            self.choose_again(now);
        }
        self.record(sequence, Outcome::Accepted, now);
        if sequence < self.valid_from {
            return;
        }
        self.adapt(sequence, open, queueing, now);
    }

    /// The host accepted the request, whatever the response says about the URL. A probe ends the pause.
    pub(super) fn answered(&mut self, sequence: u64, now: Seconds) {
        self.record(sequence, Outcome::Accepted, now);
        let is_probe = self.backoff.pause.as_ref().is_some_and(|pause| sequence >= pause.probes_from);
        if is_probe
            && let Some(sent) = self.sent_record(sequence)
            && let Some((pause, ended_pause)) = self.backoff.end(sent.at)
        {
            self.resume(&pause, ended_pause, now);
        }
    }

    /// A request was served at the present pace: adjusts the rate or the window.
    pub(super) fn adapt(&mut self, sequence: u64, open: &Open, queueing: Option<Queueing>, now: Seconds) {
        let round_trip = self.round_trip();
        if let Some(Queueing::Excess(right)) = queueing {
            if self.window.slots() <= 2 {
                self.latency.forget_floor();
            } else {
                self.window.shrink_to(right);
            }
            self.latency.restart(self.next_sequence);
            return;
        }
        if let Some(rate) = self.rate.as_ref().filter(|_| self.unit == Unit::Requests) {
            // Requests that queue make the round trip longer: a window that follows it would add more of them.
            let idle = if self.latency.has_room() { round_trip } else { self.latency.floor(round_trip) };
            self.window.widen_to(rate.per_second * idle * 1.5 + 2.0);
        }
        let is_guess = self.rate.as_ref().is_some_and(Rate::is_guess);
        if self.held_denials.is_round()
            || self.random_failure_test.has_failed()
            || self.random_failure_test.is_testing() && !is_guess
        {
            return;
        }
        let left = self.units_left();
        if let Some(rate) = self.rate.as_mut().filter(|_| self.unit.counts(open.sent.is_new)) {
            let before = rate.per_second;
            let is_free = rate.served(sequence, self.next_sequence, now, left);
            if rate.per_second > before {
                self.random_failure_test.raised(before);
            }
            if is_free && !self.window.widen() {
                self.window.resize_to(1.2 * rate.per_second * round_trip + 1.0);
                self.rate = None;
            }
        } else if open.sent.in_flight + 1 >= self.window.slots() {
            self.window.grow(now, round_trip, self.latency.has_room());
        }
    }

    /// The examined denials belong to the URLs: removes a limit that was inferred from denials.
    pub(super) fn discard_denial_limit(&mut self) {
        self.random_failure_test
            .prove(FailureMode::Denied, self.denied as f64 / (self.denied + self.served) as f64);
        if self.limit_mode == Some(FailureMode::Denied) {
            self.rate = None;
            self.horizons[self.unit as usize].forget();
            self.window.forget_limit();
            self.limit_mode = None;
        }
    }

    /// The mean round trip, or a default.
    pub(super) fn round_trip(&self) -> Seconds {
        self.latency.mean().unwrap_or(0.1)
    }

    /// Records a failed request.
    pub(super) fn failed(&mut self, sequence: u64, mode: FailureMode, now: Seconds) {
        self.consecutive_successes = 0;
        let Err(at) = self.failures.binary_search_by_key(&sequence, |failure| failure.0) else { return };
        self.failures.insert(at, (sequence, mode));
        if self.failures.len() > 4 * REMEMBERED {
            self.failures.pop_front();
        }
        if let Some(pause) = &self.backoff.pause {
            self.run_detector.record(sequence, Outcome::Failed(mode));
            if sequence >= pause.probes_from {
                let sent = self.sent_record(sequence).map_or(now, |sent| sent.at);
                // A failure in another mode than the run's may be random.
                let is_odd = self.limit_mode.is_some_and(|mean| mean != mode);
                self.backoff.failed(sent, is_odd, now);
            }
            return;
        }
        let resolved = self.run_detector.record(sequence, Outcome::Failed(mode));
        let is_informative = match mode {
            FailureMode::Throttled | FailureMode::Denied => !self.random_failure_test.is_proven_random(mode),
            FailureMode::Broken => self.run_detector.share_upper() < SHARE_CLEAN,
            FailureMode::Silent => false,
        };
        if is_informative {
            self.blocked_by = Some(self.blocked_by.map_or(sequence, |held| held.min(sequence)));
        }
        if let Some(run_start) = self
            .run_detector
            .detect(now - self.latency.answer_deadline(), self.random_failure_test.random_shares())
        {
            self.pause(run_start, now);
            return;
        }
        self.process_resolved(&resolved, now);
    }

    pub(super) fn record(&mut self, sequence: u64, outcome: Outcome, now: Seconds) {
        let resolved = self.run_detector.record(sequence, outcome);
        if outcome == Outcome::Neutral && self.blocked_by.is_some_and(|held| sequence > held) {
            self.blocked_by = None;
        }
        if self.backoff.pause.is_some() {
            return;
        }
        if self.run_detector.is_open
            && !resolved.is_empty()
            && let Some(run_start) = self
                .run_detector
                .detect(now - self.latency.answer_deadline(), self.random_failure_test.random_shares())
        {
            self.pause(run_start, now);
            return;
        }
        self.process_resolved(&resolved, now);
    }

    /// Processes newly resolved outcomes in the order of sending: updates the window and both tests.
    pub(super) fn process_resolved(&mut self, resolved: &[(u64, Option<FailureMode>)], now: Seconds) {
        for &(sequence, mode) in resolved {
            if self.blocked_by.is_some_and(|held| sequence > held) {
                self.blocked_by = None;
            }
            if (self.rate.is_none() || self.unit == Unit::Connections) && sequence >= self.valid_from {
                self.window.record(mode.is_some(), now);
            }
            if mode != Some(FailureMode::Silent)
                && let Some(sent) = self.sent_record(sequence)
            {
                let before = sequence.checked_sub(1).and_then(|before| self.sent_record(before));
                let gap = before.map_or(f64::INFINITY, |before| sent.at - before.at);
                self.concurrency_test.record(sent.in_flight, gap, sent.is_new, mode.is_some());
            }
            self.record_connection(sequence, mode.is_some(), false);
            if self.unit.counts(self.is_new(sequence))
                && let Some(result) = self.random_failure_test.record(sequence, mode)
            {
                self.conclude_test(result, now);
            }
            if let Some(before) = self.random_failure_test.step_back(self.next_sequence)
                && let Some(rate) = &mut self.rate
            {
                rate.per_second = before;
                rate.delay_next(now);
            }
            match mode {
                Some(mode) => self.pending_failure = Some((sequence, mode)),
                None => {
                    if let Some((sequence, mode)) =
                        self.pending_failure.take().filter(|it| it.0 >= self.valid_from)
                    {
                        self.test_failure_share(sequence, mode, now);
                    }
                }
            }
        }
    }

    /// Removes a request from the failures if it was recorded as silent.
    pub(super) fn is_late(&mut self, sequence: u64) -> bool {
        self.failures
            .binary_search_by_key(&sequence, |failure| failure.0)
            .map(|at| self.failures.remove(at))
            .is_ok()
    }

    pub(super) fn sent_record(&self, sequence: u64) -> Option<Sent> {
        let first = self.next_sequence - self.sent.len() as u64;
        let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.sent.get(index).copied()
    }
}
