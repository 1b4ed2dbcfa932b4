//! Two bits a row: what has become of every row, in memory that a list of ten million lines does not notice.

use crate::row::RowId;

/// What has become of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not settled: never tried, under way, waiting, or in doubt.
    Pending,
    /// Its file is complete and durable.
    Done,
    /// It failed for good.
    Failed,
    /// It will not be fetched.
    Skipped,
}

impl State {
    const fn bits(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Done => 1,
            Self::Failed => 2,
            Self::Skipped => 3,
        }
    }

    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Pending,
            1 => Self::Done,
            2 => Self::Failed,
            _ => Self::Skipped,
        }
    }
}

/// How many rows there are of each state. `done + failed + skipped + pending == rows`; the other counts say what is among those.
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
pub struct Summary {
    rows: u64,
    /// Four rows a byte, the lowest bits first.
    bits: Vec<u8>,
    counts: Counts,
}

impl Summary {
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The state of a row; `Pending` for one beyond the end.
    pub fn state(&self, row: RowId) -> State {
        let Some(byte) = usize::try_from(row.0 / 4).ok().and_then(|index| self.bits.get(index)) else {
            return State::Pending;
        };
        State::from_bits(byte >> (row.0 % 4 * 2))
    }

    /// How many rows there are of each state.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
