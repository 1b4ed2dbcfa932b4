//! The paces of the hosts: most have one of their own, some share one.
//!
//! A pace stays for as long as a host is asked by it or an answer to it is under way: a host that has begun to share
//! another one may still have questions out by its own. Of the hosts that share a pace and have to wait for it, one is
//! woken at the pace's time and the others stand in line: whoever is served lets the next one ask.

use std::collections::VecDeque;

use super::HostId;
use crate::pace::{self, Pace};

/// The number of a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PaceId(usize);

/// A job under way, as the frontier knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) pace: PaceId,
    pub(super) ticket: pace::SendRecord,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pace: Pace,
    /// Hosts that are asked by it.
    pub(super) members: usize,
    /// Answers that are still to come.
    outstanding: usize,
    /// Hosts that stand in line.
    pub(super) line: VecDeque<HostId>,
    /// The host that is woken when the pace allows the next question.
    pub(super) waker: Option<HostId>,
}

#[derive(Debug, Default)]
pub(super) struct Paces {
    paces: Vec<Option<Shared>>,
    free: Vec<usize>,
}

impl Paces {
    /// A pace for so many hosts.
    pub(super) fn add(&mut self, pace: Pace, members: usize) -> PaceId {
        let shared = Shared { pace, members, outstanding: 0, line: VecDeque::new(), waker: None };
        if let Some(index) = self.free.pop() {
            self.paces[index] = Some(shared);
            PaceId(index)
        } else {
            self.paces.push(Some(shared));
            PaceId(self.paces.len() - 1)
        }
    }

    pub(super) fn get(&self, id: PaceId) -> Option<&Shared> {
        self.paces[id.0].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: PaceId) -> Option<&mut Shared> {
        self.paces[id.0].as_mut()
    }

    /// A question is under way.
    pub(super) fn asked(&mut self, id: PaceId, ticket: pace::SendRecord) -> Ticket {
        if let Some(shared) = self.get_mut(id) {
            shared.outstanding += 1;
        }
        Ticket { pace: id, ticket }
    }

    /// It has been answered, and the pace has been told.
    pub(super) fn answered(&mut self, id: PaceId) {
        if let Some(shared) = self.get_mut(id) {
            shared.outstanding = shared.outstanding.saturating_sub(1);
        }
        self.forget_if_unused(id);
    }

    /// A host is not asked by it any more.
    pub(super) fn leave(&mut self, id: PaceId) {
        if let Some(shared) = self.get_mut(id) {
            shared.members = shared.members.saturating_sub(1);
        }
        self.forget_if_unused(id);
    }

    fn forget_if_unused(&mut self, id: PaceId) {
        if self.get(id).is_some_and(|shared| shared.members == 0 && shared.outstanding == 0) {
            self.paces[id.0] = None;
            self.free.push(id.0);
        }
    }
}
