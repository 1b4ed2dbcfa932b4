//! What was denied by hosts that had served well, until it is known whether that was for the URL or for the pace.

use std::collections::BTreeMap;

use super::hosts::Hosts;
use crate::failure::Failure;
use crate::frontier::HostId;
use crate::job::Job;
use crate::pace::Pace;

#[derive(Default)]
pub(super) struct Denials {
    by_host: BTreeMap<HostId, Vec<(Box<Job>, Failure)>>,
}

/// What the denials of a host were for.
pub(super) enum Meaning {
    /// The host says that to those who ask too often: these are to be tried again.
    Storm(Vec<(Box<Job>, Failure)>),
    /// The host serves others: these were denied for themselves.
    Own(Vec<(Box<Job>, Failure)>),
}

impl Denials {
    pub(super) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    pub(super) fn hold(&mut self, host: HostId, job: Box<Job>, failure: Failure) {
        self.by_host.entry(host).or_default().push((job, failure));
    }

    /// Takes the denials of the host, as soon as it has served another request, or denies them all, or has none left.
    pub(super) fn judge(&mut self, host: HostId, is_served: bool, hosts: &Hosts) -> Option<Meaning> {
        if !self.by_host.contains_key(&host) {
            return None;
        }
        if hosts.pace(host).is_some_and(Pace::is_denying) {
            self.by_host.remove(&host).map(Meaning::Storm)
        } else if is_served || hosts.is_idle(host) {
            self.by_host.remove(&host).map(Meaning::Own)
        } else {
            None
        }
    }
}
