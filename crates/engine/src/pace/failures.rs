//! The failures of a host since its last success.

use tokio::time::Instant;

/// Counts consecutive failures.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    in_a_row: u32,
    /// Failures of requests that were sent after the last cut.
    after_cut: u32,
    since: Option<Instant>,
    /// The first request that failed.
    first_sequence: u64,
}

impl Failures {
    pub(super) fn note(&mut self, sequence: u64, now: Instant) {
        if self.in_a_row == 0 {
            self.first_sequence = sequence;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.since.get_or_insert(now);
    }

    pub(super) fn note_cut(&mut self) {
        self.after_cut = self.after_cut.saturating_add(1);
    }

    /// A request was served. Returns the time of the first failure, if that ends a run of failures: a request that was sent
    /// before the first failure says nothing about the time after it.
    pub(super) fn end(&mut self, sequence: u64) -> Option<Instant> {
        if sequence < self.first_sequence {
            return None;
        }
        self.in_a_row = 0;
        self.after_cut = 0;
        self.since.take()
    }

    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    pub(super) fn after_cut(&self) -> u32 {
        self.after_cut
    }

    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }
}
