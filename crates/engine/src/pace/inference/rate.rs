//! The rate of requests, evenly spaced, once the host has shown a rate limit.
//!
//! A token bucket that is empty at two refusals has accepted in between exactly what flowed in. So the accepted count
//! divided by the time estimates the limit, and more requests make the estimate better. An estimate from few requests
//! is a guess: the rate grows in large steps until the next refusal. A good estimate is held for some time, and then
//! tested in small but growing steps. If a refusal costs a ban, the rate is tested only where the gain is worth it.

use super::Seconds;
use super::horizons::MARGIN;

/// An estimate from fewer requests is a guess.
const GUESS_BELOW: f64 = 24.0;
/// Factor by which a guess grows without a refusal ...
const STEP_GUESS: f64 = 1.5;
/// ... and factor of the first step above a known limit; each further step squares it.
const STEP_TEST: f64 = 1.04;
/// Accepted requests before a step, at least ...
const STEP_ANSWERS: f64 = 8.0;
/// ... this many times as many for a known limit ...
const KNOWN: f64 = 2.0;
/// ... and at least the requests of this many seconds.
const STEP_SECONDS: Seconds = 0.25;
/// How long a known limit is held before a test; each time it is found again, twice as long ...
const HOLD: Seconds = 4.0;
/// ... and at least for this many requests: a test costs at most one refusal in a hundred requests.
const HOLD_REQUESTS: f64 = 300.0;
/// An unconfirmed rate is tested after this.
const HOLD_UNCONFIRMED: Seconds = 1.0;
/// The longest time between tests.
const HOLD_MAX: Seconds = 120.0;
/// The least rate: no host is slower.
const RATE_MIN: f64 = 0.005;

#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    next: Seconds,
    /// Requests from this one on count for the next step.
    from: u64,
    accepted: f64,
    /// Refusals since the last step that may belong to single URLs.
    unattributed: f64,
    /// The estimated limit at the last refusal.
    pub(super) limit_per_second: f64,
    is_guess: bool,
    /// Keeping this rate has been shown to prevent refusals.
    pub(super) is_confirmed: bool,
    hold: Seconds,
    hold_until: Seconds,
    step: f64,
    /// What a mistake costs, if it causes a ban.
    pub(super) ban_cost: Option<Seconds>,
    /// The upper random share when a ban fixed the rate.
    pub(super) share_when_fixed: f64,
    /// How often the window, and how often this rate, delayed a request since the last step.
    delayed_by_window: u32,
    delayed_here: u32,
}

impl Rate {
    pub(super) fn new(per_second: f64, requests: f64, now: Seconds, sequence: u64) -> Self {
        let per_second = per_second.max(RATE_MIN);
        Self {
            per_second,
            next: now + 1.0 / per_second,
            from: sequence,
            accepted: 0.0,
            unattributed: 0.0,
            limit_per_second: per_second,
            is_guess: requests < GUESS_BELOW,
            is_confirmed: false,
            hold: HOLD,
            hold_until: now + HOLD_UNCONFIRMED,
            step: STEP_TEST,
            ban_cost: None,
            share_when_fixed: 0.0,
            delayed_by_window: 0,
            delayed_here: 0,
        }
    }

    /// When the next request may be sent.
    pub(super) fn next(&self) -> Seconds {
        self.next
    }

    pub(super) fn sent(&mut self, now: Seconds) {
        let gap = 1.0 / self.per_second.max(RATE_MIN);
        // A delay of less than half a gap is made up for, so that a busy machine does not lower the rate.
        let due = if now - self.next < 0.5 * gap { self.next } else { now };
        self.next = due + gap;
    }

    pub(super) fn limited_by_window(&mut self) {
        self.delayed_by_window += 1;
    }

    pub(super) fn limited_by_rate(&mut self) {
        self.delayed_here += 1;
    }

    /// Delays the next request by a whole gap: a host that has just refused has no token left.
    pub(super) fn delay_next(&mut self, now: Seconds) {
        self.next = self.next.max(now + 1.0 / self.per_second);
    }

