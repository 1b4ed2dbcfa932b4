//! Which URL is next: a queue per host, and one order of times.
//!
//! Pure: `now` is an argument and jobs are opaque. Waiting, whether for a retry, a Retry-After or a host that is left
//! alone, is one time per host and never an occupied task. Hosts that may send take turns, so that a host with nine
//! million rows does not delay a host with ten. Hosts that turn out to be one may share a pace; each keeps its own queue.
//!
//! The frontier refuses to decide how fast a host is asked (its [`Pace`] does) and what a failure means
//! ([`retry`](crate::schedule::retry) does).

mod paces;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::pace::{Announcement, Pace, Permit, Signal};

use paces::{PaceId, Paces};

pub use paces::Ticket;

/// The host of a job, for as long as it has any job here, waiting or in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(usize);

/// What to do now.
#[derive(Debug)]
pub enum Next<J> {
    /// Start this job.
    Start {
        /// Where it belongs.
        host: HostId,
        /// To be returned by [`Frontier::answered`].
        ticket: Ticket,
        /// The job.
        job: J,
    },
    /// Nothing before this time, unless a job is pushed or an answer comes.
    WaitUntil(Instant),
    /// Nothing until a job is pushed or an answer comes.
    Idle,
}

/// Queues of jobs by host. `K` names a host, `J` is a job.
#[derive(Debug)]
pub struct Frontier<K, J> {
    hosts: Vec<Option<HostQueue<K, J>>>,
    free: Vec<usize>,
    paces: Paces,
    by_key: BTreeMap<K, HostId>,
    /// Hosts which may be able to start a job now, in turn. May name hosts that have been forgotten: their numbers are
    /// free once they have left this queue.
    ready: VecDeque<HostId>,
    /// Hosts that had their turn and were not to be asked then. The same holds for their numbers.
    suspended: Vec<HostId>,
    /// When a host is to be looked at again: each host has one such time at most.
    wakes: BTreeSet<(Instant, HostId)>,
    delayed_sequence: u64,
    waiting: usize,
    forgotten: Vec<(K, Pace, usize)>,
}

#[derive(Debug)]
struct HostQueue<K, J> {
    key: K,
    pace: PaceId,
    /// Jobs that may start at any time, in the order of their coming.
    queue: VecDeque<J>,
    /// Jobs that have a time, in its order.
    delayed: BTreeMap<(Instant, u64), J>,
    in_ready: bool,
    /// It stands in the line of its pace.
    is_in_line: bool,
    in_flight: usize,
    /// Its own failures since its last success, and since when.
    failing: Option<(u32, Instant)>,
    /// The host's entry among the wakes.
    wake_at: Option<Instant>,
}

impl<K, J> HostQueue<K, J> {
    fn waiting(&self) -> usize {
        self.queue.len() + self.delayed.len()
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.in_flight == 0
    }

    /// When its first job may start, the pace apart: `now` where it may already.
    fn due_at(&self, now: Instant) -> Option<Instant> {
        let first_delayed = self.delayed.first_key_value().map(|(&(at, _), _)| at.max(now));
        if self.queue.is_empty() { first_delayed } else { Some(now) }
    }

    /// Takes the next job that may start. What was begun is finished first: a delayed job that is due comes before
    /// those that have not been tried.
    fn take(&mut self, now: Instant) -> Option<J> {
        match self.delayed.first_entry() {
            Some(entry) if entry.key().0 <= now => Some(entry.remove()),
            _ => self.queue.pop_front(),
        }
    }
}

