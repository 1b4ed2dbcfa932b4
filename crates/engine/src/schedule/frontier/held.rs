//! Jobs that are held because their host denied them: a controller asks for them again, or settles them.

use std::hash::Hash;

use tokio::time::Instant;

use super::{Frontier, HostId, Numbered};
use crate::pace::Pick;

impl<K: Clone + Ord + Hash, J: Numbered> Frontier<K, J> {
    /// Holds a job of the host that ended with a denial.
    pub fn hold(&mut self, id: HostId, job: J) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        self.holders.insert(job.row(), id);
        host.held.insert(job.row(), job);
        self.make_ready(id);
    }

    /// Takes every job of the host that is held.
    pub fn take_held(&mut self, id: HostId) -> Vec<J> {
        let Some(host) = self.hosts[id.0].as_mut() else { return Vec::new() };
        let held = std::mem::take(&mut host.held);
        for row in held.keys() {
            self.holders.remove(row);
        }
        held.into_values().collect()
    }

    /// Takes the jobs that their controllers have settled since the last call: their denials concern the URLs.
    pub fn take_settled(&mut self) -> Vec<(HostId, J)> {
        std::mem::take(&mut self.settled)
    }

    /// The number of jobs that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.holders.len()
    }

    /// Collects what the host's controller has settled.
    pub(super) fn collect_settled(&mut self, id: HostId) {
        let Some(controller) = self.hosts[id.0].as_ref().map(|host| host.controller) else { return };
        let Some(shared) = self.controllers.get_mut(controller) else { return };
        for row in shared.controller.settled() {
            let holder = self.holder(id, row);
            if let Some(job) = self.hosts[holder.0].as_mut().and_then(|host| host.held.remove(&row)) {
                self.holders.remove(&row);
                self.settled.push((holder, job));
            }
        }
    }

    /// The host that holds this row: `id`, or another one of the same controller. `id` where none does.
    pub(super) fn holder(&self, id: HostId, row: u64) -> HostId {
        let controller = |id: HostId| self.hosts[id.0].as_ref().map(|host| host.controller);
        let holder = self.holders.get(&row).copied();
        holder.filter(|&holder| controller(holder) == controller(id)).unwrap_or(id)
    }

    pub(super) fn take_picked(&mut self, id: HostId, pick: Pick, sequence: u64, now: Instant) -> Option<J> {
        let host = self.hosts[id.0].as_mut()?;
        let held_before = host.held.len();
        let job = host.take_picked(pick, sequence, now)?;
        if host.held.len() < held_before {
            self.holders.remove(&job.row());
            // Jobs that are held are not counted among those that wait.
            self.waiting += 1;
        }
        Some(job)
    }

    /// Puts held jobs back into the queue: the host's new controller knows nothing of them.
    pub(super) fn release_held(&mut self, id: HostId) {
        let held = self.take_held(id);
        self.waiting += held.len();
        if let Some(host) = self.hosts[id.0].as_mut() {
            host.queue.extend(held);
        }
    }
}
