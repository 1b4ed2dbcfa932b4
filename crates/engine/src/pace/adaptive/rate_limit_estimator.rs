//! Whether a host counts requests, and at what rate it serves them: estimated from its refusals.

use std::time::Duration;

use tokio::time::Instant;

use super::meter::{AcceptedCounts, Meter};
use super::rate::Rate;
use super::refusals::{Finding, Reading, Refusals};
use crate::pace::latency::Latency;

/// The least time over which the rate is measured, for the first burst of a token bucket is no rate ...
const MEASURE_MIN: Duration = Duration::from_secs(2);
/// ... and the longest.
const MEASURE_MAX: Duration = Duration::from_secs(16);
/// A measure takes about this many responses.
const MEASURE_ANSWERS: f64 = 60.0;
/// An estimate from fewer responses is a guess ...
const KNOWN_ANSWERS: usize = 10;
/// ... and so is one from fewer slots of the meter: a burst is no rate.
const KNOWN_SLOTS: usize = 3;
/// Where fewer requests than this were accepted since the last cuts ...
const ACCEPTED_MIN: u32 = 3;
/// ... and at least this many refused, the limit has fallen far.
const REFUSED_MIN: u32 = 3;
/// With this many accepted requests for each refusal, refusals are single ones.
const SINGLE_AMONG: u32 = 20;
/// The window, as a multiple of what the rate and the usual time to the first byte need (Little's law).
const SLACK: f64 = 1.5;
/// How often the rate moves.
const STEP: Duration = Duration::from_millis(50);

/// Estimates the limit on the rate.
#[derive(Debug, Clone)]
pub(super) struct RateLimitEstimator {
    rate: Option<Rate>,
    moved_at: Option<Instant>,
    /// Slots that the rate can use.
    slots: u32,
    refusals: Refusals,
    /// Requests that were not refused, whether or not the response broke: those are what the host has counted.
    accepted: Meter,
    sent: Meter,
    /// Among the requests that were sent after the last cut.
    accepted_since_cut: u32,
    refused_since_cut: u32,
}

/// What the refusal means for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Nothing.
    None,
    /// Nothing: the rate was lowered.
    Slowed,
    /// Fewer requests at a time may be served better.
    Narrow,
    /// The same, and nothing is known of the host's refusals, or it refuses many just now.
    Halve,
}

impl RateLimitEstimator {
    pub(super) fn new() -> Self {
        Self {
            rate: None,
            moved_at: None,
            slots: u32::MAX,
            refusals: Refusals::new(),
            accepted: Meter::default(),
            sent: Meter::default(),
            accepted_since_cut: 0,
            refused_since_cut: 0,
        }
    }

