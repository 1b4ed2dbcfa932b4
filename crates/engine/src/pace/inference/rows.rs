//! What becomes of the rows of requests that were in vain.

use super::Seconds;
use super::evidence::Outcome;
use super::signal::Form;
use super::{Controller, Fate, URLS_MAX};

/// Courtesy: a Retry-After is stretched by up to this share, so that many do not return at one instant.
const STRETCH: f64 = 0.05;
/// Courtesy: a Retry-After is the URL's own only after others were served meanwhile so many times.
pub(super) const SHOWN: u32 = 3;
/// ... and where that is seldom.
const OWN_SHARE: f64 = 0.1;
/// Where fewer requests than this open a connection, those may be denied that do.
const SELDOM: f64 = 0.5;
/// Wait before a row is asked again, at first and from failure to failure.
const AGAIN: (Seconds, f64) = (0.1, 1.6);

/// A URL is charged once chance makes so many failures in a row less often than this.
const CHARGED_BELOW: f64 = 1e-4;

impl Controller {
    pub(super) fn denied(&mut self, sequence: u64, url: u64, now: Seconds) -> Fate {
        self.denied += 1;
        self.denied_at = now;
        if self.served == 0 {
            // Whether it ever serves anybody is known once what is under way has been answered.
            self.note(sequence, Outcome::Void, now);
            if self.is_denying_all {
                return Fate::Failed;
            }
            self.fates.hold(url, sequence, false);
            return Fate::Held;
        }
        if self.fates.is_witness(url) {
            if self.pauses.now.is_none() {
                self.fates.witness_denied(now);
            }
            self.failed(sequence, Form::Denied, now);
            return Fate::Done;
        }
        let is_known = self.chance.is_known(Form::Denied);
        let is_expected = self.fates.is_held(url) && (self.pauses.now.is_none() || is_known);
        if is_expected && is_known && self.limit_form != Some(Form::Denied) {
            // It answers, as far as any other refusal is concerned.
            self.answered(sequence, now);
        } else if self.fates.are_own() && self.pauses.now.is_none() {
            self.fates.expected();
            self.note(sequence, Outcome::Void, now);
        } else if is_expected && self.pauses.now.is_none() {
            // That was to be expected, and says nothing about the host.
            self.note(sequence, Outcome::Void, now);
        } else {
            self.failed(sequence, Form::Denied, now);
        }
        let is_new = self.is_new(sequence) && self.opening_share() < SELDOM;
        self.fates.hold(url, sequence, is_new);
        Fate::Held
    }

    /// A row that is kept stays so, if its exchange said nothing about it.
    pub(super) fn keep_if_held(&mut self, url: u64) -> Option<Fate> {
        self.fates.is_held(url).then(|| {
            self.fates.postpone(url);
            Fate::Held
        })
    }

    pub(super) fn not_its_own(&mut self, url: u64, now: Seconds) -> Fate {
        if self.fates.is_witness(url) {
            return Fate::Done;
        }
        self.keep_if_held(url).unwrap_or(Fate::Again { not_before: now, is_charged: false })
    }

    pub(super) fn again(&mut self, url: u64, now: Seconds, not_before: Seconds) -> Fate {
        if let Some(fate) = self.keep_if_held(url) {
            return fate;
        }
        if self.fates.is_witness(url) {
            return Fate::Done;
        }
        // A failure is the URL's only while others are served, and where chance does not make as many in a row.
        self.in_vain += 1;
        let share = (self.in_vain + 1) as f64 / (self.in_vain + self.served + 20) as f64;
        if self.failures_of.len() >= URLS_MAX {
            self.failures_of.clear();
        }
        let failures = self.failures_of.entry(url).or_default();
        *failures += u32::from(self.pauses.now.is_none());
        let by_chance = share.powi(i32::try_from(*failures).unwrap_or(i32::MAX));
        let is_charged =
            self.pauses.now.is_none() && self.good_before > 10 * *failures && by_chance < CHARGED_BELOW;
        // What the host's habits explain is asked again soon.
        let beyond = if by_chance < CHARGED_BELOW { failures.saturating_sub(1) } else { 0 };
        let wait = AGAIN.0 * AGAIN.1.powi(i32::try_from(beyond).unwrap_or(8).min(8));
        Fate::Again { not_before: not_before.max(now + wait), is_charged }
    }

    /// A refusal that may ask for a wait. Returns when its row may be asked again.
    pub(super) fn refused(
        &mut self,
        url: u64,
        sequence: u64,
        retry_after: Option<Seconds>,
        now: Seconds,
        jitter: f64,
    ) -> Seconds {
        self.refused_in_a_row += 1;
        self.refused += 1;
        let Some(wait) = retry_after else {
            self.asked = self.asked.map(|(first, _)| (first, false));
            self.failed(sequence, Form::Throttled, now);
            return now;
        };
        let until = now + wait * (1.0 + STRETCH * jitter);
        let is_seldom = self.refused as f64 <= OWN_SHARE * (self.served + 20) as f64;
        let is_own = self.shown >= SHOWN && is_seldom;
        match &mut self.asked {
            Some((first, is_served)) if now < self.not_before || sequence < *first => {
                *is_served = false;
            }
            _ => self.asked = Some((sequence, false)),
        }
        if is_own && self.pauses.now.is_none() && (self.refused_in_a_row <= 2 || self.later.contains(&url)) {
            if self.later.len() >= URLS_MAX {
                self.later.clear();
            }
            self.later.insert(url);
            if let Some(rate) = &mut self.rate {
                let share = self.refused as f64 / (self.served + self.refused) as f64;
                rate.fall_back(share, now, self.next_sequence);
            }
            self.note(sequence, Outcome::Void, now);
            return until;
        }
        if self.not_before <= now {
            self.waited = self.not_before;
        }
        self.failed(sequence, Form::Throttled, now);
        self.pauses.asked(until);
        self.not_before = self.not_before.max(until);
        until
    }

    /// Whether chance makes so many failures of one URL in a row often enough that they say nothing about the URL.
    pub(super) fn explains(&self, failures: u32) -> bool {
        let share = (self.in_vain + 1) as f64 / (self.in_vain + self.served + 20) as f64;
        share.powi(i32::try_from(failures).unwrap_or(i32::MAX)) >= CHARGED_BELOW
    }

    /// The user's patience is at an end: denials are the URLs' own from now on.
    pub(super) fn believe_denials(&mut self) {
        self.pauses.now = None;
        self.fates.believe();
        self.denials_are_own();
        self.go_on();
    }
}
