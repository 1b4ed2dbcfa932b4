//! What the sink writes to the trace: when a body begins, what a commit made durable, and what a crash had left.
//!
//! Off unless the program sets a subscriber; then an event costs one load of a static.

use std::io;
use std::time::Duration;

use longhaul_journal::{Location, RowId};
use tokio::time::Instant;
use tracing::{debug, trace, warn};

use super::group::Entry;

/// The target of the sink's events.
const SINK: &str = "longhaul::sink";

/// A body begins; bytes of it that the store kept are discarded.
pub(super) fn body_begun(row: RowId, length: Option<u64>, is_resumable: bool) {
    debug!(target: SINK, row = row.0, length, is_resumable, "a body begins");
}

/// An unfinished body is opened again, and continued from this offset.
pub(super) fn body_resumed(row: RowId, offset: u64) {
    debug!(target: SINK, row = row.0, offset, "a body is resumed");
}

/// Bytes that were to continue a body do not: somebody else has changed it, or it is lost.
pub(super) fn body_discontinuous(row: RowId, offset: u64) {
    debug!(target: SINK, row = row.0, offset, "a piece does not continue the body");
}

/// A body has its final name and is not durable there yet.
pub(super) fn published(row: RowId, name: &str, location: &Location) {
    trace!(target: SINK, row = row.0, name, ?location, "a body is published");
}

/// A body did not get its final name.
pub(super) fn not_published(row: RowId, name: &str, error: &io::Error) {
    debug!(target: SINK, row = row.0, name, %error, "a body is not published");
}

/// An operation on the disk failed with an error that goes away when somebody makes room.
pub(super) fn disk_full(reason: &str, error: &io::Error) {
    warn!(target: SINK, reason, %error, "an operation waits for the disk");
}

/// A body could not be synced, so its row begins again.
pub(super) fn sync_failed(error: &io::Error, failures_in_a_row: u32) {
    warn!(target: SINK, %error, failures_in_a_row, "a body could not be synced");
}

/// What became of a row that a crash had left in doubt. Without a location its body is not there, and the row is fetched again.
pub(super) fn doubt_resolved(row: RowId, location: Option<&Location>) {
    debug!(target: SINK, row = row.0, ?location, is_done = location.is_some(), "a doubt is resolved");
}

/// A commit in progress, and when each of its steps ended.
pub(super) struct Commit {
    begun_at: Instant,
    outcomes: usize,
    bodies: usize,
    synced_after: Duration,
    published_after: Duration,
}

impl Commit {
    pub(super) fn begin(entries: &[Entry], now: Instant) -> Self {
        Self {
            begun_at: now,
            outcomes: entries.len(),
            bodies: entries.iter().filter(|entry| matches!(entry, Entry::Complete(_))).count(),
            synced_after: Duration::ZERO,
            published_after: Duration::ZERO,
        }
    }

    /// The bodies are on stable storage.
    pub(super) fn synced(&mut self, now: Instant) {
        self.synced_after = now.saturating_duration_since(self.begun_at);
    }

    /// Their publications are.
    pub(super) fn published(&mut self, now: Instant) {
        self.published_after = now.saturating_duration_since(self.begun_at);
    }

    /// The group is durable. `settled` outcomes of it are reported; the other rows begin again.
    pub(super) fn end(self, settled: usize, now: Instant) {
        let Self { begun_at, outcomes, bodies, synced_after, published_after } = self;
        let elapsed = now.saturating_duration_since(begun_at);
        debug!(
            target: SINK,
            outcomes,
            bodies,
            settled,
            ?synced_after,
            ?published_after,
            ?elapsed,
            "a group is committed"
        );
    }
}
