//! This shard's part of the map of hosts: which hosts share a controller here, and which belong to another shard now.
//!
//! It refuses to decide either (the dispatcher's [`HostRouting`](crate::schedule::host_routing::HostRouting) does): it
//! collects evidence for that decision, and has the frontier follow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::time::Instant;

use crate::haul::PacePer;
use crate::pace::{ControllerFactory, Memory, NameAnswer};
use crate::schedule::frontier::{Frontier, HostId, Numbered};
use crate::schedule::host_routing::{Evidence, RouteChange, ShardId};

/// Memories kept for hosts that have no job yet, at 4 KB each or less; beyond that a host is learned again.
const REMEMBERED_MAX: usize = 1_024;
/// Responses that are reported together, unless one of them is a refusal: a message wakes the dispatcher.
const EVIDENCE_BATCH: usize = 64;

pub(super) struct HostGroups {
    shard: ShardId,
    pace_per: PacePer,
    factory: Arc<dyn ControllerFactory>,
    /// The hosts of this shard that are in groups, each with its group.
    grouped: BTreeMap<Origin, Endpoint>,
    groups: BTreeMap<Endpoint, BTreeSet<Origin>>,
    /// Hosts that had jobs here and belong to another shard.
    elsewhere: BTreeSet<Origin>,
    /// What other shards knew of hosts that belong here now and have had no job yet.
    remembered: BTreeMap<Origin, Box<Memory>>,
    /// Responses that have not been reported.
    evidence: Vec<Evidence>,
    is_evidence_due: bool,
}

impl HostGroups {
    pub(super) fn new(shard: ShardId, pace_per: PacePer, factory: Arc<dyn ControllerFactory>) -> Self {
        Self {
            shard,
            pace_per,
            factory,
            grouped: BTreeMap::new(),
            groups: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            remembered: BTreeMap::new(),
            evidence: Vec::new(),
            is_evidence_due: false,
        }
    }

    /// Whether the host belongs to another shard.
    pub(super) fn is_elsewhere(&self, host: &Origin) -> bool {
        self.elsewhere.contains(host)
    }

    /// Keeps what another shard knew of a host until the host has a job here.
    pub(super) fn remember(&mut self, host: Origin, memory: Box<Memory>) {
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.insert(host, memory);
        }
    }

    /// Takes what another shard knew of the host.
    pub(super) fn take_remembered(&mut self, host: &Origin) -> Option<Box<Memory>> {
        self.remembered.remove(host)
    }

    /// The host, which had no job here, has one now: it gets the controller of its group. `brings_memory` says that
    /// another shard asked it until now: then what it took there is added.
    pub(super) fn welcome<J: Numbered>(
        &self,
        frontier: &mut Frontier<Origin, J>,
        host: &Origin,
        brings_memory: bool,
        now: Instant,
    ) {
        let hosts = self.companions(frontier, host);
        let Some(id) = frontier.find(host) else { return };
        let Some(&other) = hosts.iter().find(|&&other| other != id) else { return };
        if brings_memory {
            frontier.share(&hosts, |controllers| self.factory.merged(controllers, now));
        } else {
            frontier.join(id, other);
        }
    }

    /// Notes that this endpoint answered for the host, after the host's controller has heard of it.
    pub(super) fn heard(&mut self, host: &Origin, from: Endpoint, answer: NameAnswer, now: Instant) {
        let is_known = self.grouped.contains_key(host) || self.elsewhere.contains(host);
        if self.pace_per == PacePer::Address && is_known {
            return;
        }
        let (host, shard) = (host.clone(), self.shard);
        self.evidence.push(Evidence { host, from, answer, shard, heard_at: now });
        let is_decisive = answer.is_refused || self.pace_per == PacePer::Address;
        self.is_evidence_due |= is_decisive || self.evidence.len() >= EVIDENCE_BATCH;
    }

    /// What was collected is to be reported, however little it is.
    pub(super) fn flush_evidence(&mut self) {
        self.is_evidence_due = true;
    }

    /// Responses to be reported now.
    pub(super) fn take_evidence(&mut self) -> Option<Vec<Evidence>> {
        let is_due = std::mem::take(&mut self.is_evidence_due);
        let evidence = is_due.then(|| std::mem::take(&mut self.evidence));
        evidence.filter(|evidence| !evidence.is_empty())
    }

    /// Follows a change of the map. Returns the hosts with jobs here that belong to another shard from now on.
    pub(super) fn apply<J: Numbered>(
        &mut self,
        change: &RouteChange,
        frontier: &mut Frontier<Origin, J>,
        now: Instant,
    ) -> Vec<HostId> {
        match change {
            RouteChange::Grouped { group, owner, hosts, .. } if *owner == self.shard => {
                for host in hosts {
                    self.elsewhere.remove(host);
                    self.grouped.insert(host.clone(), *group);
                    self.groups.entry(*group).or_default().insert(host.clone());
                }
                for id in hosts.iter().filter_map(|host| frontier.find(host)).collect::<Vec<_>>() {
                    self.gather(id, frontier, now);
                }
                Vec::new()
            }
            RouteChange::Grouped { hosts, .. } => {
                hosts.iter().filter_map(|host| self.lose(host, frontier)).collect()
            }
            RouteChange::Parted(host) => {
                self.ungroup(host);
                let id = frontier.find(host);
                let own = id.and_then(|id| frontier.controller(id));
                if let Some((id, own)) = id.zip(own.map(|own| self.factory.merged(&[own], now))) {
                    frontier.part(id, own);
                }
                Vec::new()
            }
            RouteChange::Pinned { host, owner } if *owner == self.shard => {
                self.elsewhere.remove(host);
                Vec::new()
            }
            RouteChange::Pinned { host, .. } => {
                self.ungroup(host);
                self.lose(host, frontier).into_iter().collect()
            }
        }
    }

    /// The host belongs to another shard. Returns it if it has jobs here.
    fn lose<J: Numbered>(&mut self, host: &Origin, frontier: &Frontier<Origin, J>) -> Option<HostId> {
        let id = frontier.find(host)?;
        self.elsewhere.insert(host.clone());
        Some(id)
    }

    fn ungroup(&mut self, host: &Origin) {
        if let Some(members) = self.grouped.remove(host).and_then(|group| self.groups.get_mut(&group)) {
            members.remove(host);
        }
    }

    /// Gives the host the controller of its group, or makes one for all of them.
    fn gather<J: Numbered>(&self, id: HostId, frontier: &mut Frontier<Origin, J>, now: Instant) {
        let Some(host) = frontier.key(id).filter(|_| frontier.sharing(id) <= 1) else { return };
        let hosts = self.companions(frontier, host);
        match hosts.iter().find(|&&other| other != id) {
            Some(&other) if frontier.sharing(other) > 1 => frontier.join(id, other),
            Some(_) => frontier.share(&hosts, |controllers| self.factory.merged(controllers, now)),
            None => {}
        }
    }

    /// The hosts in the group of this one that have jobs here, itself included.
    fn companions<J: Numbered>(&self, frontier: &Frontier<Origin, J>, host: &Origin) -> Vec<HostId> {
        let members = self.grouped.get(host).and_then(|group| self.groups.get(group));
        members.into_iter().flatten().filter_map(|name| frontier.find(name)).collect()
    }
}
