//! The controllers of the hosts: most hosts have one of their own, some share one.
//!
//! A controller stays for as long as it controls a host or a request that it permitted is in flight: a host that has moved
//! to another controller may still have requests in flight that the old one permitted. Of the hosts that share a
//! controller and wait for its permit, one is woken at the controller's time and the others stand in line: each request
//! that starts lets the next host ask.

use std::collections::{BTreeSet, VecDeque};

use super::HostId;
use crate::pace::{Controller, SendRecord};

/// The number of a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ControllerId(usize);

/// A request in flight: which controller permitted it, and that controller's record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub(super) controller: ControllerId,
    pub(super) record: SendRecord,
}

impl Sent {
    /// The controller's record.
    #[must_use]
    pub fn record(&self) -> SendRecord {
        self.record
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) controller: Box<dyn Controller>,
    /// The hosts that it controls.
    pub(super) members: BTreeSet<HostId>,
    /// Requests that it permitted and that have not ended.
    in_flight: usize,
    /// Hosts that stand in line.
    pub(super) line: VecDeque<HostId>,
    /// The host that is woken when the controller permits the next request.
    pub(super) waker: Option<HostId>,
}

#[derive(Debug, Default)]
pub(super) struct Controllers {
    controllers: Vec<Option<Shared>>,
    free: Vec<usize>,
}

impl Controllers {
    /// Adds a controller that controls no host yet.
    pub(super) fn add(&mut self, controller: Box<dyn Controller>) -> ControllerId {
        let shared =
            Shared { controller, members: BTreeSet::new(), in_flight: 0, line: VecDeque::new(), waker: None };
        if let Some(index) = self.free.pop() {
            self.controllers[index] = Some(shared);
            ControllerId(index)
        } else {
            self.controllers.push(Some(shared));
            ControllerId(self.controllers.len() - 1)
        }
    }

    pub(super) fn get(&self, id: ControllerId) -> Option<&Shared> {
        self.controllers[id.0].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: ControllerId) -> Option<&mut Shared> {
        self.controllers[id.0].as_mut()
    }

    /// A request that the controller permitted starts.
    pub(super) fn started(&mut self, id: ControllerId, record: SendRecord) -> Sent {
        if let Some(shared) = self.get_mut(id) {
            shared.in_flight += 1;
        }
        Sent { controller: id, record }
    }

    /// It ended, and the controller knows.
    pub(super) fn ended(&mut self, id: ControllerId) {
        if let Some(shared) = self.get_mut(id) {
            shared.in_flight = shared.in_flight.saturating_sub(1);
        }
        self.forget_if_unused(id);
    }

    /// It does not control this host any more. Returns it if nothing needs it any more.
    pub(super) fn leave(&mut self, id: ControllerId, host: HostId) -> Option<Box<dyn Controller>> {
        if let Some(shared) = self.get_mut(id) {
            shared.members.remove(&host);
        }
        self.forget_if_unused(id)
    }

    fn forget_if_unused(&mut self, id: ControllerId) -> Option<Box<dyn Controller>> {
        let is_unused = |shared: &mut Shared| shared.members.is_empty() && shared.in_flight == 0;
        let unused = self.controllers[id.0].take_if(is_unused)?;
        self.free.push(id.0);
        Some(unused.controller)
    }
}
