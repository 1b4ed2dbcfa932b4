//! Which URL is next: a queue per host, and one order of times.
//!
//! Pure: `now` is an argument and jobs are opaque. Waiting, whether for a retry, a Retry-After or the end of a host's
//! pause, is one time per host and never an occupied task. Hosts that may send take turns, so that a host with nine
//! million rows does not delay a host with ten. Hosts that are limited together may share a controller; each keeps its own
//! queue.
//!
//! The frontier refuses to decide how fast a host is asked (its [`Controller`] does) and what a failure means
//! ([`retry`](crate::schedule::retry) does).

mod control;
mod controllers;
mod held;
mod host_queue;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::pace::{Controller, Permit, Pick, SendRecord, Signal};

use controllers::Controllers;
use host_queue::HostQueue;

pub use controllers::Sent;

/// A permit that found no job: the host is checked again after this time.
const WAIT_WITHOUT_JOB: Duration = Duration::from_secs(1);

/// A job with the number of its row, by which a controller names it.
pub trait Numbered {
    /// The number, the same for every attempt.
    fn row(&self) -> u64;
}

impl Numbered for u64 {
    fn row(&self) -> u64 {
        *self
    }
}

impl<T: Numbered + ?Sized> Numbered for Box<T> {
    fn row(&self) -> u64 {
        (**self).row()
    }
}

/// A host, for as long as it has any job here, waiting or in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(usize);

/// What to do now.
#[derive(Debug)]
pub enum Next<J> {
    /// Start this job.
    Start {
        /// Its host.
        host: HostId,
        /// To be passed to [`Frontier::ended`].
        sent: Sent,
        /// The job.
        job: J,
    },
    /// Nothing before this time, unless a job is pushed or a request ends.
    WaitUntil(Instant),
    /// Nothing until a job is pushed or a request ends.
    Idle,
}

/// Queues of jobs by host. `K` names a host, `J` is a job.
#[derive(Debug)]
pub struct Frontier<K, J> {
    hosts: Vec<Option<HostQueue<K, J>>>,
    free: Vec<usize>,
    controllers: Controllers,
    by_key: BTreeMap<K, HostId>,
    /// Hosts that may be able to start a job now, in turn. It may contain hosts that have been forgotten: their numbers are
    /// free once they have left this queue.
    ready: VecDeque<HostId>,
    /// Hosts that had their turn while they were not to be asked. The same holds for their numbers.
    suspended: Vec<HostId>,
    /// When to check a host again: each host has one such time at most.
    wakes: BTreeSet<(Instant, HostId)>,
    delayed_sequence: u64,
    waiting: usize,
    /// The host that holds the job of each row that is held.
    holders: BTreeMap<u64, HostId>,
    /// Held jobs that their controllers have settled.
    settled: Vec<(HostId, J)>,
    forgotten: Vec<(K, Box<dyn Controller>, usize)>,
}

impl<K: Clone + Ord + Hash, J: Numbered> Default for Frontier<K, J> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone + Ord + Hash, J: Numbered> Frontier<K, J> {
    /// An empty frontier.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hosts: Vec::new(),
            free: Vec::new(),
            controllers: Controllers::default(),
            by_key: BTreeMap::new(),
            ready: VecDeque::new(),
            suspended: Vec::new(),
            wakes: BTreeSet::new(),
            delayed_sequence: 0,
            waiting: 0,
            holders: BTreeMap::new(),
            settled: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// Adds a job of the host `key`, to be started not before `not_before`. A host that is not known yet gets the
    /// controller that `make_controller` makes.
    pub fn push(
        &mut self,
        key: &K,
        job: J,
        not_before: Option<Instant>,
        make_controller: impl FnOnce() -> Box<dyn Controller>,
    ) {
        let id = self.host(key, make_controller);
        let sequence = self.delayed_sequence;
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        self.waiting += 1;
        if let Some(at) = not_before {
            host.delayed.insert((at, sequence), job);
            self.delayed_sequence += 1;
            if host.wake_at.is_none_or(|earlier| at < earlier) {
                self.wake(id, at);
            }
        } else {
            host.queue.push_back(job);
            self.make_ready(id);
        }
    }

