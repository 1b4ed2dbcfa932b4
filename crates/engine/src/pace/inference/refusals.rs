//! Pauses while the host refuses every request, and what a pause shows about the limit.

use super::Controller;
use super::Seconds;
use super::backoff::{BAN_MIN, EndedPause, Pause};
use super::horizons::MARGIN;
use super::rate::Rate;
use super::signal::FailureMode;
use super::units::Unit;

/// A run of failures is random if as many requests have more such random runs than this.
const FALSE_ALARM: f64 = 0.02;
/// A run has at least this many refusals.
const RUN_MIN: usize = 3;
/// A second run within this many windows of requests does not come from the window.
const REPEATED_WITHIN: u32 = 3;
/// If a smaller share of failures is random, a run of failures needs no further test.
const RANDOM_SHARE_MATTERS: f64 = 0.08;

impl Controller {
    /// The host refuses every request: begins a pause with single probes.
    pub(super) fn pause(&mut self, (run_start, mode): (u64, FailureMode), now: Seconds) {
        tracing::debug!(?mode, run_start, "every request fails: single probes from now on");
        self.limit_mode = Some(mode);
        let started_at = self.sent_record(run_start).map_or(now, |sent| sent.at);
        if let Some(sent) = self.sent_record(run_start) {
            for (horizons, counts) in self.horizons.iter_mut().zip(&sent.counts) {
                horizons.begin_run(run_start, counts);
            }
        }
        let gap = self.rate.as_ref().map_or(0.0, |rate| 1.0 / rate.per_second);
        let least = (2.0 * self.round_trip()).min(1.0).max(gap);
        self.backoff.begin(run_start, started_at, self.next_sequence, now, least);
        (self.blocked_by, self.pending_failure) = (None, None);
        if self.not_before > now {
            self.backoff.retry_after(self.not_before);
        }
        self.held_denials.interrupt();
        self.random_failure_test.abandon();
    }

    /// The accepted rate between the last two times the host's bucket was empty, and the number of requests it was
    /// measured over. Requests that failed at random count as accepted.
    pub(super) fn accepted_rate(&self, until: u64) -> Option<(f64, f64)> {
        let last = self.empty_at?;
        let mode = self.limit_mode?;
        let mut failures = self.failures.iter().filter(|failure| failure.1 == mode).peekable();
        let failed = |sequence: u64| {
            while failures.next_if(|failure| failure.0 < sequence).is_some() {}
            failures.peek().is_some_and(|failure| failure.0 == sequence)
        };
        self.horizons[self.unit as usize].bucket(last, until, self.burst.unwrap_or(1.0).max(1.0), failed)
    }

