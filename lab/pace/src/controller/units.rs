//! What the host counts: requests, or connections that are opened.
//!
//! Where connections are kept, most requests open none. If it is those that open one which are refused, by far more often than
//! their share of all requests explains, the rate and the horizons are those of openings, and requests on connections that
//! stand are held back by the window alone.

use std::ops::Range;

use super::horizons::Counts;
use super::signal::Form;
use super::{Controller, Sent};
use crate::Seconds;

/// What a rate is a rate of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Requests,
    Openings,
}

/// Evidence that decides, and the most that is kept: natural logarithms of likelihood ratios.
const CERTAIN: f64 = 3.0;
const CERTAIN_MAX: f64 = 6.0;
/// One refusal alone says no more than this: few open a connection, and one of those may fail by chance.
const CERTAIN_ONE: f64 = 1.6;
/// If openings are counted, so many of those that are refused first open a connection: the others fail by chance.
const OPENING: f64 = 0.95;

impl Unit {
    pub(super) const COUNT: usize = 2;

    /// Whether such a request counts.
    pub(super) const fn counts(self, is_new: bool) -> bool {
        is_new || matches!(self, Self::Requests)
    }
}

impl Controller {
    /// Counts a request that is sent.
    pub(super) fn counts(&mut self, sequence: u64, is_new: bool, now: Seconds) -> [Counts; Unit::COUNT] {
        let [requests, openings] = &mut self.horizons;
        let opened = if is_new { openings.sent(sequence, now) } else { Counts::default() };
        [requests.sent(sequence, now), opened]
    }

    /// A request was served: what the host bears. Returns true if that rules out what had been thought.
    pub(super) fn bears(&mut self, sequence: u64, sent: &Sent, now: Seconds) -> bool {
        let unit = self.unit as usize;
        let mut is_news = false;
        for (at, horizons) in self.horizons.iter_mut().enumerate() {
            if at == Unit::Requests as usize || sent.is_new {
                is_news |= horizons.served(sequence, &sent.counts[at], now) && at == unit;
            }
        }
        is_news
    }

    /// Whether this request opened a connection.
    pub(super) fn is_new(&self, sequence: u64) -> bool {
        self.circumstances(sequence).is_some_and(|sent| sent.is_new)
    }

    /// What is left to be done, in the unit that is counted.
    pub(super) fn units_left(&self) -> f64 {
        f64::from(self.remaining) * if self.unit == Unit::Requests { 1.0 } else { self.opening_share() }
    }

    /// What was let in says less than this where it is openings that count: for most of the time none is wanted.
    pub(super) fn wanted(&self, until: u64, now: Seconds) -> f64 {
        let pace = || self.horizons[self.unit as usize].pace(until, now);
        match self.unit {
            Unit::Requests => 0.0,
            Unit::Openings => 0.5 * self.rate.as_ref().map_or_else(pace, |rate| rate.per_second),
        }
    }

    /// The share of requests that open a connection.
    pub(super) fn opening_share(&self) -> f64 {
        let opening = self.sent.iter().filter(|sent| sent.is_new).count();
        (opening as f64 + 0.5) / (self.sent.len() as f64 + 1.0)
    }

    /// Requests were refused in this range: because they opened connections?
    pub(super) fn weigh_units(&mut self, form: Form, range: Range<u64>) {
        if !self.terms.counts_openings {
            return;
        }
        let share = self.opening_share().min(OPENING);
        let mut said = 0.0;
        let bads = self.bads.iter().filter(|bad| bad.1 == form && range.contains(&bad.0));
        // A ban refuses everybody who comes after the first.
        let firsts =
            if self.pauses.now.is_some() || range.start != self.cut_sequence { 1 } else { usize::MAX };
        for &(sequence, _) in bads.take(firsts) {
            said += if self.is_new(sequence) {
                (OPENING / share).ln().min(CERTAIN_ONE)
            } else {
                ((1.0 - OPENING) / (1.0 - share)).ln()
            };
        }
        self.openings = (self.openings + said).clamp(-CERTAIN_MAX, CERTAIN_MAX);
        let unit = match self.unit {
            Unit::Requests if self.openings > CERTAIN => Unit::Openings,
            Unit::Openings if self.openings < 0.0 => Unit::Requests,
            same => same,
        };
        if unit != self.unit {
            self.unit = unit;
            self.rate = None;
            self.window.forget_limit();
            (self.onset, self.burst, self.assumed) = (None, None, None);
        }
    }
}