    /// A request was served. Returns true if the rate no longer limits the requests.
    pub(super) fn served(&mut self, sequence: u64, next_sequence: u64, now: Seconds, rows: f64) -> bool {
        if sequence < self.from {
            return false;
        }
        self.accepted += 1.0;
        let enough =
            STEP_ANSWERS.max(STEP_SECONDS * self.per_second) * if self.is_guess { 1.0 } else { KNOWN };
        if self.accepted < enough {
            return false;
        }
        let is_bound_by_window = self.delayed_by_window > 2 * self.delayed_here;
        if !self.is_guess && (now < self.hold_until || !self.is_worth_it(rows)) {
            return false;
        }
        if is_bound_by_window {
            return true;
        }
        let step = if self.is_guess {
            STEP_GUESS
        } else {
            let step = self.step;
            self.step = (step * step).min(STEP_GUESS);
            step
        };
        self.set(self.per_second * step, next_sequence);
        false
    }

    fn is_worth_it(&self, rows: f64) -> bool {
        // The expected gain of a test: a tenth of the remaining time. The expected loss: three bans.
        self.ban_cost.is_none_or(|cost| rows / self.per_second * 0.1 > 3.0 * cost)
    }

    fn set(&mut self, per_second: f64, next_sequence: u64) {
        self.per_second = per_second.max(RATE_MIN);
        self.from = next_sequence;
        (self.accepted, self.unattributed) = (0.0, 0.0);
        (self.delayed_by_window, self.delayed_here) = (0, 0);
    }

    /// A refusal: the host accepted `accepted_rate` per second between two refusals, over this many requests.
    pub(super) fn cut(&mut self, accepted_rate: f64, requests: f64, now: Seconds, next_sequence: u64) {
        let is_repeated = !self.is_guess && (self.limit_per_second / accepted_rate).ln().abs() < 0.2;
        self.is_guess = requests < GUESS_BELOW;
        self.hold = if is_repeated { (2.0 * self.hold).min(HOLD_MAX) } else { HOLD };
        let least_cut = if self.is_guess { 0.9 } else { 0.98 };
        self.limit_per_second = accepted_rate;
        let to = (MARGIN * accepted_rate).min(least_cut * self.per_second);
        self.set(to, next_sequence);
        self.hold_until =
            now + if is_repeated { self.hold.max(HOLD_REQUESTS / self.per_second) } else { HOLD_UNCONFIRMED };
        self.step = STEP_TEST;
        self.delay_next(now);
    }

    /// The test has shown that the rate prevents refusals.
    pub(super) fn confirm(&mut self) {
        self.is_confirmed = true;
    }

    /// Sets the rate that a ban has shown, where each mistake costs this much.
    pub(super) fn fix(&mut self, per_second: f64, cost: Seconds, now: Seconds, next_sequence: u64) {
        self.set(per_second, next_sequence);
        self.limit_per_second = per_second;
        self.is_guess = false;
        self.is_confirmed = true;
        self.ban_cost = Some(self.ban_cost.unwrap_or(0.0).max(cost));
        self.hold = HOLD_MAX.min(self.hold * 2.0);
        self.hold_until = now + self.hold.max(HOLD_REQUESTS / self.per_second);
        self.step = STEP_TEST;
        self.delay_next(now);
    }

    /// A refusal that may belong to its URL, where this share of all requests is refused so. A rate above the limit
    /// falls back to the limit if it is refused significantly more often.
    pub(super) fn fall_back(&mut self, share: f64, now: Seconds, next_sequence: u64) {
        self.unattributed += 1.0;
        let expected = share * (self.accepted + self.unattributed);
        let is_more = self.unattributed > 2.0 + 2.0 * expected;
        if self.is_guess || self.per_second <= self.limit_per_second || !is_more {
            return;
        }
        self.hold = (2.0 * self.hold).min(HOLD_MAX);
        self.set(MARGIN * self.limit_per_second, next_sequence);
        self.hold_until = now + self.hold.max(HOLD_REQUESTS / self.per_second);
        self.step = STEP_TEST;
    }

    pub(super) fn is_guess(&self) -> bool {
        self.is_guess
    }
}
