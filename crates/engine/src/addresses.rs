//! Which shard asks the names of an address, once it matters that it is one.
//!
//! A name belongs to the shard that its hash says, until its limit may be that of its address: then all such names belong
//! to the shard that met the first of them, so that one pace can serve them all. A name moves once and never back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longhaul_http::Origin;
use longhaul_socket::Endpoint;

/// Names, and addresses, of which this is known: of more, each stays where its hash says.
const NAMES_MAX: usize = 65_536;

/// What the shards and the dispatcher know together.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    owners: BTreeMap<Endpoint, usize>,
    homes: BTreeMap<Origin, usize>,
}

impl Addresses {
    /// Has the name belong to the shard that asks this address, which is `shard` if nobody does yet. Returns where it belongs,
    /// which is what has been settled first.
    pub(crate) fn settle(&self, origin: &Origin, address: Endpoint, shard: usize) -> usize {
        let book = &mut *self.book();
        if let Some(&home) = book.homes.get(origin) {
            return home;
        }
        if book.homes.len() >= NAMES_MAX {
            return shard;
        }
        let owner = *book.owners.entry(address).or_insert(shard);
        book.homes.insert(origin.clone(), owner);
        owner
    }

    /// Where the name belongs, if that is settled.
    pub(crate) fn home(&self, origin: &Origin) -> Option<usize> {
        self.book().homes.get(origin).copied()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every entry leaves the book whole, so one that panicked in between cannot have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
