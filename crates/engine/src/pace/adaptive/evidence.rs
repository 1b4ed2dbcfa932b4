//! How the adaptive pace changes with what becomes of a request.

use std::time::Duration;

use tokio::time::Instant;
use tracing::trace;

use super::AdaptivePace;
use super::backoff::Silence;
use super::rate::Rate;
use super::rate_limit_estimator::Reaction;
use super::refusals::Reading;
use crate::pace::controller::{Controller, SendRecord};
use crate::pace::courtesy::stretched;
use crate::pace::limiter::Limiter;

/// Consecutive failures after a cut: slowing down does not help.
const FAILURES_BEFORE_PAUSE: u32 = 3;
/// A shorter Retry-After does not replace a pause, or a host that sends it would be asked without end.
const RETRY_AFTER_SERIOUS: Duration = Duration::from_secs(1);
/// Shorter pauses that a host asks for show a rate; longer ones show a quota, which may be used at once.
const QUOTA_CYCLE_MIN: Duration = Duration::from_secs(10);

impl AdaptivePace {
    /// Pauses if the host has announced that nothing remains.
    pub(super) fn keep_to_announced(&mut self, now: Instant, jitter: f64) {
        if let Some(until) = self.announced.used_up(self.next_sequence, now)
            && !self.pause.is_probing()
        {
            self.block(now + stretched(until - now, jitter), Limiter::Announced, now);
        }
    }

    fn is_after_cut(&self, sent: SendRecord) -> bool {
        sent.sequence >= self.cut_sequence
    }

    pub(super) fn succeeded(&mut self, sent: SendRecord, latency: Duration, now: Instant) {
        self.latency.note(latency, now);
        self.rate_limit.accepted(self.is_after_cut(sent), true, now);
        self.served_meter.note(now);
        self.served = self.served.saturating_add(1);
        self.last_success = Some(now);
        if self.random_failures.note(sent.sequence, false) {
            self.reopen();
        }
        let is_beyond_chance = self.random_failures.is_beyond_chance(self.failures.in_a_row(), true);
        let failing_since = self.failures.end(sent.sequence);
        if self.pause.is_probing() && self.pause.precedes(sent.sequence) {
            self.cut_sequence = self.next_sequence;
            self.budget.restart();
            self.pause.end();
            self.came_back(failing_since.filter(|_| is_beyond_chance), now);
        }
        self.budget.served();
        if !self.random_failures.is_testing() {
            self.widen(sent, now);
        }
    }

    /// A test has shown that the host breaks the same share of its responses at any pace.
    fn reopen(&mut self) {
        trace!("the failures are random: the window grows again");
        self.window.reopen();
    }

    /// The host serves again after a pause.
    fn came_back(&mut self, failing_since: Option<Instant>, now: Instant) {
        let silence = failing_since.map(|since| now.saturating_duration_since(since));
        let banned_at = self.backoff.came_back(silence.filter(|_| self.has_served_well()));
        if let Some((per_second, lasted)) = banned_at.zip(silence) {
            self.rate_limit.begin(Rate::after_ban(per_second, lasted, now));
        }
    }

    /// One more request was served: widens the window, or narrows it where requests queue at the host.
    fn widen(&mut self, sent: SendRecord, now: Instant) {
        if self.latency.is_queueing() && self.is_after_cut(sent) {
            if self.window.is_at_floor() {
                // With two requests in flight the queue is not ours: the host has become slower by itself.
                self.latency.forget_least();
            } else {
                self.window.narrow();
                self.window_limiter = Limiter::Queue;
            }
            self.latency.begin_anew();
            self.cut_sequence = self.next_sequence;
        } else if self.latency.has_room() {
            self.window.grow(now);
            if self.window.is_full() {
                self.window_limiter = Limiter::Cap;
            }
        }
    }

    pub(super) fn denied(&mut self, sent: SendRecord, latency: Duration, now: Instant, jitter: f64) {
        self.denials.denied(self.has_served_well());
        if self.denials.is_storm() {
            self.throttled(sent, None, now, jitter);
        } else {
            self.latency.note(latency, now);
            self.failures.end(sent.sequence);
            self.last_success = Some(now);
        }
    }