    /// A host that has shown these rates and has accepted this many requests.
    pub(super) fn recalled<'a>(
        rates: &[Rate],
        accepted: impl Iterator<Item = &'a AcceptedCounts>,
        now: Instant,
    ) -> Self {
        let accepted = Meter::recalled(accepted, now);
        let served = |limit| accepted.rate(measure(limit), now);
        let rate = Rate::merged(rates, served, now);
        Self { rate, accepted, ..Self::new() }
    }

    /// What it has accepted lately.
    pub(super) fn accepted_counts(&self, now: Instant) -> AcceptedCounts {
        self.accepted.counts(now)
    }

    /// Whether a test of the refusals goes on; during it the rate is constant.
    pub(super) fn is_testing(&self) -> bool {
        self.refusals.is_testing()
    }

    /// Takes a rate that is known already.
    pub(super) fn begin(&mut self, rate: Rate) {
        self.rate = Some(rate);
    }

    /// What was taken for refusals were none.
    pub(super) fn forget_rate(&mut self) {
        *self = Self { accepted: std::mem::take(&mut self.accepted), ..Self::new() };
    }

    pub(super) fn rate(&self) -> Option<&Rate> {
        self.rate.as_ref()
    }

    /// More requests in flight than this would only be refused.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    pub(super) fn next_send(&self) -> Option<Instant> {
        self.rate.as_ref().map(Rate::next_send)
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if let Some(rate) = &mut self.rate {
            rate.sent(now);
            self.sent.note(now);
        }
    }

    /// A request was not refused. `is_new` says that it was sent after the last cut.
    pub(super) fn accepted(&mut self, is_new: bool, is_served: bool, now: Instant) {
        self.accepted.note(now);
        self.accepted_since_cut += u32::from(is_new && is_served);
        let finding = self.refusals.other(is_new);
        self.found(finding, now);
    }

    /// A request was refused. `is_apart` says that it was sent after the last burst of refusals had begun to arrive, so that
    /// it is not one of those.
    pub(super) fn refused(&mut self, is_new: bool, is_apart: bool, now: Instant) -> Reading {
        let finding = self.refusals.refused(is_new, is_apart);
        self.found(finding, now);
        if finding.is_some() { Reading::Settled } else { self.refusals.reading(self.rate.is_some()) }
    }

    /// The pace is cut because of a refusal.
    pub(super) fn cut(&mut self) {
        self.refused_since_cut += 1;
    }

    /// Takes what a test of the refusals has shown.
    fn found(&mut self, finding: Option<Finding>, now: Instant) {
        match (finding, &mut self.rate) {
            (Some(Finding::Random), _) => self.rate = None,
            (Some(Finding::Limit), Some(rate)) => rate.found(now),
            _ => {}
        }
    }

    /// A pause begins. After it a token bucket is full again, which would mislead a test.
    pub(super) fn abandon_test(&mut self, now: Instant) {
        self.refusals.abandon_test();
        if let Some(rate) = &mut self.rate {
            rate.resume(now);
        }
    }

    /// Slows down because of a refusal with this meaning. `is_asked_to_wait` says that it came with a Retry-After.
    pub(super) fn slow_down(&mut self, reading: Reading, is_asked_to_wait: bool, now: Instant) -> Reaction {
        let is_doubtful = reading == Reading::Doubtful;
        if matches!(reading, Reading::Random | Reading::Settled) {
            return Reaction::None;
        }
        // A host that asks for a pause has said what it wants.
        if !is_asked_to_wait && self.starts_test(is_doubtful, now)
            || is_doubtful && is_asked_to_wait && self.rate.is_some()
        {
            return Reaction::None;
        }
        if is_doubtful && self.rate.is_none() {
            return if self.refusals.is_rare() { Reaction::Narrow } else { Reaction::Halve };
        }
        let (accepted, refused) = (self.accepted_since_cut, self.refused_since_cut);
        if accepted >= ACCEPTED_MIN {
            (self.accepted_since_cut, self.refused_since_cut) = (0, 0);
        }
        if let Some(rate) = &mut self.rate {
            let measured = self.accepted.rate(measure(rate.per_second()), now);
            // Where next to nothing was accepted since the last cuts, the rate before them is no measure.
            let share = f64::from(accepted + 1) / f64::from(accepted + refused + 1);
            let is_sudden = accepted < ACCEPTED_MIN && refused >= REFUSED_MIN;
            let measured = if is_sudden { measured.min(share * rate.per_second()) } else { measured };
            rate.refused(measured, accepted >= SINGLE_AMONG * refused, now);
        } else {
            let is_test =
                !is_asked_to_wait && self.refusals.is_chance_possible() && self.refusals.begin_test();
            self.begin_to_count(is_test, now);
        }
        self.sent = Meter::default();
        Reaction::Slowed
    }

    /// Begins a test of what the refusals mean, if that is doubtful and a test is due.
    fn starts_test(&mut self, is_doubtful: bool, now: Instant) -> bool {
        let is_single = self.accepted_since_cut >= SINGLE_AMONG * self.refused_since_cut;
        let Some(rate) = &mut self.rate else {
            let is_test = is_doubtful && self.refusals.is_persistent() && self.refusals.begin_test();
            if is_test {
                self.begin_to_count(true, now);
                self.sent = Meter::default();
            }
            return is_test;
        };
        if rate.is_guess() || rate.has_fallen_far() && self.refusals.may_be_chance() {
            self.refusals.begin_test_at_once();
        } else if !(is_doubtful || is_single && rate.has_drifted()) || !self.refusals.begin_test() {
            return false;
        }
        rate.hold(now);
        true
    }

    fn begin_to_count(&mut self, is_test: bool, now: Instant) {
        let served = self.accepted.rate(MEASURE_MIN, now);
        let is_known = self.accepted.is_spread_over(KNOWN_SLOTS, KNOWN_ANSWERS);
        let mut rate = if is_known { Rate::new(served, now) } else { Rate::guessed(served, now) };
        if is_test {
            rate.hold(now);
        }
        self.rate = Some(rate);
    }

    /// Moves the rate, unless the host is paused. Called with each response and not with each request for a permit: the
    /// answer to such a request must not change but with a response, or at the time that it named.
    pub(super) fn advance(&mut self, latency: &Latency, is_open: bool, now: Instant) {
        let is_due = self.moved_at.is_none_or(|at| now.saturating_duration_since(at) >= STEP);
        if let Some(rate) = self.rate.as_mut().filter(|_| is_open && is_due) {
            self.moved_at = Some(now);
            let answer = latency.usual().unwrap_or_default();
            let over = rate.step(answer).unwrap_or_else(|| measure(rate.per_second()));
            rate.advance(self.sent.rate(over, now), answer, now);
            if rate.is_outgrown() {
                self.rate = None;
            }
        }
        self.slots = self.slots_for(latency);
    }

    fn slots_for(&self, latency: &Latency) -> u32 {
        let (Some(rate), Some(latency)) = (&self.rate, latency.usual()) else { return u32::MAX };
        let needed = (SLACK * rate.per_second() * latency.as_secs_f64()).ceil() + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 2, and `as` saturates"
        )]
        let needed = needed.max(2.0) as u32;
        needed
    }
}

/// The time over which a rate of this size is measured.
fn measure(per_second: f64) -> Duration {
    let seconds = MEASURE_ANSWERS / per_second.max(0.1);
    Duration::from_secs_f64(seconds.clamp(MEASURE_MIN.as_secs_f64(), MEASURE_MAX.as_secs_f64()))
}
