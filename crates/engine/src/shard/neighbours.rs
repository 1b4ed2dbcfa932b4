//! Hosts of one address that are asked by one pace: because the user wishes it, or because they turned out to be limited
//! together.
//!
//! It refuses to decide what is evidence for that ([`Neighbours`] does); it sees to it that the frontier and the shards follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::time::Instant;

use crate::addresses::Addresses;
use crate::frontier::{Frontier, HostId};
use crate::pace::{Neighbourhood, Neighbours, Pace};
use crate::settings::PacePer;

/// Names that are known to share the limit of their address; of more, each has to be found out again.
const UNITED_MAX: usize = 65_536;

pub(super) struct Neighbourhoods {
    pace_per: PacePer,
    /// The number of this shard.
    shard: usize,
    addresses: Arc<Addresses>,
    neighbours: Neighbours<Endpoint, Origin>,
    /// Names that are asked together with others, and where.
    united: BTreeMap<Origin, Endpoint>,
}

/// An answer, as far as neighbours are concerned.
pub(super) struct Heard {
    pub(super) host: HostId,
    pub(super) from: Endpoint,
    pub(super) sent_at: Instant,
    pub(super) is_refused: bool,
}

/// What an answer has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// It was found out that so many hosts are one: they share a pace now.
    Merged(usize),
    /// The host belongs to another shard.
    Moved,
}

impl Neighbourhoods {
    pub(super) fn new(pace_per: PacePer, shard: usize, addresses: Arc<Addresses>) -> Self {
        Self { pace_per, shard, addresses, neighbours: Neighbours::new(), united: BTreeMap::new() }
    }

    /// Whether the host's jobs are to be started by another shard.
    pub(super) fn is_elsewhere(&self, origin: &Origin) -> bool {
        self.addresses.home(origin).is_some_and(|home| home != self.shard)
    }

    /// A host that has come, or come back: it is asked together with those that are here already.
    pub(super) fn welcome<J>(&self, frontier: &mut Frontier<Origin, J>, host: HostId) {
        if let Some(origin) = frontier.key(host)
            && let Some(address) = self.united.get(origin)
            && let Some(other) = self.other(frontier, host, *address)
        {
            frontier.join(host, other);
        }
    }

    /// An answer has come, and the pace has been told.
    pub(super) fn heard<J>(
        &mut self,
        frontier: &mut Frontier<Origin, J>,
        heard: &Heard,
        now: Instant,
    ) -> Change {
        let Heard { host, from, sent_at, is_refused } = *heard;
        let (Some(origin), Some(pace)) = (frontier.key(host).cloned(), frontier.pace(host)) else {
            return Change::None;
        };
        let is_by_address = self.pace_per == PacePer::Address;
        if pace.is_fixed() && !is_by_address {
            return Change::None;
        }
        let is_limited = pace.is_limited();
        if (is_by_address || is_refused && is_limited)
            && self.addresses.settle(&origin, from, self.shard) != self.shard
        {
            return Change::Moved;
        }
        let news = if is_by_address {
            self.neighbours.unite(&from, &origin)
        } else {
            self.neighbours.answered(&from, &origin, sent_at, is_refused, is_limited, now)
        };
        if !self.neighbours.is_one(&from, &origin) {
            if news == Some(Neighbourhood::Apart) {
                self.united.remove(&origin);
                let own = frontier.pace(host).map(|pace| Pace::merged(&[pace], now));
                own.into_iter().for_each(|own| frontier.part(host, own));
            }
            return Change::None;
        }
        if self.united.len() < UNITED_MAX {
            self.united.insert(origin, from);
        }
        if news == Some(Neighbourhood::One) {
            let names = self.neighbours.names(&from);
            let hosts: Vec<HostId> = names.filter_map(|name| frontier.find(name)).collect();
            frontier.share(&hosts, |paces| Pace::merged(paces, now));
            let sharing = frontier.sharing(host);
            return if sharing > 1 && !is_by_address { Change::Merged(sharing) } else { Change::None };
        }
        if frontier.sharing(host) > 1 {
            return Change::None;
        }
        let Some(other) = self.other(frontier, host, from) else { return Change::None };
        if frontier.sharing(other) > 1 {
            frontier.join(host, other);
        } else {
            frontier.share(&[host, other], |paces| Pace::merged(paces, now));
        }
        Change::None
    }

    /// Another host that is asked together with this one.
    fn other<J>(&self, frontier: &Frontier<Origin, J>, host: HostId, address: Endpoint) -> Option<HostId> {
        self.neighbours.names(&address).filter_map(|name| frontier.find(name)).find(|&other| other != host)
    }
}
