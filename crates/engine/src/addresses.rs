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

use crate::pace::{NameAnswer, Neighbourhood, Neighbours, Pace};
use crate::settings::PacePer;

/// Names that have a home of their own; of more, each stays where its hash says and has a pace of its own.
const NAMES_MAX: usize = 65_536;

/// Paces that wait for the next job of their names, at some kilobytes each; beyond that a host is got to know anew.
const LEFT_MAX: usize = 1_024;

/// What the shards and the dispatcher know together.
#[derive(Debug)]
pub(crate) struct Addresses {
    pace_per: PacePer,
    book: Mutex<Book>,
    /// Told when names have become one.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Book {
    neighbours: Neighbours<Endpoint, Origin>,
    /// Which shard asks the names that are one at an address.
    owners: BTreeMap<Endpoint, usize>,
    /// The names that are one with others, and where.
    united: BTreeMap<Origin, Endpoint>,
    /// The shards of the names that do not belong where their hashes say.
    homes: BTreeMap<Origin, usize>,
    /// The shards that turn away what comes for these names.
    settled: BTreeMap<Origin, usize>,
    /// What a shard knew of a name that left it without a job to take that along.
    left: BTreeMap<Origin, Box<Pace>>,
}

impl Book {
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
pub(crate) enum Standing {
    /// It has nothing to do with others.
    Alone,
    /// It had, and has no more.
    Apart,
    /// It is one with the others at this address. `is_news` says that this answer has shown it.
    One { owner: usize, is_news: bool },
}

impl Addresses {
    pub(crate) fn new(pace_per: PacePer) -> Self {
        Self { pace_per, book: Mutex::default(), news: watch::Sender::new(()) }
    }

    /// The name was answered from this address, at this shard.
    pub(crate) fn heard(
        &self,
        origin: &Origin,
        from: Endpoint,
        answer: NameAnswer,
        shard: usize,
        now: Instant,
    ) -> Standing {
        let book = &mut *self.book();
        let neighbours = &mut book.neighbours;
        let news = match self.pace_per {
            PacePer::Address => {
                neighbours.unite(&from, origin);
                None
            }
            PacePer::Host => neighbours.answered(&from, origin, answer, now),
        };
        if news == Some(Neighbourhood::Apart) {
            book.united.remove(origin);
            return Standing::Apart;
        }
        if !neighbours.is_one(&from, origin) {
            return Standing::Alone;
        }
        let owner = *book.owners.entry(from).or_insert(shard);
        let is_news = news == Some(Neighbourhood::One);
        if is_news {
            let names: Vec<Origin> = book.neighbours.names(&from).cloned().collect();
            for name in names {
                book.unite(&name, from, owner);
            }
            self.news.send_replace(());
        }
        if book.unite(origin, from, owner) { Standing::One { owner, is_news } } else { Standing::Alone }
    }

    /// A shard turns away what comes for this name: it shall have it all.
    pub(crate) fn settle(&self, name: &Origin, shard: usize) {
        let Book { settled, .. } = &mut *self.book();
        if settled.len() >= NAMES_MAX {
            // A list may have a million dead hosts. Those that are forgotten are found out once more, wherever they go.
            settled.clear();
        }
        settled.insert(name.clone(), shard);
    }

    /// Leaves what is known of a name for the shard to which it belongs now.
    pub(crate) fn leave(&self, name: &Origin, pace: Box<Pace>) {
        let Book { left, .. } = &mut *self.book();
        if left.len() < LEFT_MAX {
            left.insert(name.clone(), pace);
        }
    }

    /// Takes what was left for this name.
    pub(crate) fn take_left(&self, name: &Origin) -> Option<Box<Pace>> {
        self.book().left.remove(name)
    }

    /// Changes when names that may be at any shard have become one.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The shard to which the name belongs, if that is not for its hash to say.
    pub(crate) fn owner(&self, origin: &Origin) -> Option<usize> {
        self.book().homes.get(origin).copied()
    }

    /// The names that are one with this one, itself included, as far as they are known here to `find`.
    pub(crate) fn companions<T>(&self, origin: &Origin, find: impl Fn(&Origin) -> Option<T>) -> Vec<T> {
        let book = self.book();
        let address = book.united.get(origin);
        let names = address.into_iter().flat_map(|address| book.neighbours.names(address));
        names.filter(|name| book.united.get(name) == address).filter_map(find).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every entry leaves the book whole, so one that panicked in between cannot have torn it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
