//! What the origin has seen and done.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::draw::{About, draw};
use super::intervals::Intervals;
use super::status::Status;
use crate::{InjectedFault, Target};

/// Paths whose attempts and served bytes are remembered, at about 150 bytes each.
/// A path beyond them meets no faults, because nobody could say which attempt it is.
const PATHS_TRACKED_MAX: usize = 1 << 20;

/// Counts since the start, as of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// The most connections that were ever open at once.
    pub connections_open_max: u64,
    /// Connections that could not be accepted, for want of files or memory.
    pub accept_failures: u64,
    /// Request heads that were understood.
    pub requests: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// The most requests that were ever being answered at once.
    pub in_flight_max: u64,
    /// Answers sent to the very end that their framing announced, whatever their status.
    pub responses_complete: u64,
    /// Answers by status code, counted when their head was sent.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that a fault struck, by its kind.
    pub faults_met: BTreeMap<InjectedFault, u64>,
    /// Bytes of content that were handed to the network. What a reset then threw away is in it.
    pub bytes_served: u64,
    /// Those of them that had been handed over before: the same offset of the same content. Exact up to 64
    /// separate stretches of a content, else too low.
    pub bytes_served_twice: u64,
    /// Paths asked for, up to the number that is remembered (about a million).
    pub paths: u64,
    /// Requests for paths beyond that number, which meet no faults.
    pub requests_untracked: u64,
}

/// The book that [`Stats`] are read from. Each entry holds the lock for a few instructions.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    stats: Stats,
    paths: BTreeMap<u64, PathRecord>,
}

#[derive(Debug, Default)]
struct PathRecord {
    requests: u64,
    /// Which content `served` is about: other content begins anew.
    content_key: u64,
    served: Intervals,
}

/// The key of a path in the book. Two paths of a million share one with a chance of one in tens of millions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathKey(u64);

impl PathKey {
    pub(crate) fn of(target: &Target) -> Self {
        Self(draw(0, About::Memory, &target.resource(), 0))
    }
}

impl Tally {
    pub(crate) fn stats(&self) -> Stats {
        let book = self.book();
        Stats { paths: book.paths.len() as u64, ..book.stats.clone() }
    }

    pub(crate) fn requests_of(&self, path: PathKey) -> u64 {
        self.book().paths.get(&path.0).map_or(0, |record| record.requests)
    }

    /// Counts a connection as open until the entry is dropped.
    pub(crate) fn connection(&self) -> Open<'_> {
        let stats = &mut self.book().stats;
        stats.connections += 1;
        stats.connections_open += 1;
        stats.connections_open_max = stats.connections_open_max.max(stats.connections_open);
        Open(self)
    }

    pub(crate) fn accept_failure(&self) {
        self.book().stats.accept_failures += 1;
    }

    /// Counts a request as in flight until the entry is dropped. With it comes the number of this attempt on
    /// the path, from 1, or `None` where the path is one too many.
    pub(crate) fn request(&self, path: PathKey) -> (InFlight<'_>, Option<u64>) {
        let book = &mut *self.book();
        book.stats.requests += 1;
        book.stats.in_flight += 1;
        book.stats.in_flight_max = book.stats.in_flight_max.max(book.stats.in_flight);
        let attempt = if book.paths.len() < PATHS_TRACKED_MAX || book.paths.contains_key(&path.0) {
            let record = book.paths.entry(path.0).or_default();
            record.requests += 1;
            Some(record.requests)
        } else {
            book.stats.requests_untracked += 1;
            None
        };
        (InFlight(self), attempt)
    }

    pub(crate) fn fault(&self, kind: InjectedFault) {
        *self.book().stats.faults_met.entry(kind).or_default() += 1;
    }

    pub(crate) fn status(&self, status: Status) {
        *self.book().stats.statuses.entry(status.code()).or_default() += 1;
    }

    /// Counts bytes of a content that were handed to the network.
    pub(crate) fn served(&self, path: PathKey, content_key: u64, offsets: Range<u64>) {
        let book = &mut *self.book();
        book.stats.bytes_served += offsets.end - offsets.start;
        if let Some(record) = book.paths.get_mut(&path.0) {
            if record.content_key != content_key {
                record.content_key = content_key;
                record.served = Intervals::default();
            }
            book.stats.bytes_served_twice += record.served.add(offsets);
        }
    }

    pub(crate) fn complete(&self) {
        self.book().stats.responses_complete += 1;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every entry leaves the book whole, so one that panicked in between cannot have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a Tally);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.book().stats.connections_open -= 1;
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Tally);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.book().stats.in_flight -= 1;
    }
}
