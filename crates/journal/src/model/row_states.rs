//! The state of every row, in two bits.

use crate::model::RowId;

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Not settled: never tried, under way, waiting, or in doubt.
    Pending,
    /// Its file is complete and durable.
    Done,
    /// It failed for good.
    Failed,
    /// It will not be fetched, or its server has no content for it.
    Skipped,
}

impl RowState {
    const fn bits(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Done => 1,
            Self::Failed => 2,
            Self::Skipped => 3,
        }
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Pending,
            1 => Self::Done,
            2 => Self::Failed,
            _ => Self::Skipped,
        }
    }
}

/// Rows by state. `done + failed + skipped + pending == rows`; the other counts are parts of those four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All rows.
    pub rows: u64,
    /// Files complete and durable.
    pub done: u64,
    /// Rows that failed for good, refused and lost ones included.
    pub failed: u64,
    /// Rows that are not fetched, duplicates included.
    pub skipped: u64,
    /// Rows not settled, parked and doubtful ones included.
    pub pending: u64,
    /// Of the failed: lines refused when they were read.
    pub refused: u64,
    /// Of the failed: rows whose text on disk is damaged.
    pub lost: u64,
    /// Of the skipped: repetitions of an earlier row.
    pub duplicates: u64,
    /// Of the pending: rows whose next attempt was put off beyond the run.
    pub parked: u64,
    /// Of the pending: rows whose file was being completed when the program stopped.
    pub in_doubt: u64,
}

/// The state of every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowStates {
    rows: u64,
    /// Four rows a byte, the lowest bits first.
    bits: Vec<u8>,
    counts: Counts,
}

impl RowStates {
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The state of a row; `Pending` for one beyond the end.
    pub fn state(&self, row: RowId) -> RowState {
        let Some(byte) = usize::try_from(row.0 / 4).ok().and_then(|index| self.bits.get(index)) else {
            return RowState::Pending;
        };
        RowState::from_bits(byte >> (row.0 % 4 * 2))
    }

    /// How many rows there are of each state.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Sets the state of a row. New rows before it are pending.
    pub(crate) fn set(&mut self, row: RowId, state: RowState) {
        self.grow(row.0.saturating_add(1));
        let before = self.state(row);
        *self.count_mut(before) -= 1;
        *self.count_mut(state) += 1;
        if let Some(byte) = usize::try_from(row.0 / 4).ok().and_then(|index| self.bits.get_mut(index)) {
            let shift = row.0 % 4 * 2;
            *byte = *byte & !(3 << shift) | state.bits() << shift;
        }
    }

    /// Adds pending rows until there are this many.
    pub(crate) fn grow(&mut self, rows: u64) {
        if rows <= self.rows {
            return;
        }
        self.counts.pending += rows - self.rows;
        self.counts.rows = rows;
        self.rows = rows;
        // Row numbers are checked against ROWS_MAX when they are read, so that this is far from the address space's end.
        self.bits.resize(usize::try_from(rows.div_ceil(4)).unwrap_or(usize::MAX), 0);
    }

    /// Removes the rows from this one on.
    pub(crate) fn shrink(&mut self, rows: u64) {
        for row in rows..self.rows {
            let state = self.state(RowId(row));
            *self.count_mut(state) -= 1;
            self.counts.rows -= 1;
        }
        self.rows = self.rows.min(rows);
        self.bits.truncate(usize::try_from(self.rows.div_ceil(4)).unwrap_or(usize::MAX));
        if let (Some(last), used @ 1..) = (self.bits.last_mut(), self.rows % 4) {
            *last &= (1 << (used * 2)) - 1;
        }
    }

    /// Sets the counts that are parts of others.
    pub(crate) fn annotate(&mut self, annotate: impl FnOnce(&mut Counts)) {
        annotate(&mut self.counts);
    }

    /// Four rows a byte.
    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    fn count_mut(&mut self, state: RowState) -> &mut u64 {
        match state {
            RowState::Pending => &mut self.counts.pending,
            RowState::Done => &mut self.counts.done,
            RowState::Failed => &mut self.counts.failed,
            RowState::Skipped => &mut self.counts.skipped,
        }
    }
}
