//! What the controllers hear of the requests in flight, and which controller controls which host.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use super::controllers::{ControllerId, Sent};
use super::host_queue::HostQueue;
use super::{Frontier, HostId, Numbered};
use crate::pace::{Announcement, Controller, Denial, FirstByte, Signal, Work};

impl<K: Clone + Ord + Hash, J: Numbered> Frontier<K, J> {
    /// The head of the response to `sent` arrived.
    pub fn first_byte(&mut self, sent: Sent, first_byte: FirstByte) {
        if let Some(shared) = self.controllers.get_mut(sent.controller) {
            shared.controller.first_byte(sent.record, first_byte);
        }
    }

    /// The response to `sent`, whose end is reported next, announces a limit.
    pub fn announced(&mut self, sent: Sent, announcement: Announcement) {
        if let Some(shared) = self.controllers.get_mut(sent.controller) {
            shared.controller.announced(sent.record, announcement);
        }
    }

    /// The request of a job of host `id` ended, as far as the host is concerned. See [`Controller::ended`].
    pub fn ended(
        &mut self,
        id: HostId,
        sent: Sent,
        signal: Signal,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    ) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        host.in_flight -= 1;
        let mut is_storm = false;
        if let Some(shared) = self.controllers.get_mut(sent.controller) {
            shared.controller.ended(sent.record, signal, was_stalled, now, jitter);
            is_storm = matches!(signal, Signal::Denied { .. })
                && shared.controller.denial(sent.record, false) == Denial::OfPace;
        }
        match signal {
            Signal::Congestion
            | Signal::Silence
            | Signal::ServerError
            | Signal::Absent
            | Signal::Throttle { .. } => {
                let (count, _) = host.failing.get_or_insert((0, now));
                *count = count.saturating_add(1);
            }
            Signal::Success { .. } => host.failing = None,
            Signal::Denied { .. } if !is_storm => host.failing = None,
            Signal::Denied { .. } | Signal::Neutral => {}
        }
        self.collect_settled(id);
        self.make_ready(id);
        self.let_next_ask(sent.controller);
        self.controllers.ended(sent.controller);
    }

    /// The request stalled and frees its slot in the window, or makes progress again and takes it back.
    pub fn set_stalled(&mut self, id: HostId, sent: Sent, stalled: bool, now: Instant) {
        let Some(shared) = self.controllers.get_mut(sent.controller) else { return };
        if stalled {
            shared.controller.stalled(sent.record, now);
            self.make_ready(id);
            self.let_next_ask(sent.controller);
        } else {
            shared.controller.revived(sent.record, now);
        }
    }

    /// Whether to abort a stalled request and to repeat it. See [`Controller::cuts_short`].
    #[must_use]
    pub fn cuts_short(&mut self, sent: Sent, silent_for: Duration) -> bool {
        let shared = self.controllers.get_mut(sent.controller);
        shared.is_some_and(|shared| shared.controller.cuts_short(sent.record, silent_for))
    }

    /// Gives these hosts one controller, which `make` builds from those that they have. Requests in flight are reported to
    /// the controllers that permitted them.
    pub fn share(&mut self, ids: &[HostId], make: impl FnOnce(&[&dyn Controller]) -> Box<dyn Controller>) {
        let known = ids.iter().filter_map(|id| self.hosts[id.0].as_ref());
        let before: BTreeSet<ControllerId> = known.map(|host| host.controller).collect();
        let before = before.iter().filter_map(|&controller| self.controllers.get(controller));
        let before: Vec<&dyn Controller> = before.map(|shared| &*shared.controller).collect();
        if before.is_empty() {
            return;
        }
        let controller = self.controllers.add(make(&before));
        for &id in ids {
            self.turn_to(id, controller);
        }
    }

    /// Gives the host the controller of another one.
    pub fn join(&mut self, id: HostId, other: HostId) {
        if let Some(other) = self.hosts[other.0].as_ref() {
            self.turn_to(id, other.controller);
        }
    }

    /// Gives the host a controller of its own.
    pub fn part(&mut self, id: HostId, controller: Box<dyn Controller>) {
        let controller = self.controllers.add(controller);
        self.turn_to(id, controller);
    }

    /// What the controller of this host is told with the question for a permit.
    pub(super) fn work(&self, id: HostId, connections_idle: usize, now: Instant) -> Work {
        let Some(host) = self.hosts[id.0].as_ref() else { return Work::default() };
        let alone = Work { connections_idle, jobs_ready: host.ready(now), ..Work::default() };
        let members = self.controllers.get(host.controller).into_iter().flat_map(|shared| &shared.members);
        let hosts = members.filter_map(|member| self.hosts[member.0].as_ref());
        hosts.fold(alone, |sum, host| Work {
            jobs_waiting: sum.jobs_waiting + host.waiting(),
            jobs_held: sum.jobs_held + host.held.len(),
            jobs_in_flight: sum.jobs_in_flight + host.in_flight,
            ..sum
        })
    }

    /// The number of hosts with the same controller as this one, itself included.
    #[must_use]
    pub fn sharing(&self, id: HostId) -> usize {
        let shared = self.hosts[id.0].as_ref().and_then(|host| self.controllers.get(host.controller));
        shared.map_or(0, |shared| shared.members.len())
    }

    /// Changes what the host's controller knows.
    pub fn correct(&mut self, id: HostId, change: impl FnOnce(&mut dyn Controller)) {
        let Some(controller) = self.hosts[id.0].as_ref().map(|host| host.controller) else { return };
        if let Some(shared) = self.controllers.get_mut(controller) {
            change(&mut *shared.controller);
        }
        self.make_ready(id);
        self.let_next_ask(controller);
    }

    /// A row of the host was served and can be requested again. See [`Controller::offer_witness`].
    pub fn offer_witness(&mut self, id: HostId, row: u64) -> bool {
        let controller = self.hosts[id.0].as_ref().map(|host| host.controller);
        let shared = controller.and_then(|controller| self.controllers.get_mut(controller));
        shared.is_some_and(|shared| shared.controller.offer_witness(row))
    }

    /// The controller of a host that has a job here.
    #[must_use]
    pub fn controller(&self, id: HostId) -> Option<&dyn Controller> {
        self.controller_of(self.hosts[id.0].as_ref()?)
    }

    pub(super) fn controller_of(&self, host: &HostQueue<K, J>) -> Option<&dyn Controller> {
        self.controllers.get(host.controller).map(|shared| &*shared.controller)
    }

    /// Replaces the host's controller.
    fn turn_to(&mut self, id: HostId, controller: ControllerId) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        let before = std::mem::replace(&mut host.controller, controller);
        if before == controller {
            return;
        }
        host.is_in_line = false;
        if let Some(shared) = self.controllers.get_mut(controller) {
            shared.members.insert(id);
        }
        self.leave(id, before);
        self.release_held(id);
        self.make_ready(id);
    }

    /// The host leaves this controller. Returns the controller if nothing needs it any more.
    pub(super) fn leave(&mut self, id: HostId, controller: ControllerId) -> Option<Box<dyn Controller>> {
        if let Some(shared) = self.controllers.get_mut(controller) {
            shared.line.retain(|&other| other != id);
            if shared.waker == Some(id) {
                shared.waker = None;
            }
        }
        self.let_next_ask(controller);
        self.controllers.leave(controller, id)
    }
}
