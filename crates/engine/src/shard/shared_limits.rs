//! Hosts of one address that are asked by one pace: because the user wishes it, or because they turned out to be limited
//! together.
//!
//! It refuses to decide which those are ([`HostRouting`] knows); it sees to it that the frontier follows.

use std::sync::Arc;

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::time::Instant;

use crate::pace::{ControllerFactory, Memory, NameAnswer};
use crate::schedule::frontier::{Frontier, HostId};
use crate::schedule::host_routing::{HostGrouping, HostRouting};

pub(super) struct SharedLimits {
    routing: Arc<HostRouting>,
    /// The number of this shard.
    shard: usize,
    factory: Arc<dyn ControllerFactory>,
}

/// What an answer has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It was found out that this host is one with others.
    Merged,
    /// The host belongs to another shard.
    Redirected,
}

impl SharedLimits {
    pub(super) fn new(routing: Arc<HostRouting>, shard: usize, factory: Arc<dyn ControllerFactory>) -> Self {
        Self { routing, shard, factory }
    }

    /// Whether the host's jobs are to be started by another shard.
    pub(super) fn is_elsewhere(&self, origin: &Origin) -> bool {
        self.routing.owner(origin).is_some_and(|owner| owner != self.shard)
    }

    /// This shard turns away what comes for the host.
    pub(super) fn settle(&self, origin: &Origin) {
        self.routing.settle(origin, self.shard);
    }

    /// What another shard knew of a host that had no job there when it left.
    pub(super) fn take_left(&self, origin: &Origin) -> Option<Box<Memory>> {
        self.routing.take_left(origin)
    }

    /// Leaves what is known of a host without a job to take that along.
    pub(super) fn leave(&self, origin: &Origin, memory: Box<Memory>) {
        self.routing.leave(origin, memory);
    }

    /// A host has come, or come back: it is asked together with those that are one with it. `brings_memory` says that it was
    /// asked elsewhere until now, so that what it bore there comes on top.
    pub(super) fn welcome<J>(
        &self,
        frontier: &mut Frontier<Origin, J>,
        origin: &Origin,
        brings_memory: bool,
        now: Instant,
    ) {
        let hosts = self.routing.companions(origin, |name| frontier.find(name));
        let Some(host) = frontier.find(origin) else { return };
        let Some(&other) = hosts.iter().find(|&&other| other != host) else { return };
        if brings_memory {
            frontier.share(&hosts, |controllers| self.factory.merged(controllers, now));
        } else {
            frontier.join(host, other);
        }
    }

    /// An answer has come, and the pace has been told.
    pub(super) fn heard<J>(
        &self,
        frontier: &mut Frontier<Origin, J>,
        host: HostId,
        from: Endpoint,
        answer: NameAnswer,
        now: Instant,
    ) -> Change {
        let Some(origin) = frontier.key(host) else { return Change::None };
        match self.routing.heard(origin, from, answer, self.shard, now) {
            HostGrouping::Alone => Change::None,
            HostGrouping::Apart => {
                if let Some(own) = frontier.controller(host).map(|own| self.factory.merged(&[own], now)) {
                    frontier.part(host, own);
                }
                Change::None
            }
            HostGrouping::One { owner, .. } if owner != self.shard => Change::Redirected,
            HostGrouping::One { is_news, .. } => {
                if frontier.sharing(host) <= 1 {
                    let hosts = self.routing.companions(origin, |name| frontier.find(name));
                    match hosts.iter().find(|&&other| other != host) {
                        Some(&other) if frontier.sharing(other) > 1 => frontier.join(host, other),
                        Some(_) => {
                            frontier.share(&hosts, |controllers| self.factory.merged(controllers, now));
                        }
                        None => {}
                    }
                }
                if is_news { Change::Merged } else { Change::None }
            }
        }
    }
}
