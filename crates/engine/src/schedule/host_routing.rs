//! What the shards know together about addresses: which names are limited by that of their address, and which shard asks
//! those.
//!
//! A name belongs to the shard that its hash says, until it is known to be one with others at its address: then it belongs
//! to the shard that met the first of them, so that one pace can serve them all. It moves once and never back, even if it
//! turns out to be limited by itself. One that a shard turns away stays there, for that shard alone knows why.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::haul::PacePer;
use crate::pace::{Memory, NameAnswer, SharedLimitDetector, SharedLimitFinding};

/// Names that have a home of their own; of more, each stays where its hash says and has a pace of its own.
const NAMES_MAX: usize = 65_536;

/// Paces that wait for the next job of their names, at some kilobytes each; beyond that a host is got to know anew.
const LEFT_MAX: usize = 1_024;

/// What the shards and the dispatcher know together.
#[derive(Debug)]
pub(crate) struct HostRouting {
    pace_per: PacePer,
    table: Mutex<RoutingTable>,
    /// Told when names have become one.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct RoutingTable {
    shared_limits: SharedLimitDetector<Endpoint, Origin>,
    /// Which shard asks the names that are one at an address.
    owners: BTreeMap<Endpoint, usize>,
    /// The names that are one with others, and where.
    united: BTreeMap<Origin, Endpoint>,
    /// The shards of the names that do not belong where their hashes say.
    homes: BTreeMap<Origin, usize>,
    /// The shards that turn away what comes for these names.
    settled: BTreeMap<Origin, usize>,
    /// What a shard knew of a name that left it without a job to take that along.
    left: BTreeMap<Origin, Box<Memory>>,
}

impl RoutingTable {
    /// Makes the name one with the others at this address, unless it has a home elsewhere, or there are too many.
    fn unite(&mut self, name: &Origin, address: Endpoint, owner: usize) -> bool {
        let home = self.homes.get(name).or_else(|| self.settled.get(name));
        if home.is_some_and(|&home| home != owner) {
            return false;
        }
        if !self.homes.contains_key(name) {
            if self.homes.len() >= NAMES_MAX {
                return false;
            }
            self.homes.insert(name.clone(), owner);
        }
        *self.united.entry(name.clone()).or_insert(address) == address
    }
}

/// Where the name of an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostGrouping {
    /// It has nothing to do with others.
    Alone,
    /// It had, and has no more.
    Apart,
    /// It is one with the others at this address. `is_news` says that this answer has shown it.
    One { owner: usize, is_news: bool },
}

impl HostRouting {
    pub(crate) fn new(pace_per: PacePer) -> Self {
        Self { pace_per, table: Mutex::default(), news: watch::Sender::new(()) }
    }

    /// The name was answered from this address, at this shard.
    pub(crate) fn heard(
        &self,
        origin: &Origin,
        from: Endpoint,
        answer: NameAnswer,
        shard: usize,
        now: Instant,
    ) -> HostGrouping {
        let table = &mut *self.table();
        let shared_limits = &mut table.shared_limits;
        let news = match self.pace_per {
            PacePer::Address => {
                shared_limits.unite(&from, origin);
                None
            }
            PacePer::Host => shared_limits.answered(&from, origin, answer, now),
        };
        if news == Some(SharedLimitFinding::Apart) {
            table.united.remove(origin);
            return HostGrouping::Apart;
        }
        if !shared_limits.is_one(&from, origin) {
            return HostGrouping::Alone;
        }
        let owner = *table.owners.entry(from).or_insert(shard);
        let is_news = news == Some(SharedLimitFinding::One);
        if is_news {
            let names: Vec<Origin> = table.shared_limits.names(&from).cloned().collect();
            for name in names {
                table.unite(&name, from, owner);
            }
            self.news.send_replace(());
        }
        if table.unite(origin, from, owner) {
            HostGrouping::One { owner, is_news }
        } else {
            HostGrouping::Alone
        }
    }

    /// A shard turns away what comes for this name: it shall have it all.
    pub(crate) fn settle(&self, name: &Origin, shard: usize) {
        let RoutingTable { settled, .. } = &mut *self.table();
        if settled.len() >= NAMES_MAX {
            // A list may have a million dead hosts. Those that are forgotten are found out once more, wherever they go.
            settled.clear();
        }
        settled.insert(name.clone(), shard);
    }

    /// Leaves what is known of a name for the shard to which it belongs now.
    pub(crate) fn leave(&self, name: &Origin, memory: Box<Memory>) {
        let RoutingTable { left, .. } = &mut *self.table();
        if left.len() < LEFT_MAX {
            left.insert(name.clone(), memory);
        }
    }

    /// Takes what was left for this name.
    pub(crate) fn take_left(&self, name: &Origin) -> Option<Box<Memory>> {
        self.table().left.remove(name)
    }

    /// Changes when names that may be at any shard have become one.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The shard to which the name belongs, if that is not for its hash to say.
    pub(crate) fn owner(&self, origin: &Origin) -> Option<usize> {
        self.table().homes.get(origin).copied()
    }

    /// The names that are one with this one, itself included, as far as they are known here to `find`.
    pub(crate) fn companions<T>(&self, origin: &Origin, find: impl Fn(&Origin) -> Option<T>) -> Vec<T> {
        let table = self.table();
        let address = table.united.get(origin);
        let names = address.into_iter().flat_map(|address| table.shared_limits.names(address));
        names.filter(|name| table.united.get(name) == address).filter_map(find).collect()
    }

    fn table(&self) -> MutexGuard<'_, RoutingTable> {
        // Every entry leaves the table whole, so one that panicked in between cannot have torn it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
