//! The failures of a host since its last success.

use tokio::time::Instant;

/// Counts consecutive failures.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    in_a_row: u32,
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

    /// A request was served: that ends the run of failures, unless the request was sent before the first of them.
    pub(super) fn end(&mut self, sequence: u64) {
        if sequence >= self.first_sequence {
            (self.in_a_row, self.since) = (0, None);
        }
    }

    /// The number of consecutive failures and the time of the first, if there are any.
    pub(super) fn run(&self) -> Option<(u32, Instant)> {
        Some((self.in_a_row, self.since?))
    }
}
