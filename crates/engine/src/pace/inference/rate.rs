//! Requests a second, evenly spaced, once the host has shown that it counts them.
//!
//! A bucket that was empty at two refusals has let in between them exactly what flowed in: the count between two refusals,
//! by the time between them, is the limit, and the more requests it was taken over the better it is known. A rate that was
//! taken over few is a guess, and is climbed from in large steps until the next refusal; one that was taken over many is kept
//! for a while, and tested in small steps that grow. While each refusal costs a ban, it is only tested if that is worth it.

use super::Seconds;
use super::horizons::MARGIN;

/// A measure over fewer requests is a guess.
const GUESS_BELOW: f64 = 24.0;
/// A guess grows by this where nothing is refused ...
const STEP_GUESS: f64 = 1.5;
/// ... and a limit that is known by this, and by its square, and so on.
const STEP_TEST: f64 = 1.04;
/// Answers that a step waits for, at least ...
const STEP_ANSWERS: f64 = 8.0;
/// ... twice as many where the limit is known ...
const KNOWN: f64 = 2.0;
/// ... and seconds' worth of them.
const STEP_SECONDS: Seconds = 0.25;
/// A known limit is tested after so long, and then after twice as long each time it is found again ...
const HOLD: Seconds = 4.0;
/// ... and not before so many requests: what a test costs is to be no more than a refusal in a hundred.
const HOLD_REQUESTS: f64 = 300.0;
/// One of which it has not been shown that it helps is tested after this.
const HOLD_UNCONFIRMED: Seconds = 1.0;
/// Longest such time.
const HOLD_MAX: Seconds = 120.0;
/// Physics: no host is asked less often.
const RATE_MIN: f64 = 0.005;

#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    next: Seconds,
    /// Answers to requests from here on count for the next step.
    from: u64,
    accepted: f64,
    /// Refused meanwhile for the URLs' own sake, perhaps.
    unattributed: f64,
    /// What it was when it was last refused.
    pub(super) limit_per_second: f64,
    is_guess: bool,
    /// It has been shown that it helps.
    pub(super) is_confirmed: bool,
    hold: Seconds,
    hold_until: Seconds,
    step: f64,
    /// What a mistake costs, where that is a ban.
    pub(super) ban_cost: Option<Seconds>,
    /// What was known of chance then.
    pub(super) share_when_fixed: f64,
    /// How often the window, and not the rate, held a request back since the last step, and the other way round.
    window_bound: u32,
    rate_bound: u32,
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
            window_bound: 0,
            rate_bound: 0,
        }
    }

    /// When the next request may be sent.
    pub(super) fn next(&self) -> Seconds {
        self.next
    }

    pub(super) fn sent(&mut self, now: Seconds) {
        let gap = 1.0 / self.per_second.max(RATE_MIN);
        // What is late by less than half a gap is made up, or a busy machine would slow it down.
        let due = if now - self.next < 0.5 * gap { self.next } else { now };
        self.next = due + gap;
    }

    pub(super) fn limited_by_window(&mut self) {
        self.window_bound += 1;
    }

    pub(super) fn limited_by_rate(&mut self) {
        self.rate_bound += 1;
    }

    /// The next request comes a whole gap from now: a host that has just refused has nothing left.
    pub(super) fn delay_next(&mut self, now: Seconds) {
        self.next = self.next.max(now + 1.0 / self.per_second);
    }

    /// One was served. Returns true if the rate no longer holds anything back.
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
        let is_bound_by_window = self.window_bound > 2 * self.rate_bound;
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
        // A twentieth faster, for the rest of the list, against a mistake that is likely.
        self.ban_cost.is_none_or(|cost| rows / self.per_second * 0.1 > 3.0 * cost)
    }

    fn set(&mut self, per_second: f64, next_sequence: u64) {
        self.per_second = per_second.max(RATE_MIN);
        self.from = next_sequence;
        (self.accepted, self.unattributed) = (0.0, 0.0);
        (self.window_bound, self.rate_bound) = (0, 0);
    }

    /// Refused: `let_in` is what was let in a second between two refusals, over so many requests.
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

    /// It helps: the host counts.
    pub(super) fn confirm(&mut self) {
        self.is_confirmed = true;
    }

    /// Exactly this, for a long refusal has shown it, and each mistake costs so much.
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

    /// Something was refused that may be no limit's, as this share of all is. A rate that is being tested goes back to what
    /// was let in if it is refused more often than that.
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
