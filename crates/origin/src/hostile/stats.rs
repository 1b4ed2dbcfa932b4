//! What the server has received and sent.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::injected_fault::InjectedFault;
use super::intervals::Intervals;
use super::target::Target;
use crate::accept_loop::ConnectionCounts;
use crate::http1::Status;
use crate::random::{DrawPurpose, draw};

/// Paths whose attempts and sent bytes are counted, at about 150 bytes each. A path beyond them meets no faults, because
/// the number of its attempt is unknown.
const PATHS_TRACKED_MAX: usize = 1 << 20;

/// Counts since the start, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// The most connections that were ever open at once.
    pub connections_open_max: u64,
    /// Accepts that failed, for want of file descriptors or memory.
    pub accept_failures: u64,
    /// Well-formed request heads.
    pub requests: u64,
    /// Requests in progress now.
    pub in_flight: u64,
    /// The most requests that were ever in progress at once.
    pub in_flight_max: u64,
    /// Responses sent to the end that their framing announced, whatever their status.
    pub responses_complete: u64,
    /// Responses by status code, counted when their head was sent.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that met a fault, by its kind.
    pub faults_met: BTreeMap<InjectedFault, u64>,
    /// Bytes of content that were handed to the network, including those that a reset then discarded.
    pub bytes_served: u64,
    /// Those of them that had been sent before: the same offset of the same content. Exact up to 64 separate ranges of a
    /// content, otherwise too low.
    pub bytes_served_twice: u64,
    /// Requested paths, up to the number that is counted (about a million).
    pub paths: u64,
    /// Requests for paths beyond that number, which meet no faults.
    pub requests_untracked: u64,
}

/// Counts requests and bytes. Each call holds the lock for a few instructions.
#[derive(Debug, Default)]
pub(crate) struct StatsCollector(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    stats: Stats,
    paths: BTreeMap<u64, PathRecord>,
}

#[derive(Debug, Default)]
struct PathRecord {
    requests: u64,
    /// The content of `served`; it is cleared when the content changes.
    content_key: u64,
    served: Intervals,
}

/// The key of a path. Two of a million paths share one with a probability of one in tens of millions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathKey(u64);

impl PathKey {
    pub(crate) fn of(target: &Target) -> Self {
        Self(draw(0, DrawPurpose::PathKey, &target.resource(), 0))
    }
}

impl StatsCollector {
    pub(crate) fn stats(&self, connections: &ConnectionCounts) -> Stats {
        let counted = self.counted();
        Stats {
            connections: connections.accepted(),
            connections_open: connections.open_now(),
            connections_open_max: connections.open_max(),
            accept_failures: connections.accept_failures(),
            paths: counted.paths.len() as u64,
            ..counted.stats.clone()
        }
    }

    pub(crate) fn requests_of(&self, path: PathKey) -> u64 {
        self.counted().paths.get(&path.0).map_or(0, |record| record.requests)
    }

    /// Counts a request as in flight until the returned value is dropped. The second value is the number of this attempt on
    /// the path, from 1, or `None` where too many paths are counted already.
    pub(crate) fn request(&self, path: PathKey) -> (InFlight<'_>, Option<u64>) {
        let counted = &mut *self.counted();
        counted.stats.requests += 1;
        counted.stats.in_flight += 1;
        counted.stats.in_flight_max = counted.stats.in_flight_max.max(counted.stats.in_flight);
        let attempt = if counted.paths.len() < PATHS_TRACKED_MAX || counted.paths.contains_key(&path.0) {
            let record = counted.paths.entry(path.0).or_default();
            record.requests += 1;
            Some(record.requests)
        } else {
            counted.stats.requests_untracked += 1;
            None
        };
        (InFlight(self), attempt)
    }

    pub(crate) fn fault(&self, kind: InjectedFault) {
        *self.counted().stats.faults_met.entry(kind).or_default() += 1;
    }

    pub(crate) fn status(&self, status: Status) {
        *self.counted().stats.statuses.entry(status.code()).or_default() += 1;
    }

    /// Counts bytes of a content that were handed to the network.
    pub(crate) fn served(&self, path: PathKey, content_key: u64, offsets: Range<u64>) {
        let counted = &mut *self.counted();
        counted.stats.bytes_served += offsets.end - offsets.start;
        if let Some(record) = counted.paths.get_mut(&path.0) {
            if record.content_key != content_key {
                record.content_key = content_key;
                record.served = Intervals::default();
            }
            counted.stats.bytes_served_twice += record.served.add(offsets);
        }
    }

    pub(crate) fn complete(&self) {
        self.counted().stats.responses_complete += 1;
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // A poisoned lock is taken all the same: counts that are off by one are better than no server.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is in progress.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a StatsCollector);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.counted().stats.in_flight -= 1;
    }
}
