//! What the shards know together about addresses: which names are limited by that of their address, and which shard asks
//! those.
//!
//! A name belongs to the shard that its hash says, until it is known to be one with others at its address: then it belongs
//! to the shard that met the first of them, so that one pace can serve them all. It moves once and never back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longhaul_http::Origin;
use longhaul_socket::Endpoint;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::pace::{Neighbourhood, Neighbours};
use crate::settings::PacePer;

/// Names of which it is known that they share a limit; of more, each stays where its hash says and has a pace of its own.
const NAMES_MAX: usize = 65_536;

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
}

/// An answer, as far as addresses are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) from: Endpoint,
    pub(crate) sent_at: Instant,
    pub(crate) is_refused: bool,
    /// The name has shown that it is limited.
    pub(crate) is_limited: bool,
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

    /// The name was answered at this shard.
    pub(crate) fn heard(&self, origin: &Origin, heard: Heard, shard: usize, now: Instant) -> Standing {
        let Heard { from, sent_at, is_refused, is_limited } = heard;
        let Book { neighbours, owners, united } = &mut *self.book();
        let news = match self.pace_per {
            PacePer::Address => {
                neighbours.unite(&from, origin);
                None
            }
            PacePer::Host => neighbours.answered(&from, origin, sent_at, is_refused, is_limited, now),
        };
        if !neighbours.is_one(&from, origin) {
            if news == Some(Neighbourhood::Apart) {
                united.remove(origin);
                return Standing::Apart;
            }
            return Standing::Alone;
        }
        if united.len() >= NAMES_MAX && !united.contains_key(origin) {
            return Standing::Alone;
        }
        if news == Some(Neighbourhood::One) {
            let room = NAMES_MAX.saturating_sub(united.len());
            for name in neighbours.names(&from).take(room) {
                united.entry(name.clone()).or_insert(from);
            }
            self.news.send_replace(());
        }
        let address = *united.entry(origin.clone()).or_insert(from);
        let owner = *owners.entry(address).or_insert(shard);
        Standing::One { owner, is_news: news == Some(Neighbourhood::One) }
    }

    /// Changes when names that may be at any shard have become one.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The shard to which the name belongs, if that is not for its hash to say.
    pub(crate) fn owner(&self, origin: &Origin) -> Option<usize> {
        let book = self.book();
        book.owners.get(book.united.get(origin)?).copied()
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
