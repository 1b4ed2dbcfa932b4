//! The jobs of one host, and what the frontier knows of the host.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::controllers::ControllerId;
use crate::pace::Pick;

/// Spreads consecutive numbers over a list: the golden ratio, as a fraction of 2^64.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Debug)]
pub(super) struct HostQueue<K, J> {
    pub(super) key: K,
    pub(super) controller: ControllerId,
    /// Jobs that may start at any time, in the order in which they came.
    pub(super) queue: VecDeque<J>,
    /// Jobs that have a time, in the order of their times.
    pub(super) delayed: BTreeMap<(Instant, u64), J>,
    /// Jobs that are held until the controller asks for them or settles them, by their rows.
    pub(super) held: BTreeMap<u64, J>,
    /// The host is in the frontier's queue of hosts that may be able to start a job.
    pub(super) in_ready: bool,
    /// The host stands in the line of its controller.
    pub(super) is_in_line: bool,
    pub(super) in_flight: usize,
    /// Failures of this host since its last success, and the time of the first.
    pub(super) failing: Option<(u32, Instant)>,
    /// The host's entry among the wakes.
    pub(super) wake_at: Option<Instant>,
}

impl<K, J> HostQueue<K, J> {
    pub(super) fn new(key: K, controller: ControllerId) -> Self {
        Self {
            key,
            controller,
            queue: VecDeque::new(),
            delayed: BTreeMap::new(),
            held: BTreeMap::new(),
            in_ready: false,
            is_in_line: false,
            in_flight: 0,
            failing: None,
            wake_at: None,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.delayed.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.in_flight == 0
    }

    /// Whether the host may have a job to start, now or later.
    pub(super) fn has_jobs(&self) -> bool {
        self.waiting() > 0 || !self.held.is_empty()
    }

    /// Whether it has no job at all.
    pub(super) fn is_unused(&self) -> bool {
        self.is_idle() && self.held.is_empty()
    }

    /// Jobs that may start now: those without a time, and the first of the others if its time has come.
    pub(super) fn ready(&self, now: Instant) -> usize {
        let is_due = self.delayed.first_key_value().is_some_and(|(&(at, _), _)| at <= now);
        self.queue.len() + usize::from(is_due)
    }

    /// When the first job may start, as far as the queue is concerned: `now` where it may already.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        let first_delayed = self.delayed.first_key_value().map(|(&(at, _), _)| at.max(now));
        if self.queue.is_empty() { first_delayed } else { Some(now) }
    }

    /// Takes a job that may start, as the controller wants it: `sequence` is the number of the request. Where there is no such
    /// job, another one.
    pub(super) fn take_picked(&mut self, pick: Pick, sequence: u64, now: Instant) -> Option<J> {
        let picked = match pick {
            Pick::Held(row) => self.held.remove(&row),
            Pick::Elsewhere if !self.queue.is_empty() => {
                let len = self.queue.len() as u64;
                let index = (sequence.wrapping_mul(SPREAD) >> 32) % len;
                usize::try_from(index).ok().and_then(|index| self.queue.swap_remove_back(index))
            }
            Pick::Elsewhere | Pick::Next | Pick::Witness(_) => None,
        };
        picked.or_else(|| self.take(now)).or_else(|| Some(self.held.pop_first()?.1))
    }

    /// Takes the next job that may start. A delayed job that is due comes before those that have not been tried: what was
    /// begun is finished first.
    pub(super) fn take(&mut self, now: Instant) -> Option<J> {
        match self.delayed.first_entry() {
            Some(entry) if entry.key().0 <= now => Some(entry.remove()),
            _ => self.queue.pop_front(),
        }
    }
}
