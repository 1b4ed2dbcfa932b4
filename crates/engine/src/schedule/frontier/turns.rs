//! Whose turn it is: hosts that may be able to start a job, hosts that stand in the line of a shared controller, and the
//! times at which hosts are checked again.

use std::hash::Hash;

use tokio::time::Instant;

use super::controllers::{ControllerId, Sent};
use super::host_queue::HostQueue;
use super::{Frontier, HostId, Next, Numbered};

impl<K: Clone + Ord + Hash, J: Numbered> Frontier<K, J> {
    pub(super) fn begin(&mut self, host: HostId, sent: Sent, job: J) -> Next<J> {
        if let Some(host) = self.hosts[host.0].as_mut() {
            host.in_flight += 1;
        }
        self.waiting -= 1;
        self.make_ready(host);
        self.let_next_ask(sent.controller);
        Next::Start { host, sent, job }
    }

    /// The host's controller permits nothing before this time. Of the hosts that share a controller one is woken then.
    pub(super) fn wait_for_controller(&mut self, id: HostId, at: Instant) {
        let Some(shared) =
            self.hosts[id.0].as_ref().and_then(|host| self.controllers.get_mut(host.controller))
        else {
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

    pub(super) fn stand_in_line(&mut self, id: HostId) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        if let Some(shared) = self.controllers.get_mut(host.controller) {
            host.is_in_line = true;
            shared.line.push_back(id);
        }
    }

    /// The first host in the line of a controller may ask, if it still has a job.
    pub(super) fn let_next_ask(&mut self, controller: ControllerId) {
        while let Some(next) = self.controllers.get_mut(controller).and_then(|shared| shared.line.pop_front())
        {
            let Some(host) = self.hosts[next.0].as_mut() else { continue };
            host.is_in_line = false;
            if host.has_jobs() {
                return self.make_ready(next);
            }
        }
    }

    pub(super) fn make_ready(&mut self, id: HostId) {
        if let Some(host) = self.hosts[id.0].as_mut()
            && !host.in_ready
            && !host.is_in_line
            && host.has_jobs()
        {
            host.in_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Sets the one time at which the host is checked again.
    pub(super) fn wake(&mut self, id: HostId, at: Instant) {
        if let Some(host) = self.hosts[id.0].as_mut() {
            if let Some(other) = host.wake_at.replace(at) {
                self.wakes.remove(&(other, id));
            }
            self.wakes.insert((at, id));
        }
    }

    /// The host's time has come: it has a job to start, or was kept only because of its pause.
    pub(super) fn woken(&mut self, id: HostId, now: Instant) {
        let Some(host) = self.hosts[id.0].as_mut() else { return };
        host.wake_at = None;
        let controller = host.controller;
        if let Some(shared) = self.controllers.get_mut(controller)
            && shared.waker == Some(id)
        {
            shared.waker = None;
            // Another host was found to ask first.
            if host.is_in_line || !host.has_jobs() {
                self.let_next_ask(controller);
            }
        }
        let Some(host) = self.hosts[id.0].as_ref() else { return };
        if !host.is_unused() {
            self.make_ready(id);
            return;
        }
        match self.controller_of(host).and_then(|controller| controller.belief().blocked_until) {
            Some(until) if until > now => self.wake(id, until),
            _ => self.forget(id),
        }
    }
}
