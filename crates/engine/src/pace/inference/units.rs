//! What the host counts: requests, or connections that are opened.
//!
//! Where connections are kept, most requests open none. If it is those that open one which are refused, by far more often than
//! their share of all requests explains, the rate and the horizons are those of openings, and requests on connections that
//! stand are held back by the window alone.

use super::Seconds;
use super::horizons::Counts;
use super::{Controller, Sent};

/// What a rate is a rate of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Requests,
    Openings,
}

/// Evidence that decides: a natural logarithm of a likelihood ratio.
const CERTAIN: f64 = 4.0;
/// The network changes the order of so many requests at most.
const OUT_OF_ORDER: u64 = 64;
/// Counts are halved beyond so many, for what is counted may change.
const FADES_AFTER: f64 = 200.0;

/// How requests fared that opened a connection, and how those on connections that stood: so many in all, and in vain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Openings {
    standing: (f64, f64),
    opening: (f64, f64),
}

impl Openings {
    fn note(&mut self, is_new: bool, is_bad: bool) {
        let (all, bad) = if is_new { &mut self.opening } else { &mut self.standing };
        *all += 1.0;
        *bad += f64::from(u8::from(is_bad));
        if *all > FADES_AFTER {
            (*all, *bad) = (0.5 * *all, 0.5 * *bad);
        }
    }

    /// The pace has changed.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// Whether requests that open a connection fail more often than others, beyond doubt.
    pub(super) fn are_counted(&self) -> bool {
        self.speaks() > CERTAIN
    }

    /// How much more probable what was seen is if each sort fails by a share of its own than if all fail by one: a natural
    /// logarithm, below zero where those fail less that open a connection.
    fn speaks(&self) -> f64 {
        let share = |(all, bad): (f64, f64)| (bad + 0.5) / (all + 1.0);
        let [opening, standing] = [self.opening, self.standing].map(share);
        let both = share((self.opening.0 + self.standing.0, self.opening.1 + self.standing.1));
        let gain = |(all, bad): (f64, f64), own: f64| {
            bad * (own / both).ln() + (all - bad) * ((1.0 - own) / (1.0 - both)).ln()
        };
        let gain = gain(self.opening, opening) + gain(self.standing, standing);
        if opening > standing { gain } else { -gain }
    }
}

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
        // Those sent before it that were refused may have arrived after it.
        let before = self.bads.range(..self.bads.partition_point(|bad| bad.0 < sequence)).rev();
        let before = before.take_while(|bad| bad.0 + OUT_OF_ORDER > sequence);
        let in_vain = before.filter(|bad| !bad.1.is_often_chance()).map(|bad| bad.0);
        let mut is_news = false;
        for (at, horizons) in self.horizons.iter_mut().enumerate() {
            if at == Unit::Requests as usize || sent.is_new {
                let counts = horizons.without(&sent.counts[at], sent.at, in_vain.clone());
                is_news |= horizons.served(sequence, &counts, now) && at == unit;
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
        let pace = || self.horizons[self.unit as usize].pace(until, self.waited, now);
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

    /// One was served or in vain. A failure with more under way than were ever let in says nothing, unless it began a ban.
    pub(super) fn note_opening(&mut self, sequence: u64, is_bad: bool, began_ban: bool) {
        if let Some(sent) = self.circumstances(sequence)
            && (!is_bad || began_ban || self.window.is_within(sent.under_way))
        {
            self.openings.note(sent.is_new, is_bad);
        }
    }

    /// A row of failures that are none of chance began with this request. On a connection that stood: the host does not
    /// count those that are opened.
    pub(super) fn doubt_unit(&mut self, onset: u64) {
        if self.unit == Unit::Openings && !self.is_new(onset) {
            self.believe_unit(Unit::Requests);
        }
    }

    /// What the host counts, as requests that open a connection were refused more often than others, or not.
    pub(super) fn choose_unit(&mut self) {
        let unit = match self.unit {
            Unit::Requests if self.openings.are_counted() => Unit::Openings,
            Unit::Openings if self.openings.speaks() < 0.0 => Unit::Requests,
            same => same,
        };
        if unit != self.unit {
            self.believe_unit(unit);
        }
    }

    fn believe_unit(&mut self, unit: Unit) {
        self.unit = unit;
        self.openings = Openings::default();
        self.rate = None;
        (self.onset, self.burst, self.assumed) = (None, None, None);
    }
}
