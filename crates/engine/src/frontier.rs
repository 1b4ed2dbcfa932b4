//! Which URL is next: a queue per host, and one heap of times.
//!
//! Pure: `now` is an argument and jobs are opaque. Waiting, whether for a retry, a Retry-After or a host that is left
//! alone, is an entry in the heap and never an occupied task. Hosts that may send take turns, so that a host with nine
//! million rows does not delay a host with ten.
//!
//! The frontier refuses to decide how fast a host is asked (its [`Pace`] does) and what a failure means
//! ([`retry`](crate::retry) does).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::hash::Hash;

use tokio::time::Instant;

use crate::pace::{Pace, Permit, Signal, Ticket};

/// The host of a job, for as long as it has any job here.
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
    by_key: BTreeMap<K, HostId>,
    /// Hosts which may be able to start a job now, in turn.
    ready: VecDeque<HostId>,
    /// Times at which a host is to be looked at again. Entries may be stale: a look costs little.
    times: BinaryHeap<Reverse<(Instant, HostId)>>,
    delayed_sequence: u64,
    waiting: usize,
}

#[derive(Debug)]
struct HostQueue<K, J> {
    key: K,
    pace: Pace,
    queue: VecDeque<J>,
    delayed: BTreeMap<(Instant, u64), J>,
    in_ready: bool,
    in_flight: usize,
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
            by_key: BTreeMap::new(),
            ready: VecDeque::new(),
            times: BinaryHeap::new(),
            delayed_sequence: 0,
            waiting: 0,
        }
    }

    /// Adds a job of the host `key`, to be started not before `not_before`. A host that is not known yet starts with
    /// the pace that `pace` makes.
    pub fn push(&mut self, key: &K, job: J, not_before: Option<Instant>, pace: impl FnOnce() -> Pace) {
        let id = self.host(key, pace);
        self.waiting += 1;
        let sequence = self.delayed_sequence;
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        if let Some(at) = not_before {
            host.delayed.insert((at, sequence), job);
            self.delayed_sequence += 1;
            self.times.push(Reverse((at, id)));
        } else {
            host.queue.push_back(job);
            self.make_ready(id);
        }
    }

    /// What to do now. To be asked until it says something other than [`Next::Start`].
    pub fn next(&mut self, now: Instant) -> Next<J> {
        while let Some(&Reverse((at, id))) = self.times.peek() {
            if at > now {
                break;
            }
            self.times.pop();
            self.wake(id, now);
        }
        while let Some(id) = self.ready.pop_front() {
            let Some(host) = self.hosts[id.0].as_mut() else { continue };
            host.in_ready = false;
            if host.queue.is_empty() {
                continue;
            }
            match host.pace.permit(now) {
                Permit::Go(ticket) => {
                    let Some(job) = host.queue.pop_front() else { continue };
                    host.in_flight += 1;
                    self.waiting -= 1;
                    if !host.queue.is_empty() {
                        self.make_ready(id);
                    }
                    return Next::Start { host: id, ticket, job };
                }
                Permit::WaitUntil(at) => self.times.push(Reverse((at, id))),
                Permit::WaitForAnswer => {}
            }
        }
        self.times.peek().map_or(Next::Idle, |&Reverse((at, _))| Next::WaitUntil(at))
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
            host.pace.answered(ticket, signal, was_stalled, now, jitter);
            self.make_ready(id);
        }
    }

    /// The job has made no progress for a while, or makes it again: its place in the window is free, or taken.
    pub fn set_stalled(&mut self, id: HostId, ticket: Ticket, stalled: bool) {
        if let Some(host) = self.hosts[id.0].as_mut() {
            if stalled {
                host.pace.stalled(ticket);
                self.make_ready(id);
            } else {
                host.pace.revived(ticket);
            }
        }
    }

    /// Takes every job of the host that is waiting, whatever it waits for.
    pub fn drain(&mut self, id: HostId) -> Vec<J> {
        let Some(host) = self.hosts[id.0].as_mut() else { return Vec::new() };
        let mut jobs: Vec<J> = host.queue.drain(..).collect();
        jobs.extend(std::mem::take(&mut host.delayed).into_values());
        self.waiting -= jobs.len();
        jobs
    }

    /// Forgets the host if it has no job waiting or in flight and nothing worth remembering.
    pub fn forget_if_idle(&mut self, id: HostId) {
        let idle = self.hosts[id.0].as_ref().is_some_and(|host| {
            host.queue.is_empty() && host.delayed.is_empty() && host.in_flight == 0 && !host.in_ready
        });
        if idle && let Some(host) = self.hosts[id.0].take() {
            self.by_key.remove(&host.key);
            self.free.push(id.0);
        }
    }

    /// The pace of a host that has a job here.
    #[must_use]
    pub fn pace(&self, id: HostId) -> Option<&Pace> {
        self.hosts[id.0].as_ref().map(|host| &host.pace)
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
            .map(|host| (&host.key, &host.pace, host.queue.len() + host.delayed.len()))
    }

    /// Jobs that wait, for whatever reason.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    fn host(&mut self, key: &K, pace: impl FnOnce() -> Pace) -> HostId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        let host = HostQueue {
            key: key.clone(),
            pace: pace(),
            queue: VecDeque::new(),
            delayed: BTreeMap::new(),
            in_ready: false,
            in_flight: 0,
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

    fn make_ready(&mut self, id: HostId) {
        if let Some(host) = self.hosts[id.0].as_mut()
            && !host.in_ready
            && !host.queue.is_empty()
        {
            host.in_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Moves what is due into the queue, ahead of jobs that have not been tried: what was begun is finished first.
    fn wake(&mut self, id: HostId, now: Instant) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        while let Some(entry) = host.delayed.first_entry() {
            if entry.key().0 > now {
                break;
            }
            host.queue.push_front(entry.remove());
        }
        self.make_ready(id);
    }
}