    /// The host serves again: ends the pause, and infers the limit from it.
    pub(super) fn resume(&mut self, pause: &Pause, ended_pause: EndedPause, now: Seconds) {
        let mode = self.limit_mode.unwrap_or(FailureMode::Broken);
        let range = (pause.run_start, pause.probes_from);
        let failed = self.failures.iter().filter(|failure| (range.0..range.1).contains(&failure.0)).count();
        let is_ban = ended_pause.duration > BAN_MIN.max(6.0 * self.round_trip())
            && (ended_pause.failures >= 2 || ended_pause.duration > 2.0 * BAN_MIN && failed >= RUN_MIN);
        self.record_connections(mode, pause, is_ban);
        self.choose_unit();
        self.check_unit(pause.run_start);
        let accepted_rate = self.accepted_rate(pause.run_start);
        let last = self.empty_at.unwrap_or(0);
        self.empty_at = Some(pause.run_start);
        // A burst is at most as large as the number of requests accepted before the first refusal.
        let before = self.horizons[self.unit as usize].between(0, pause.run_start);
        self.burst.get_or_insert(before);
        let requests = (pause.run_start - last) as f64;
        let expected_runs = self.run_detector.expected_random_runs(
            mode,
            range,
            ended_pause.failures,
            requests,
            self.random_failure_test.random_shares(),
        );
        // One improbable run may be random; several in sequence are not.
        self.ln_random_probability = (self.ln_random_probability + expected_runs.ln()).min(0.0);
        let is_random = self.ln_random_probability > FALSE_ALARM.ln();
        if !is_random {
            self.ln_random_probability = 0.0;
        }
        if mode == FailureMode::Denied {
            self.held_denials.mark_urgent();
        }
        let is_random = is_random || self.served <= 1;
        tracing::debug!(
            ?mode,
            is_random,
            is_ban,
            duration = ended_pause.duration,
            failed,
            probes = ended_pause.failures,
            "a probe was served"
        );
        self.restart_measurements();
        self.served_at.clear();
        let next = self.next_sequence;
        self.end_run_of_horizons(pause, mode, is_ban && !is_random);
        if is_random {
            if let Some(rate) = &mut self.rate {
                rate.delay_next(now);
            }
            return;
        }
        self.run_detector.uncount();
        self.failures.drain(..self.failures.partition_point(|failure| failure.0 < pause.run_start));
        if is_ban {
            self.learn_from_ban(pause.run_start, ended_pause, accepted_rate, now);
            return;
        }
        if failed < RUN_MIN && self.rate.is_none()
            || mode == FailureMode::Silent && ended_pause.duration < BAN_MIN
        {
            // Too little evidence: some URLs are slow, or have a Retry-After of their own.
            return;
        }
        if let Some(mode) = self.limit_mode {
            self.random_failure_test.halve_random_share(mode);
        }
        let span = pause.run_start..pause.probes_from;
        let in_flight =
            span.filter_map(|at| self.sent_record(at)).map(|sent| sent.in_flight).max().unwrap_or(1);
        let is_repeated = last > 0 && requests < f64::from(REPEATED_WITHIN * in_flight);
        if self.unit == Unit::Requests
            && self.rate.is_none()
            && in_flight >= 2
            && ended_pause.failures <= u32::from(mode.is_often_random())
            && !self.window.has_proven(in_flight)
            && !is_repeated
        {
            // More requests were in flight than ever, and a single one was served: shrink the window, keep the rate.
            let accepted = self.accepted_together(pause, in_flight).max(self.window.proven());
            tracing::debug!(in_flight, accepted, "reading: too many requests in flight");
            self.window.refused_beyond(accepted, now);
            return;
        }
        let (per_second, requests) =
            accepted_rate.unwrap_or_else(|| self.accepted_rate_since(last, pause, ended_pause));
        let per_second = per_second.max(self.rate_floor(pause.run_start, now));
        tracing::debug!(unit = ?self.unit, per_second, requests, "reading: a rate limit");
        if let Some(rate) = &mut self.rate {
            rate.cut(per_second.min(rate.per_second), requests, now, next);
        } else {
            self.window.restart();
            self.rate = Some(Rate::new(per_second * MARGIN, requests, now, next));
        }
        self.test_new_rate(next);
    }

    /// Tells the horizons that the run of failures is over.
    fn end_run_of_horizons(&mut self, pause: &Pause, mode: FailureMode, is_ban: bool) {
        let failures = &self.failures;
        let is_failed = |at: u64| {
            failures.binary_search_by_key(&at, |failure| failure.0).is_ok_and(|at| failures[at].1 == mode)
        };
        let is_new = self.is_new(pause.run_start);
        for (unit, horizons) in [Unit::Requests, Unit::Connections].into_iter().zip(&mut self.horizons) {
            let is_it = is_ban && unit.counts(is_new);
            let assumed_horizon = self.assumed_horizon.filter(|_| unit == self.unit);
            horizons.end_run(is_it, assumed_horizon, pause.probes_from, is_failed);
        }
    }

    /// Tests whether a new rate helps, unless failures of its mode are seldom random.
    fn test_new_rate(&mut self, next: u64) {
        let random_share = self.run_detector.share_upper();
        if let Some(rate) = &mut self.rate
            && let Some(mode) = self.limit_mode
        {
            if random_share < RANDOM_SHARE_MATTERS || !mode.is_often_random() {
                rate.confirm();
            } else {
                self.random_failure_test.test(mode, random_share, next);
            }
        }
    }

    /// Records the run for the test of connections. A ban refuses every later request, so only its first one counts.
    fn record_connections(&mut self, mode: FailureMode, pause: &Pause, is_ban: bool) {
        let until = if is_ban { pause.run_start + 1 } else { pause.probes_from };
        for sequence in pause.run_start..until {
            let how = self
                .failures
                .binary_search_by_key(&sequence, |failure| failure.0)
                .map(|at| self.failures[at].1);
            if how.is_ok_and(|how| how != mode) {
                continue;
            }
            self.record_connection(sequence, how.is_ok(), is_ban);
        }
    }

