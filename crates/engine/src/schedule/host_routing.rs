//! Which shard owns which host: the only map of it, owned by the dispatcher.
//!
//! Shards send evidence and get jobs; they never look into the map. A change of it reaches them as a message, in one order
//! with the jobs, so the map needs no lock.
//!
//! The map is a trait, so that a program that runs several hauls as the workers of a fleet can divide a list by the same rule by
//! which a haul divides it among its shards, and learn what each worker finds out about its hosts
//! ([`Builder::host_routing`](crate::Builder::host_routing)). The times in [`Evidence`] are those of this process: a map that
//! is shared by several processes sends ages instead.

use std::collections::BTreeMap;

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::time::Instant;

use crate::haul::PacePer;
use crate::pace::{NameAnswer, SharedLimitDetector, SharedLimitFinding};

/// Hosts whose shard is not the one of their hash; of more, each stays where its hash says and has a pace of its own.
const HOMES_MAX: usize = 65_536;
/// Hosts that shards turn away and that are remembered. A list may have a million dead hosts: those that are forgotten are
/// found dead once more, on whichever shard.
const SETTLED_MAX: usize = 65_536;

/// The number of a shard, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardId(pub usize);

/// One response, as evidence of which hosts are limited together.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The host that was asked.
    pub host: Origin,
    /// The endpoint that answered for the host.
    pub from: Endpoint,
    /// When it was asked, and whether it refused.
    pub answer: NameAnswer,
    /// The shard that got the response.
    pub shard: ShardId,
    /// When the response came.
    pub heard_at: Instant,
}

/// A change of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteChange {
    /// These hosts share one controller with all others of the group, and belong to `owner`.
    Grouped {
        /// The endpoint whose hosts are limited together.
        group: Endpoint,
        /// The shard that all of them belong to from now on.
        owner: ShardId,
        /// The hosts that join the group.
        hosts: Vec<Origin>,
        /// The group was found out just now, and not joined by a host that came later.
        is_new: bool,
    },
    /// The host has a limit of its own, and leaves its group. It stays with its shard.
    Parted(Origin),
    /// The host belongs to `owner`, which turns away what comes for it.
    Pinned {
        /// The host.
        host: Origin,
        /// The shard that knows why it is turned away.
        owner: ShardId,
    },
}

/// Maps hosts to shards. The dispatcher owns it and makes every call; none may block.
pub trait HostRouting: Send {
    /// The shard that owns the host. Changes only by a [`RouteChange`] that this map has returned. A number beyond the last shard
    /// counts from the first one again.
    fn owner(&self, host: &Origin) -> ShardId;

    /// A shard got a response. Returns what that changes.
    fn heard(&mut self, evidence: &Evidence) -> Option<RouteChange>;

    /// A shard turns away what comes for the host, and only that shard knows why.
    fn settle(&mut self, host: &Origin, shard: ShardId) -> Option<RouteChange>;
}

/// By the hash of the host, until hosts turn out to be limited together at one endpoint: then they belong to the shard
/// that met the first of them, so that one controller can serve them all. A host moves once and never back, even if it
/// turns out to have a limit of its own.
#[derive(Debug)]
pub struct LimitRouting {
    shards: usize,
    pace_per: PacePer,
    shared_limits: SharedLimitDetector<Endpoint, Origin>,
    /// The shard of each group.
    owners: BTreeMap<Endpoint, ShardId>,
    /// The hosts in groups, each with its group.
    grouped: BTreeMap<Origin, Endpoint>,
    /// The hosts that do not belong where their hashes say.
    homes: BTreeMap<Origin, ShardId>,
    /// The hosts that their shards turn away.
    settled: BTreeMap<Origin, ShardId>,
}

impl LimitRouting {
    /// A map for this many shards (at least 1).
    #[must_use]
    pub fn new(shards: usize, pace_per: PacePer) -> Self {
        Self {
            shards: shards.max(1),
            pace_per,
            shared_limits: SharedLimitDetector::new(),
            owners: BTreeMap::new(),
            grouped: BTreeMap::new(),
            homes: BTreeMap::new(),
            settled: BTreeMap::new(),
        }
    }

    /// Adds the host to the group of this endpoint, unless it belongs to another shard or group, or there are too many.
    /// Returns whether it was added.
    fn group(&mut self, host: &Origin, group: Endpoint, owner: ShardId) -> bool {
        let home = self.homes.get(host).or_else(|| self.settled.get(host));
        let is_elsewhere = home.is_some_and(|&home| home != owner);
        if is_elsewhere || self.grouped.contains_key(host) {
            return false;
        }
        if !self.homes.contains_key(host) {
            if self.homes.len() >= HOMES_MAX {
                return false;
            }
            self.homes.insert(host.clone(), owner);
        }
        self.grouped.insert(host.clone(), group);
        true
    }
}

impl HostRouting for LimitRouting {
    fn owner(&self, host: &Origin) -> ShardId {
        self.homes.get(host).copied().unwrap_or_else(|| {
            // The same host gets the same number in every build and on every machine.
            let digest = blake3::hash(host.to_string().as_bytes());
            let number = u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"));
            ShardId(usize::try_from(number % self.shards as u64).unwrap_or_default())
        })
    }

    fn heard(&mut self, evidence: &Evidence) -> Option<RouteChange> {
        let Evidence { host, from, answer, shard, heard_at } = evidence;
        let finding = match self.pace_per {
            PacePer::Address => {
                self.shared_limits.unite(from, host);
                None
            }
            PacePer::Host => self.shared_limits.answered(from, host, *answer, *heard_at),
        };
        if finding == Some(SharedLimitFinding::Apart) {
            self.grouped.remove(host);
            return Some(RouteChange::Parted(host.clone()));
        }
        if !self.shared_limits.is_one(from, host) {
            return None;
        }
        let owner = *self.owners.entry(*from).or_insert(*shard);
        let is_new = finding == Some(SharedLimitFinding::One);
        let candidates: Vec<Origin> =
            if is_new { self.shared_limits.names(from).cloned().collect() } else { vec![host.clone()] };
        let hosts: Vec<Origin> =
            candidates.into_iter().filter(|host| self.group(host, *from, owner)).collect();
        (is_new || !hosts.is_empty()).then_some(RouteChange::Grouped { group: *from, owner, hosts, is_new })
    }

    fn settle(&mut self, host: &Origin, shard: ShardId) -> Option<RouteChange> {
        if self.settled.len() >= SETTLED_MAX {
            self.settled.clear();
        }
        self.settled.insert(host.clone(), shard);
        // It was moved at the same moment: back to the shard that knows why it is turned away.
        let home = self.homes.get_mut(host).filter(|home| **home != shard)?;
        *home = shard;
        self.grouped.remove(host);
        Some(RouteChange::Pinned { host: host.clone(), owner: shard })
    }
}
