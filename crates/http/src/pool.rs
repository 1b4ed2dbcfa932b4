//! Idle connections, most recently used first: that one is the least likely to have been closed meanwhile, and the others
//! grow old.
//!
//! One thread, no locks. Every operation is logarithmic in the number of idle connections, which is bounded; nothing is kept
//! for an origin without any.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Connection;
use crate::limits::Limits;
use crate::origin::Origin;
use crate::reuse::{Ending, Reuse};

/// A connection that was used a moment ago is not asked whether its own address is still ours: that takes three calls of the
/// system.
const UNDOUBTED_MAX: Duration = Duration::from_secs(1);

/// When a connection was parked, as a number: a larger one is more recent.
type Ticket = u64;

pub(crate) struct Pool {
    per_origin_max: usize,
    total_max: usize,
    idle_time_max: Duration,
    idle: RefCell<IdleConnections>,
    reuse: RefCell<Reuse>,
}

#[derive(Default)]
struct IdleConnections {
    idle: BTreeMap<Ticket, Idle>,
    // Ascending, so the most recent is at the back. No queue is empty.
    tickets: BTreeMap<Rc<Origin>, VecDeque<Ticket>>,
    last_ticket: Ticket,
}

/// A connection on which nothing has happened since its last exchange.
pub(crate) struct Idle {
    pub(crate) connection: Connection,
    pub(crate) since: Instant,
}

impl Pool {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            per_origin_max: limits.idle_per_origin_max,
            total_max: limits.idle_total_max,
            idle_time_max: limits.idle_time_max,
            idle: RefCell::default(),
            reuse: RefCell::default(),
        }
    }

    /// The connection to `origin` that was used last. One from an address that is not ours any more would be silent for
    /// ever.
    pub(crate) fn take(
        &self,
        origin: &Origin,
        now: Instant,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Option<Idle> {
        loop {
            let mut idle = self.idle.borrow_mut().pop_newest(origin)?;
            let idle_time = now.saturating_duration_since(idle.since);
            let is_alive = idle_time < self.idle_time_max && idle.connection.is_usable();
            if is_alive && (idle_time < UNDOUBTED_MAX || idle.connection.local().is_none_or(&is_own)) {
                return Some(idle);
            }
        }
    }

    /// What came over a connection that was taken: an answer ...
    pub(crate) fn worked(&self, origin: &Origin) {
        self.reuse.borrow_mut().worked(origin);
    }

    /// ... or none, although it had been idle for no longer than that: whether it was stale.
    pub(crate) fn was_stale(&self, origin: &Origin, ending: Ending, idle: Duration, now: Instant) -> bool {
        self.reuse.borrow_mut().was_stale(origin, ending, idle, now)
    }

    /// Keeps a connection after an exchange, if it can be used again and there is room; the least recently used makes room.
    pub(crate) fn park(&self, mut connection: Connection, now: Instant) {
        let is_wanted = self.per_origin_max > 0
            && self.total_max > 0
            && self.reuse.borrow().is_worth_keeping(connection.origin(), now);
        if !is_wanted || !connection.is_usable() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.count(connection.origin()) >= self.per_origin_max {
            let origin = Rc::clone(connection.origin());
            idle.pop_oldest_of(&origin);
        } else if idle.idle.len() >= self.total_max {
            idle.pop_oldest();
        }
        idle.push(Idle { connection, since: now });
    }

    /// Closes the connections that have been idle for too long, and those that their peers have closed.
    pub(crate) fn close_idle(&self, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        let too_old = |idle: &Idle| now.saturating_duration_since(idle.since) >= self.idle_time_max;
        while idle.idle.first_key_value().is_some_and(|(_, idle)| too_old(idle)) {
            idle.pop_oldest();
        }
        let closed = |(ticket, idle): (&Ticket, &mut Idle)| (!idle.connection.is_usable()).then_some(*ticket);
        let closed: Vec<Ticket> = idle.idle.iter_mut().filter_map(closed).collect();
        for ticket in closed {
            idle.remove(ticket);
        }
    }

    pub(crate) fn close_all(&self) {
        let mut idle = self.idle.borrow_mut();
        idle.idle.clear();
        idle.tickets.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.idle.borrow().idle.is_empty()
    }

    pub(crate) fn count(&self, origin: &Origin) -> usize {
        self.idle.borrow().count(origin)
    }
}

impl IdleConnections {
    fn count(&self, origin: &Origin) -> usize {
        self.tickets.get(origin).map_or(0, VecDeque::len)
    }

    fn push(&mut self, idle: Idle) {
        self.last_ticket += 1;
        self.tickets.entry(Rc::clone(idle.connection.origin())).or_default().push_back(self.last_ticket);
        self.idle.insert(self.last_ticket, idle);
    }

    fn pop_newest(&mut self, origin: &Origin) -> Option<Idle> {
        let ticket = *self.tickets.get(origin)?.back()?;
        self.remove(ticket)
    }

    fn pop_oldest_of(&mut self, origin: &Origin) -> Option<Idle> {
        let ticket = *self.tickets.get(origin)?.front()?;
        self.remove(ticket)
    }

    fn pop_oldest(&mut self) -> Option<Idle> {
        let ticket = *self.idle.first_key_value()?.0;
        self.remove(ticket)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Idle> {
        let idle = self.idle.remove(&ticket)?;
        let origin = idle.connection.origin();
        if let Some(queue) = self.tickets.get_mut(&**origin) {
            if let Ok(position) = queue.binary_search(&ticket) {
                queue.remove(position);
            }
            if queue.is_empty() {
                self.tickets.remove(&**origin);
            }
        }
        Some(idle)
    }
}