    /// What to do now. To be called until it returns something other than [`Next::Start`].
    pub fn next(&mut self, now: Instant) -> Next<J> {
        self.next_where(now, |_| true, |_| 0, |_| None)
    }

    /// The same, but hosts for which `may_ask` returns false are left alone until
    /// [`resume_suspended`](Self::resume_suspended). `connections_idle` counts the idle connections to a host, and `witness`
    /// makes a job that requests a row once more that was served before ([`Pick::Witness`]).
    pub fn next_where(
        &mut self,
        now: Instant,
        may_ask: impl Fn(&K) -> bool,
        connections_idle: impl Fn(&K) -> usize,
        witness: impl Fn(u64) -> Option<J>,
    ) -> Next<J> {
        while let Some(&(at, id)) = self.wakes.first()
            && at <= now
        {
            self.wakes.pop_first();
            self.woken(id, now);
        }
        while let Some(id) = self.ready.pop_front() {
            let Some(host) = self.hosts[id.0].as_mut() else {
                self.free.push(id.0);
                continue;
            };
            let controller = host.controller;
            if !may_ask(&host.key) {
                self.suspended.push(id);
                self.let_next_ask(controller);
                continue;
            }
            host.in_ready = false;
            let due_at = host.due_at(now);
            let has_held = !host.held.is_empty();
            let connections_idle = connections_idle(&host.key);
            let work = self.work(id, connections_idle, now);
            if let Some(due_at) = due_at.filter(|&at| at > now) {
                self.wake(id, due_at);
            }
            let may_start = |controller: &dyn Controller| {
                due_at.is_some_and(|at| at <= now) || has_held && controller.settles_denials()
            };
            let shared = self.controllers.get_mut(controller);
            let Some(shared) = shared.filter(|shared| may_start(&*shared.controller)) else {
                self.let_next_ask(controller);
                continue;
            };
            let permit = shared.controller.permit(work, now);
            self.collect_settled(id);
            match permit {
                Permit::Go(record) => {
                    if let Some(next) = self.start(id, record, now, &witness) {
                        return next;
                    }
                }
                Permit::WaitUntil(at) => self.wait_for_controller(id, at),
                Permit::WaitForAnswer => self.stand_in_line(id),
            }
        }
        self.wakes.first().map_or(Next::Idle, |&(at, _)| Next::WaitUntil(at))
    }

    /// Starts a job for a request that the host's controller permitted.
    fn start(
        &mut self,
        id: HostId,
        record: SendRecord,
        now: Instant,
        witness: impl Fn(u64) -> Option<J>,
    ) -> Option<Next<J>> {
        let controller = self.hosts[id.0].as_ref()?.controller;
        let pick = self.controllers.get_mut(controller)?.controller.pick(record);
        let asked = id;
        let (id, job, is_witness) = match pick {
            Pick::Witness(row) => (id, witness(row), true),
            Pick::Held(row) => (self.holder(id, row), None, false),
            Pick::Next | Pick::Elsewhere => (id, None, false),
        };
        let is_witness = is_witness && job.is_some();
        let job = match job {
            Some(job) => Some(job),
            None => self.take_picked(id, pick, record.sequence, now),
        };
        let Some(job) = job else {
            if let Some(shared) = self.controllers.get_mut(controller) {
                shared.controller.ended(record, Signal::Neutral, false, now, 0.0);
            }
            let at = now + WAIT_WITHOUT_JOB;
            let is_later = |host: &HostQueue<K, J>| host.wake_at.is_none_or(|earlier| at < earlier);
            if self.hosts[asked.0].as_ref().is_some_and(is_later) {
                self.wake(asked, at);
            }
            self.let_next_ask(controller);
            return None;
        };
        if let Some(shared) = self.controllers.get_mut(controller) {
            shared.controller.assigned(record, job.row());
        }
        let sent = self.controllers.started(controller, record);
        // The job may be another host's, and this host has its turn again.
        self.make_ready(asked);
        self.waiting += usize::from(is_witness);
        Some(self.begin(id, sent, job))
    }

    /// Hosts that were suspended have their turns again.
    pub fn resume_suspended(&mut self) {
        self.ready.extend(self.suspended.drain(..));
    }