    /// How many of this many requests in flight the host accepted when the run of refusals began.
    pub(super) fn accepted_together(&self, pause: &Pause, in_flight: u32) -> u32 {
        let end = pause.probes_from.min(pause.run_start + u64::from(in_flight));
        let failure =
            self.failures.iter().filter(|failure| (pause.run_start..end).contains(&failure.0)).count();
        let all = end - pause.run_start;
        let good = all - (failure as u64).min(all);
        let share = u32::try_from(u64::from(in_flight) * good / all.max(1)).unwrap_or(1);
        // At most as many as were in flight beside a refused one.
        let refused =
            self.failures.iter().filter(|failure| (pause.run_start..pause.probes_from).contains(&failure.0));
        let beside =
            refused.filter_map(|failure| self.sent_record(failure.0)).map(|sent| sent.in_flight - 1).min();
        share.min(beside.unwrap_or(share)).clamp(1, in_flight - 1)
    }

    /// Discards measurements of requests sent so far, because the pace changes.
    pub(super) fn restart_measurements(&mut self) {
        let next = self.next_sequence;
        self.run_detector.restart(next);
        self.latency.restart(next);
        self.latency.assume_room();
        self.random_failure_test.restart(next);
        self.valid_from = next;
    }

    /// The rate that the host accepted since the run of refusals began, when its bucket was empty.
    pub(super) fn accepted_rate_since(
        &self,
        first: u64,
        pause: &Pause,
        ended_pause: EndedPause,
    ) -> (f64, f64) {
        let units = &self.horizons[self.unit as usize];
        let before = units.between(first, pause.run_start);
        if before > 0.0 {
            // How long the bucket was empty is unknown: an upper bound assumes that it never overflowed.
            let since = self
                .sent_record(first)
                .map_or(ended_pause.duration, |sent| pause.started_at + ended_pause.duration - sent.at);
            return (before / since, 1.0);
        }
        let last = pause.probes_from - 1;
        let failed =
            self.failures.iter().filter(|failure| failure.0 >= pause.run_start && failure.0 <= last).count();
        let accepted = units.between(pause.run_start, pause.probes_from) - failed as f64;
        let span = self.sent_record(last).map_or(0.0, |sent| sent.at - pause.started_at);
        if accepted >= 3.0 && span > 0.0 {
            (accepted / span, accepted)
        } else {
            ((accepted + 1.0) / ended_pause.duration.max(0.001), accepted + 1.0)
        }
    }

    pub(super) fn learn_from_ban(
        &mut self,
        run_start: u64,
        ended_pause: EndedPause,
        accepted_rate: Option<(f64, f64)>,
        now: Seconds,
    ) {
        let next = self.next_sequence;
        let below = self.rate.as_ref().map_or(f64::INFINITY, |rate| 0.9 * rate.per_second);
        let cost = ended_pause.gap.max(ended_pause.duration * 0.5);
        let chosen =
            self.horizons[self.unit as usize].choose(self.units_left(), cost, below, ended_pause.duration);
        self.assumed_horizon = chosen.map(|(_, over)| over);
        let per_second = match (chosen, accepted_rate) {
            (Some((rate, _)), _) => rate,
            (None, Some((rate, _))) => (MARGIN * rate).min(below),
            // No horizon explains the ban: halve the sending rate.
            (None, None) => below
                .min(0.5 * self.horizons[self.unit as usize].sending_rate(run_start, self.wait_ended, now)),
        };
        tracing::debug!(unit = ?self.unit, per_second, horizon = self.assumed_horizon, cost, "reading: a ban");
        let rate = self.rate.get_or_insert_with(|| Rate::new(per_second, 1.0, now, next));
        rate.fix(per_second, cost, now, next);
        rate.share_when_fixed = self.run_detector.share_upper();
        self.window.restart();
        // The bucket refilled during the ban, so it was not empty at the last run.
        self.empty_at = None;
    }

    /// An accepted count has ruled out a horizon: a shorter one may allow a higher rate.
    pub(super) fn choose_again(&mut self, now: Seconds) {
        let next = self.next_sequence;
        let left = self.units_left();
        if let Some(rate) = &mut self.rate
            && let Some(cost) = rate.ban_cost
            && let Some((per_second, over)) =
                self.horizons[self.unit as usize].choose(left, cost, f64::INFINITY, 0.0)
            && per_second > 1.05 * rate.per_second
        {
            rate.fix(per_second, cost, now, next);
            self.assumed_horizon = Some(over);
        }
    }
}
