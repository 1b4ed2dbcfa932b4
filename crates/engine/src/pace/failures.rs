//! The failures since the last success.

use tokio::time::Instant;

#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    in_a_row: u32,
    /// Those of requests that were sent after the last cut.
    after_cut: u32,
    since: Option<Instant>,
    /// The request that was the first to fail.
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

    /// A request was served. Returns since when none had been. One that was sent before the first failure says nothing
    /// about what came after it.
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
