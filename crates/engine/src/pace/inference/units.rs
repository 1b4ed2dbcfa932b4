//! What the host counts: requests, or new connections.
//!
//! With keep-alive, most requests open no connection. If requests that open one fail significantly more often than the
//! others, the rate and the horizons count new connections. Only the window then limits requests on open connections.

use super::Seconds;
use super::horizons::Counts;
use super::signal::Ticket;
use super::two_shares::{Tally, log_likelihood_ratio};
use super::{Controller, Sent};

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Requests,
    Connections,
}

/// Natural logarithm of the likelihood ratio that decides.
const DECISION_THRESHOLD: f64 = 4.0;
/// The network reorders at most this many requests.
const REORDERED_MAX: u64 = 64;
/// Above this many requests the counts are halved, because the host may change.
const HALVED_ABOVE: f64 = 200.0;

/// Outcomes on new and on reused connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionTest {
    reused: Tally,
    new: Tally,
}

impl ConnectionTest {
    fn record(&mut self, is_new: bool, is_failure: bool) {
        let tally = if is_new { &mut self.new } else { &mut self.reused };
        tally.record(is_failure);
        if tally.all > HALVED_ABOVE {
            tally.halve();
        }
    }

    /// Clears the counts, because the pace has changed.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Whether requests on new connections fail significantly more often.
    pub(super) fn are_limited(&self) -> bool {
        self.log_likelihood_ratio() > DECISION_THRESHOLD
    }

    /// Negative if requests on new connections fail less often.
    fn log_likelihood_ratio(&self) -> f64 {
        log_likelihood_ratio(self.new, self.reused)
    }
}

impl Unit {
    pub(super) const COUNT: usize = 2;

    /// Whether a request counts in this unit.
    pub(super) const fn counts(self, is_new: bool) -> bool {
        is_new || matches!(self, Self::Requests)
    }
}

impl Controller {
    /// Counts a request that is sent.
    pub(super) fn counts(&mut self, sequence: u64, is_new: bool, now: Seconds) -> [Counts; Unit::COUNT] {
        let [requests, connections] = &mut self.horizons;
        let connections = if is_new { connections.sent(sequence, now) } else { Counts::default() };
        [requests.sent(sequence, now), connections]
    }

    /// Records the counts of an accepted request. Returns true if they rule out an assumed limit.
    pub(super) fn record_accepted(&mut self, sequence: u64, sent: &Sent, now: Seconds) -> bool {
        let unit = self.unit as usize;
        // A refused request that was sent earlier may have arrived later.
        let before =
            self.failures.range(..self.failures.partition_point(|failure| failure.0 < sequence)).rev();
        let before = before.take_while(|failure| failure.0 + REORDERED_MAX > sequence);
        let failed = before.filter(|failure| !failure.1.is_often_random()).map(|failure| failure.0);
        let mut rules_out_limit = false;
        for (at, horizons) in self.horizons.iter_mut().enumerate() {
            if at == Unit::Requests as usize || sent.is_new {
                let counts = horizons.without(&sent.counts[at], sent.at, failed.clone());
                rules_out_limit |= horizons.served(sequence, &counts, now) && at == unit;
            }
        }
        rules_out_limit
    }

    /// Whether a request opened a connection is known with its first byte; until then it is a guess from the idle connections
    /// when it was sent. The horizons keep what was guessed: their counts are of what was sent.
    pub(super) fn opened(&mut self, ticket: Ticket, is_new: bool) {
        let first = self.next_sequence - self.sent.len() as u64;
        let index = ticket.number().checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(sent) = index.and_then(|index| self.sent.get_mut(index)) {
            sent.is_new = is_new;
        }
        if let Some(open) = self.open.get_mut(&ticket.number()) {
            open.sent.is_new = is_new;
        }
    }

    /// Whether this request opened a connection.
    pub(super) fn is_new(&self, sequence: u64) -> bool {
        self.sent_record(sequence).is_some_and(|sent| sent.is_new)
    }

    /// What remains of the list, in the present unit.
    pub(super) fn units_left(&self) -> f64 {
        f64::from(self.remaining)
            * if self.unit == Unit::Requests { 1.0 } else { self.new_connection_share() }
    }

    /// A lower bound of the rate for new connections: the accepted rate underestimates it, because requests seldom open
    /// one.
    pub(super) fn rate_floor(&self, until: u64, now: Seconds) -> f64 {
        let pace = || self.horizons[self.unit as usize].sending_rate(until, self.wait_ended, now);
        match self.unit {
            Unit::Requests => 0.0,
            Unit::Connections => 0.5 * self.rate.as_ref().map_or_else(pace, |rate| rate.per_second),
        }
    }

    /// The share of requests that open a connection.
    pub(super) fn new_connection_share(&self) -> f64 {
        let new = self.sent.iter().filter(|sent| sent.is_new).count();
        (new as f64 + 0.5) / (self.sent.len() as f64 + 1.0)
    }

    /// Records an outcome. A failure beyond the proven window says nothing about connections, unless it began a ban.
    pub(super) fn record_connection(&mut self, sequence: u64, is_failure: bool, began_ban: bool) {
        if let Some(sent) = self.sent_record(sequence)
            && (!is_failure || began_ban || self.window.is_within(sent.in_flight))
        {
            self.connection_test.record(sent.is_new, is_failure);
        }
    }

    /// Checks the unit after a run of failures: if the run began on a reused connection, the host does not count new
    /// connections.
    pub(super) fn check_unit(&mut self, run_start: u64) {
        if self.unit == Unit::Connections && !self.is_new(run_start) {
            self.set_unit(Unit::Requests);
        }
    }

    /// Chooses the unit by the failures of requests on new and on reused connections.
    pub(super) fn choose_unit(&mut self) {
        let unit = match self.unit {
            Unit::Requests if self.connection_test.are_limited() => Unit::Connections,
            Unit::Connections if self.connection_test.log_likelihood_ratio() < 0.0 => Unit::Requests,
            same => same,
        };
        if unit != self.unit {
            self.set_unit(unit);
        }
    }

    fn set_unit(&mut self, unit: Unit) {
        self.unit = unit;
        self.connection_test = ConnectionTest::default();
        self.rate = None;
        (self.empty_at, self.burst, self.assumed_horizon) = (None, None, None);
    }
}