    pub(super) fn congested(&mut self, sent: SendRecord, now: Instant, jitter: f64, is_absent: bool) {
        self.failures.note(sent.sequence, now);
        self.rate_limit.accepted(self.is_after_cut(sent), false, now);
        if self.random_failures.note(sent.sequence, true) {
            self.reopen();
        } else if self.is_after_cut(sent) && !self.random_failures.explains() {
            if self.failures.after_cut() == 0 && sent.in_flight > 2 && !self.window.is_at_floor() {
                self.window.broke_at(sent.in_flight, now);
            } else {
                self.window.halve();
            }
            self.cut_sequence = self.next_sequence;
            self.window_limiter = Limiter::Congestion;
            self.failures.note_cut();
            if self.window.is_at_floor() {
                self.random_failures.came_to_floor(self.next_sequence);
            }
        }
        self.pause_if_futile(sent, is_absent, now, jitter);
    }

    /// The host refused a request; `asked` is the pause that it asked for, if any.
    pub(super) fn throttled(
        &mut self,
        sent: SendRecord,
        asked: Option<(Duration, Limiter)>,
        now: Instant,
        jitter: f64,
    ) {
        let retry_after = asked.map(|(wait, _)| wait);
        self.failures.note(sent.sequence, now);
        self.random_failures.note_refused();
        let is_new = self.is_after_cut(sent);
        let is_apart = sent.sequence >= self.burst_sequence;
        if is_apart {
            self.burst_sequence = self.next_sequence;
        }
        let reading = self.rate_limit.refused(is_new, is_apart, now);
        trace!(sequence = sent.sequence, is_new, is_apart, ?reading, "what the refusal means");
        let begins_to_count = self.rate_limit.rate().is_none() && reading == Reading::Limit;
        if is_new || begins_to_count {
            if !self.rate_limit.is_testing() {
                self.cut_sequence = self.next_sequence;
            }
            self.rate_limit.cut();
            self.failures.note_cut();
            if retry_after.is_some_and(|wait| wait >= QUOTA_CYCLE_MIN) {
                self.budget.used_up();
            } else if begins_to_count || !self.pause.is_probing() {
                self.slow_down(reading, retry_after.is_some(), now);
            }
        }
        if retry_after.is_none_or(|wait| wait < RETRY_AFTER_SERIOUS) {
            self.pause_if_futile(sent, false, now, jitter);
        }
        if let Some((wait, limiter)) = asked {
            self.block(now + stretched(wait, jitter), limiter, now);
        }
    }

    fn slow_down(&mut self, reading: Reading, is_asked_to_wait: bool, now: Instant) {
        match self.rate_limit.slow_down(reading, is_asked_to_wait, now) {
            Reaction::None => return,
            Reaction::Slowed => {}
            Reaction::Narrow => self.window.narrow(),
            Reaction::Halve => self.window.halve(),
        }
        self.window_limiter = Limiter::Throttle;
    }

    /// Pauses if slowing down did not help, unless a pause has begun since this request was sent.
    fn pause_if_futile(&mut self, sent: SendRecord, is_absent: bool, now: Instant, jitter: f64) {
        let in_a_row = self.failures.in_a_row();
        let is_cut = self.pause.is_probing() || self.failures.after_cut() >= FAILURES_BEFORE_PAUSE;
        let is_futile = is_cut && self.random_failures.is_beyond_chance(in_a_row, false);
        if !is_futile || !self.pause.precedes(sent.sequence) {
            return;
        }
        let silence = Silence {
            lasted: self
                .failures
                .since()
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            is_absent: is_absent || !self.has_served_well(),
            is_beyond_chance: self.random_failures.is_beyond_chance(in_a_row, true),
            served: &self.served_meter,
            last_success: self.last_success,
        };
        let pause = self.backoff.next(&silence, now, jitter);
        trace!(in_a_row, lasted = ?silence.lasted, is_absent = silence.is_absent, ?pause, "slowing down does not help");
        self.block(now + pause, Limiter::Failing, now);
    }

    /// Sends nothing until this time.
    pub(super) fn block(&mut self, until: Instant, limiter: Limiter, now: Instant) {
        self.rate_limit.abandon_test(now);
        self.pause.begin(until, limiter, self.next_sequence);
        self.slots.pause();
    }
}
