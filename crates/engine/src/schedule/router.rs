//! Sends jobs to the shards that own their hosts, and tells the shards when that changes.

use std::sync::Arc;

use longhaul_http::Origin;
use tokio::sync::mpsc;

use crate::pace::Memory;
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::schedule::host_routing::{Evidence, HostRouting, RouteChange, ShardId};
use crate::schedule::job::Assignment;

/// What a shard is sent. One channel, so that a shard hears of a change before it gets the jobs that follow from it.
#[derive(Debug)]
pub(crate) enum ToShard {
    /// A job for a host of this shard.
    Assign(Assignment),
    /// The map of hosts has changed.
    Route(Arc<RouteChange>),
    /// What another shard knew of a host that left it without a job to take that along.
    Remember { host: Origin, memory: Box<Memory> },
}

/// What a shard sends about hosts.
#[derive(Debug)]
pub(crate) enum FromShard {
    /// A job whose host may belong to another shard.
    Reroute(Assignment),
    /// Responses, in the order in which they were heard.
    Heard(Vec<Evidence>),
    /// The shard turns away what comes for the host.
    Settled { host: Origin, shard: ShardId },
    /// What the shard knew of a host that belongs to another one now.
    Left { host: Origin, memory: Box<Memory> },
}

/// A shard has gone; the sink knows why.
#[derive(Debug)]
pub(crate) struct ShardGone;

pub(crate) struct Router {
    routing: Box<dyn HostRouting>,
    shards: Vec<mpsc::UnboundedSender<ToShard>>,
    observer: Arc<Observer>,
}

impl Router {
    pub(crate) fn new(
        routing: Box<dyn HostRouting>,
        shards: Vec<mpsc::UnboundedSender<ToShard>>,
        observer: Arc<Observer>,
    ) -> Self {
        Self { routing, shards, observer }
    }

    /// Sends a job to the shard of its host.
    pub(crate) fn assign(&self, assignment: Assignment) -> Result<(), ShardGone> {
        let owner = self.routing.owner(assignment.job.target().origin());
        self.send(owner, ToShard::Assign(assignment))
    }

    /// Takes in what a shard says.
    pub(crate) fn take(&mut self, message: FromShard) -> Result<(), ShardGone> {
        match message {
            FromShard::Reroute(assignment) => self.assign(assignment),
            FromShard::Heard(evidence) => {
                for evidence in &evidence {
                    let change = self.routing.heard(evidence);
                    self.publish(change)?;
                }
                Ok(())
            }
            FromShard::Settled { host, shard } => {
                let change = self.routing.settle(&host, shard);
                self.publish(change)
            }
            FromShard::Left { host, memory } => {
                self.send(self.routing.owner(&host), ToShard::Remember { host, memory })
            }
        }
    }

    /// Every shard may have requests in flight for a host that moves, so every shard gets the change.
    fn publish(&self, change: Option<RouteChange>) -> Result<(), ShardGone> {
        let Some(change) = change.map(Arc::new) else { return Ok(()) };
        tracing::debug!(?change, "the map of hosts changes");
        if let RouteChange::Grouped { group, is_new: true, .. } = &*change {
            self.observer.emit(&Event::Merged { address: &group.to_string() });
        }
        (0..self.shards.len())
            .try_for_each(|shard| self.send(ShardId(shard), ToShard::Route(Arc::clone(&change))))
    }

    fn send(&self, shard: ShardId, message: ToShard) -> Result<(), ShardGone> {
        let shard = shard.0.checked_rem(self.shards.len()).and_then(|number| self.shards.get(number));
        shard.ok_or(ShardGone)?.send(message).map_err(|_| ShardGone)
    }
}

#[cfg(test)]
mod tests;
