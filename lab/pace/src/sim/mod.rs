//! One run in virtual time: a list of rows, a host, and the controller between them.

mod rows;
mod world;

use crate::Seconds;
use crate::controller::{Controller, End, Fate, PacePolicy, Permit, Settled, Ticket, Work};
use crate::zoo::Host;
use crate::zoo::oracle::Ideal;

/// What the simulation asks of a controller.
pub trait Pacer {
    /// See [`Controller::permit`].
    fn permit(&mut self, now: Seconds, work: Work) -> Permit;
    /// See [`Controller::sent`].
    fn sent(&mut self, now: Seconds, url: u32, is_new: bool) -> Ticket;
    /// See [`Controller::heard`].
    fn heard(&mut self, ticket: Ticket, now: Seconds);
    /// See [`Controller::announced`].
    fn announced(&mut self, ticket: Ticket, remaining: u32, reset_after: Seconds, now: Seconds);
    /// See [`Controller::look`].
    fn look(&mut self, now: Seconds) -> Vec<Ticket>;
    /// See [`Controller::ended`].
    fn ended(&mut self, ticket: Ticket, end: End, now: Seconds, jitter: f64) -> Fate;
    /// See [`Controller::settled`].
    fn settled(&mut self) -> Vec<Settled>;
    /// See [`Controller::connections`].
    fn connections(&self) -> u32;
    /// See [`Controller::belief`].
    fn belief(&self) -> String;
}

impl Pacer for Controller {
    fn permit(&mut self, now: Seconds, work: Work) -> Permit {
        self.permit(now, work)
    }
    fn sent(&mut self, now: Seconds, url: u32, is_new: bool) -> Ticket {
        self.sent(now, url, is_new)
    }
    fn heard(&mut self, ticket: Ticket, now: Seconds) {
        self.heard(ticket, now);
    }
    fn announced(&mut self, ticket: Ticket, remaining: u32, reset_after: Seconds, now: Seconds) {
        self.announced(ticket, remaining, reset_after, now);
    }
    fn look(&mut self, now: Seconds) -> Vec<Ticket> {
        self.look(now)
    }
    fn ended(&mut self, ticket: Ticket, end: End, now: Seconds, jitter: f64) -> Fate {
        self.ended(ticket, end, now, jitter)
    }
    fn settled(&mut self) -> Vec<Settled> {
        self.settled()
    }
    fn connections(&self) -> u32 {
        self.connections()
    }
    fn belief(&self) -> String {
        self.belief()
    }
}

/// What a run was like.
#[derive(Debug, Clone)]
pub struct Run {
    /// Until the last row was there, or had failed for its own sake.
    pub took: Seconds,
    /// What an oracle takes.
    pub ideal: Ideal,
    /// Requests that a limit refused.
    pub refusals: u32,
    /// Requests in all.
    pub requests: u32,
    /// Rows that were given up although the host had them, or that were taken for done and are not.
    pub lost: u32,
    /// Rows that had not ended when the run was stopped.
    pub left: u32,
    /// What the controller believed at the end.
    pub belief: String,
    /// Served in each second.
    pub seconds: Vec<u32>,
}

impl Run {
    /// Its time against the oracle's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.left > 0 { 99.0 } else { self.ideal.ratio(self.took) }
    }

    /// Refusals against ten and one in a hundred rows.
    #[must_use]
    pub fn refused(&self, rows: u32) -> f64 {
        f64::from(self.refusals) / (10.0 + 0.01 * f64::from(rows))
    }
}

/// Asks a host for its whole list.
pub fn run(host: &mut Host, terms: PacePolicy, is_courteous: bool, trace: bool) -> Run {
    run_with(Controller::new(terms), host, is_courteous, trace)
}

/// The same with any controller.
pub fn run_with<P: Pacer>(pace: P, host: &mut Host, is_courteous: bool, trace: bool) -> Run {
    world::run(pace, host, is_courteous, trace)
}