    /// The consecutive failures of this host, and the time of the first, whatever other hosts of its controller do.
    #[must_use]
    pub fn failing(&self, id: HostId) -> Option<(u32, Instant)> {
        self.hosts[id.0].as_ref()?.failing
    }

    /// The host of this key, if it has any job here.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<HostId> {
        self.by_key.get(key).copied()
    }

    /// Takes every job of the host that is waiting or held, with its time if it has one.
    pub fn take(&mut self, id: HostId) -> Vec<(Option<Instant>, J)> {
        let Some(host) = self.hosts[id.0].as_mut() else { return Vec::new() };
        let delayed = std::mem::take(&mut host.delayed).into_iter();
        let mut jobs: Vec<_> = delayed.map(|((at, _), job)| (Some(at), job)).collect();
        jobs.extend(host.queue.drain(..).map(|job| (None, job)));
        self.waiting -= jobs.len();
        jobs.extend(self.take_held(id).into_iter().map(|job| (None, job)));
        jobs
    }

    /// Takes every job of the host that is waiting or held.
    pub fn drain(&mut self, id: HostId) -> Vec<J> {
        self.take(id).into_iter().map(|(_, job)| job).collect()
    }

    /// Forgets the host if it has no job waiting, held or in flight. A paused host is forgotten only after the pause: jobs that the
    /// list brings in between must not start before.
    pub fn forget_if_idle(&mut self, id: HostId) {
        let Some(host) = self.hosts[id.0].as_ref().filter(|host| host.is_unused()) else { return };
        match self.controller_of(host).and_then(|controller| controller.belief().blocked_until) {
            Some(until) => self.wake(id, until),
            None => self.forget(id),
        }
    }

    /// Hosts that were forgotten since the last call, with their controllers and the number of hosts that shared each.
    pub fn take_forgotten(&mut self) -> Vec<(K, Box<dyn Controller>, usize)> {
        std::mem::take(&mut self.forgotten)
    }

    /// Whether the host has no job here, waiting or in flight; it may have jobs that are held.
    #[must_use]
    pub fn is_idle(&self, id: HostId) -> bool {
        self.hosts[id.0].as_ref().is_none_or(HostQueue::is_idle)
    }

    /// The key of a host that has a job here.
    #[must_use]
    pub fn key(&self, id: HostId) -> Option<&K> {
        self.hosts[id.0].as_ref().map(|host| &host.key)
    }

    /// Hosts that are known now, in the order of their keys, with their controllers and how many jobs wait.
    pub fn hosts(&self) -> impl Iterator<Item = (&K, &dyn Controller, usize)> {
        self.by_key
            .values()
            .filter_map(|id| self.hosts[id.0].as_ref())
            .filter_map(|host| Some((&host.key, self.controller_of(host)?, host.waiting())))
    }

    /// The number of jobs that wait, for any reason.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The number of times at which hosts are checked again: one per host at most, however many jobs wait.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.wakes.len()
    }

    fn host(&mut self, key: &K, make_controller: impl FnOnce() -> Box<dyn Controller>) -> HostId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        let controller = self.controllers.add(make_controller());
        let host = HostQueue::new(key.clone(), controller);
        let id = if let Some(index) = self.free.pop() {
            self.hosts[index] = Some(host);
            HostId(index)
        } else {
            self.hosts.push(Some(host));
            HostId(self.hosts.len() - 1)
        };
        if let Some(shared) = self.controllers.get_mut(controller) {
            shared.members.insert(id);
        }
        self.by_key.insert(key.clone(), id);
        id
    }

    fn forget(&mut self, id: HostId) {
        let Some(host) = self.hosts[id.0].take() else { return };
        self.by_key.remove(&host.key);
        if let Some(at) = host.wake_at {
            self.wakes.remove(&(at, id));
        }
        if !host.in_ready {
            self.free.push(id.0);
        }
        let sharing = self.controllers.get(host.controller).map_or(0, |shared| shared.members.len());
        // A controller that other hosts share is copied.
        let own = self.leave(id, host.controller);
        let shared = || self.controllers.get(host.controller).map(|shared| shared.controller.clone());
        if let Some(controller) = own.or_else(shared) {
            self.forgotten.push((host.key, controller, sharing));
        }
    }
}