impl<K: Clone + Ord + Hash, J> Default for Frontier<K, J> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone + Ord + Hash, J> Frontier<K, J> {
    /// An empty frontier.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hosts: Vec::new(),
            free: Vec::new(),
            paces: Paces::default(),
            by_key: BTreeMap::new(),
            ready: VecDeque::new(),
            suspended: Vec::new(),
            wakes: BTreeSet::new(),
            delayed_sequence: 0,
            waiting: 0,
            forgotten: Vec::new(),
        }
    }

    /// Adds a job of the host `key`, to be started not before `not_before`. A host that is not known yet starts with
    /// the pace that `pace` makes.
    pub fn push(&mut self, key: &K, job: J, not_before: Option<Instant>, pace: impl FnOnce() -> Pace) {
        let id = self.host(key, pace);
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

    /// What to do now. To be asked until it says something other than [`Next::Start`].
    pub fn next(&mut self, now: Instant) -> Next<J> {
        self.next_where(now, |_| true)
    }

    /// The same, but hosts of which `may_ask` says no are left alone until [`resume_suspended`](Self::resume_suspended).
    pub fn next_where(&mut self, now: Instant, may_ask: impl Fn(&K) -> bool) -> Next<J> {
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
            if !may_ask(&host.key) {
                let pace = host.pace;
                self.suspended.push(id);
                self.let_next_ask(pace);
                continue;
            }
            host.in_ready = false;
            let pace = host.pace;
            let due_at = host.due_at(now);
            if let Some(due_at) = due_at.filter(|&at| at > now) {
                self.wake(id, due_at);
            }
            let Some(shared) = self.paces.get_mut(pace).filter(|_| due_at.is_some_and(|at| at <= now)) else {
                self.let_next_ask(pace);
                continue;
            };
            match shared.pace.permit(now) {
                Permit::Go(ticket) => {
                    if let Some(job) = self.hosts[id.0].as_mut().and_then(|host| host.take(now)) {
                        let ticket = self.paces.asked(pace, ticket);
                        return self.begin(id, ticket, job);
                    }
                }
                Permit::WaitUntil(at) => self.wait_for_pace(id, at),
                Permit::WaitForAnswer => self.stand_in_line(id),
            }
        }
        self.wakes.first().map_or(Next::Idle, |&(at, _)| Next::WaitUntil(at))
    }

    /// Hosts that were left alone have their turns again.
    pub fn resume_suspended(&mut self) {
        self.ready.extend(self.suspended.drain(..));
    }

    /// The answer to `ticket`, which is about to be told, announces this.
    pub fn announced(&mut self, id: HostId, ticket: Ticket, announcement: Announcement) {
        if let Some(shared) = self.hosts[id.0].as_ref().and_then(|_| self.paces.get_mut(ticket.pace)) {
            shared.pace.announced(ticket.ticket, announcement);
        }
    }

    /// The job that was started with `ticket` is over, as far as the host is concerned.
    pub fn answered(
        &mut self,
        id: HostId,
        ticket: Ticket,
        signal: Signal,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    ) {
        if let Some(host) = self.hosts[id.0].as_mut() {
            host.in_flight -= 1;
            let mut is_storm = false;
            if let Some(shared) = self.paces.get_mut(ticket.pace) {
                shared.pace.answered(ticket.ticket, signal, was_stalled, now, jitter);
                is_storm = shared.pace.is_denying();
            }
            match signal {
                Signal::Congestion | Signal::Absent | Signal::Throttle { .. } => {
                    let (count, _) = host.failing.get_or_insert((0, now));
                    *count = count.saturating_add(1);
                }
                Signal::Success { .. } => host.failing = None,
                Signal::Denied { .. } if !is_storm => host.failing = None,
                Signal::Denied { .. } | Signal::Neutral => {}
            }
            let pace = host.pace;
            if let Some(shared) = self.paces.get_mut(pace).filter(|_| pace != ticket.pace) {
                shared.pace.overheard(signal, now);
            }
            self.make_ready(id);
            self.let_next_ask(ticket.pace);
            self.paces.answered(ticket.pace);
        }
    }

    /// The job has made no progress for a while, or makes it again: its place in the window is free, or taken.
    pub fn set_stalled(&mut self, id: HostId, ticket: Ticket, stalled: bool) {
        let Some(shared) = self.hosts[id.0].as_ref().and_then(|_| self.paces.get_mut(ticket.pace)) else {
            return;
        };
        if stalled {
            shared.pace.stalled(ticket.ticket);
            self.make_ready(id);
            self.let_next_ask(ticket.pace);
        } else {
            shared.pace.revived(ticket.ticket);
        }
    }

    /// Whether the job of `ticket`, which has made no progress for so long, is to be broken off and made again, as it has
    /// been so often before. Where it is to be done, it counts as done.
    #[must_use]
    pub fn cuts_short(&mut self, ticket: Ticket, silent_for: Duration, before: u32) -> bool {
        let shared = self.paces.get_mut(ticket.pace);
        shared.is_some_and(|shared| shared.pace.cuts_short(ticket.ticket, silent_for, before))
    }

    /// A job that was cut short has been made again with `ticket`, and has stalled once more or has not.
    pub fn made_again(&mut self, ticket: Ticket, was_silent_again: bool) {
        if let Some(shared) = self.paces.get_mut(ticket.pace) {
            shared.pace.made_again(was_silent_again);
        }
    }

    /// From now on these hosts are asked by one pace, which is made of those that they have. Jobs under way are answered to
    /// the pace by which they were started.
    pub fn share(&mut self, ids: &[HostId], make: impl FnOnce(&[&Pace]) -> Pace) {
        let known = ids.iter().filter_map(|id| self.hosts[id.0].as_ref());
        let before: BTreeSet<PaceId> = known.map(|host| host.pace).collect();
        let before: Vec<&Pace> =
            before.iter().filter_map(|&pace| self.paces.get(pace)).map(|shared| &shared.pace).collect();
        if before.is_empty() {
            return;
        }
        let pace = self.paces.add(make(&before), 0);
        for &id in ids {
            self.turn_to(id, pace);
        }
    }

    /// From now on the host is asked by the pace of another one.
    pub fn join(&mut self, id: HostId, other: HostId) {
        if let Some(other) = self.hosts[other.0].as_ref() {
            self.turn_to(id, other.pace);
        }
    }

    /// From now on the host is asked by a pace of its own.
    pub fn part(&mut self, id: HostId, pace: Pace) {
        let pace = self.paces.add(pace, 0);
        self.turn_to(id, pace);
    }

    /// How many hosts are asked by the pace of this one, itself included.
    #[must_use]
    pub fn sharing(&self, id: HostId) -> usize {
        let shared = self.hosts[id.0].as_ref().and_then(|host| self.paces.get(host.pace));
        shared.map_or(0, |shared| shared.members)
    }

    /// Changes what is known of the host's pace.
    pub fn correct(&mut self, id: HostId, change: impl FnOnce(&mut Pace)) {
        let Some(pace) = self.hosts[id.0].as_ref().map(|host| host.pace) else { return };
        if let Some(shared) = self.paces.get_mut(pace) {
            change(&mut shared.pace);
        }
        self.make_ready(id);
        self.let_next_ask(pace);
    }

    /// How many exchanges of the host in a row have failed, and since when, whatever others achieve by the same pace.
    #[must_use]
    pub fn failing(&self, id: HostId) -> Option<(u32, Instant)> {
        self.hosts[id.0].as_ref()?.failing
    }

    /// The host of this key, if it has any job here.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<HostId> {
        self.by_key.get(key).copied()
    }

    /// Takes every job of the host that is waiting, with its time if it has one.
    pub fn take(&mut self, id: HostId) -> Vec<(Option<Instant>, J)> {
        let Some(host) = self.hosts[id.0].as_mut() else { return Vec::new() };
        let delayed = std::mem::take(&mut host.delayed).into_iter();
        let mut jobs: Vec<_> = delayed.map(|((at, _), job)| (Some(at), job)).collect();
        jobs.extend(host.queue.drain(..).map(|job| (None, job)));
        self.waiting -= jobs.len();
        jobs
    }

    /// Takes every job of the host that is waiting, whatever it waits for.
    pub fn drain(&mut self, id: HostId) -> Vec<J> {
        self.take(id).into_iter().map(|(_, job)| job).collect()
    }

    /// Forgets the host if it has no job waiting or in flight. One that is left alone until a time is forgotten only
    /// when that time has come: the jobs that the list brings in between must not find it unprotected.
    pub fn forget_if_idle(&mut self, id: HostId) {
        let Some(host) = self.hosts[id.0].as_ref().filter(|host| host.is_idle()) else { return };
        match self.paces.get(host.pace).and_then(|shared| shared.pace.blocked_until()) {
            Some(until) => self.wake(id, until),
            None => self.forget(id),
        }
    }

    /// Hosts that have been forgotten since this was last asked, with the pace that they had, and how many shared it.
    pub fn take_forgotten(&mut self) -> Vec<(K, Pace, usize)> {
        std::mem::take(&mut self.forgotten)
    }

    /// Whether the host has no job here, waiting or in flight.
    #[must_use]
    pub fn is_idle(&self, id: HostId) -> bool {
        self.hosts[id.0].as_ref().is_none_or(HostQueue::is_idle)
    }

    /// The pace of a host that has a job here.
    #[must_use]
    pub fn pace(&self, id: HostId) -> Option<&Pace> {
        self.pace_of(self.hosts[id.0].as_ref()?)
    }

    /// The key of a host that has a job here.
    #[must_use]
    pub fn key(&self, id: HostId) -> Option<&K> {
        self.hosts[id.0].as_ref().map(|host| &host.key)
    }

    /// Hosts that are known now, in the order of their keys, with their pace and how many jobs wait.
    pub fn hosts(&self) -> impl Iterator<Item = (&K, &Pace, usize)> {
        self.by_key
            .values()
            .filter_map(|id| self.hosts[id.0].as_ref())
            .filter_map(|host| Some((&host.key, self.pace_of(host)?, host.waiting())))
    }

    /// Jobs that wait, for whatever reason.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Times at which a host is to be looked at again: one per host at most, however many jobs wait.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.wakes.len()
    }

    fn host(&mut self, key: &K, pace: impl FnOnce() -> Pace) -> HostId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        let host = HostQueue {
            key: key.clone(),
            pace: self.paces.add(pace(), 1),
            queue: VecDeque::new(),
            delayed: BTreeMap::new(),
            in_ready: false,
            is_in_line: false,
            in_flight: 0,
            failing: None,
            wake_at: None,
        };
        let id = if let Some(index) = self.free.pop() {
            self.hosts[index] = Some(host);
            HostId(index)
        } else {
            self.hosts.push(Some(host));
            HostId(self.hosts.len() - 1)
        };
        self.by_key.insert(key.clone(), id);
        id
    }

    fn pace_of(&self, host: &HostQueue<K, J>) -> Option<&Pace> {
        self.paces.get(host.pace).map(|shared| &shared.pace)
    }

    fn begin(&mut self, host: HostId, ticket: Ticket, job: J) -> Next<J> {
        if let Some(host) = self.hosts[host.0].as_mut() {
            host.in_flight += 1;
        }
        self.waiting -= 1;
        self.make_ready(host);
        self.let_next_ask(ticket.pace);
        Next::Start { host, ticket, job }
    }

    /// The host may not be asked before this time. Of those that share a pace one is woken then.
    fn wait_for_pace(&mut self, id: HostId, at: Instant) {
        let Some(shared) = self.hosts[id.0].as_ref().and_then(|host| self.paces.get_mut(host.pace)) else {
            return;
        };
        match shared.waker.filter(|&waker| waker != id) {
            None => {
                shared.waker = Some(id);
                self.wake(id, at);
            }
            Some(waker) => {
                let is_late = |host: &HostQueue<K, J>| host.wake_at.is_none_or(|later| at < later);
                if self.hosts[waker.0].as_ref().is_some_and(is_late) {
                    self.wake(waker, at);
                }
                self.stand_in_line(id);
            }
        }
    }

    fn stand_in_line(&mut self, id: HostId) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        if let Some(shared) = self.paces.get_mut(host.pace) {
            host.is_in_line = true;
            shared.line.push_back(id);
        }
    }

    /// Whoever stands first in the line of a pace may ask, if it still has something to ask for.
    fn let_next_ask(&mut self, pace: PaceId) {
        while let Some(next) = self.paces.get_mut(pace).and_then(|shared| shared.line.pop_front()) {
            let Some(host) = self.hosts[next.0].as_mut() else { continue };
            host.is_in_line = false;
            if host.waiting() > 0 {
                return self.make_ready(next);
            }
        }
    }

    /// Has the host asked by another pace.
    fn turn_to(&mut self, id: HostId, pace: PaceId) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        let before = std::mem::replace(&mut host.pace, pace);
        host.is_in_line = false;
        if let Some(shared) = self.paces.get_mut(pace) {
            shared.members += 1;
        }
        self.leave(id, before);
        self.make_ready(id);
    }

    /// The host is not asked by this pace any more.
    fn leave(&mut self, id: HostId, pace: PaceId) {
        if let Some(shared) = self.paces.get_mut(pace) {
            shared.line.retain(|&other| other != id);
            if shared.waker == Some(id) {
                shared.waker = None;
            }
        }
        self.let_next_ask(pace);
        self.paces.leave(pace);
    }

    fn make_ready(&mut self, id: HostId) {
        if let Some(host) = self.hosts[id.0].as_mut()
            && !host.in_ready
            && !host.is_in_line
            && host.waiting() > 0
        {
            host.in_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Has the host looked at again at this time, and at no other.
    fn wake(&mut self, id: HostId, at: Instant) {
        if let Some(host) = self.hosts[id.0].as_mut() {
            if let Some(other) = host.wake_at.replace(at) {
                self.wakes.remove(&(other, id));
            }
            self.wakes.insert((at, id));
        }
    }

    /// The host's time has come: it has something to start, or is remembered only for having been left alone.
    fn woken(&mut self, id: HostId, now: Instant) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        host.wake_at = None;
        let pace = host.pace;
        if let Some(shared) = self.paces.get_mut(pace)
            && shared.waker == Some(id)
        {
            shared.waker = None;
            // Somebody else was found to ask first.
            if host.is_in_line || host.waiting() == 0 {
                self.let_next_ask(pace);
            }
        }
        let Some(host) = self.hosts[id.0].as_ref() else { return };
        if !host.is_idle() {
            self.make_ready(id);
            return;
        }
        match self.pace_of(host).and_then(Pace::blocked_until) {
            Some(until) if until > now => self.wake(id, until),
            _ => self.forget(id),
        }
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
        if let Some(shared) = self.paces.get(host.pace) {
            self.forgotten.push((host.key, shared.pace.clone(), shared.members));
        }
        self.leave(id, host.pace);
    }
}
