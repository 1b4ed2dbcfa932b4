//! What became of each row, with its details, in row order and in memory that does not grow with the list.
//!
//! The log is in the order of events. For each chunk of rows it is read once from end to end, and the record that decides is
//! kept for each row of the chunk.

use std::ops::Range;
use std::sync::Arc;

use crate::error::JournalError;
use crate::files::read_file;
use crate::format::{Frames, HEADER_BYTES, Item, LogRecord, row_of};
use crate::log::LogSegment;
use crate::record::{Done, Failed, Record, Waiting};
use crate::row::{Entry, Row, RowId};
use crate::spool::{BLOCK_ROWS, BlockId, SpoolReader};
use crate::storage::Storage;

/// Rows in a chunk: about 60 megabytes of ordinary records, and ten passes over the log for five million rows.
const CHUNK_ROWS: u64 = 512 << 10;
/// When the kept records reach this size, in bytes, those that later ones replaced are thrown out.
const RECORDS_BYTES: usize = 96 << 20;

/// What became of a row, as a report tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// Complete and durable.
    Done(&'a Done),
    /// Failed for good.
    Failed(&'a Failed),
    /// Not fetched, for this reason.
    Skipped(&'a str),
    /// Refused when the line was read, for this reason.
    Refused(&'a str),
    /// The same address as this earlier row.
    Duplicate(RowId),
    /// The row's text on disk is damaged, and the log does not know it either.
    Lost,
    /// Pending: it was being completed when the program stopped.
    InDoubt(&'a Done),
    /// Pending: between two attempts.
    Waiting(&'a Waiting),
    /// Pending: the log does not say more.
    Pending,
}

/// Calls `visit` with every row and what became of it.
pub(crate) fn for_each_outcome(
    storage: &Arc<dyn Storage>,
    segments: &[LogSegment],
    rows: &SpoolReader,
    mut visit: impl FnMut(RowId, &Row, Outcome<'_>),
) -> Result<(), JournalError> {
    let count = rows.published();
    let mut chunk = Chunk::default();
    let mut block_rows = Vec::new();
    let mut first_row = 0;
    while first_row < count {
        let end = first_row.saturating_add(CHUNK_ROWS).min(count);
        chunk.read(&**storage, segments, first_row..end)?;
        for block in first_row / BLOCK_ROWS..end.div_ceil(BLOCK_ROWS) {
            rows.read_block(BlockId(block), &mut block_rows)
                .map_err(JournalError::io("read", "the spool"))?;
            for (id, row) in &block_rows {
                let said = chunk.record(*id);
                visit(*id, row, outcome(row, said.as_ref()));
            }
        }
        first_row = end;
    }
    Ok(())
}

fn outcome<'a>(row: &'a Row, said: Option<&'a LogRecord>) -> Outcome<'a> {
    match (&row.entry, said) {
        (Entry::Refused { reason, .. }, _) => Outcome::Refused(reason),
        (Entry::Duplicate { of, .. }, _) => Outcome::Duplicate(*of),
        (_, Some(LogRecord::Record(Record::Done(_, done)))) => Outcome::Done(done),
        (_, Some(LogRecord::Record(Record::Failed(_, failed)))) => Outcome::Failed(failed),
        (_, Some(LogRecord::Record(Record::Skipped(_, reason)))) => Outcome::Skipped(reason),
        (Entry::Lost, _) => Outcome::Lost,
        (_, Some(LogRecord::Record(Record::Doubt(_, done)))) => Outcome::InDoubt(done),
        (_, Some(LogRecord::Record(Record::Waiting(_, waiting)))) => Outcome::Waiting(waiting),
        (Entry::Fetch { .. }, _) => Outcome::Pending,
    }
}

/// The records that decide over some rows, still encoded.
#[derive(Default)]
struct Chunk {
    rows: Range<u64>,
    slots: Vec<Slot>,
    records: Vec<u8>,
    /// Bytes of the records that no later one has replaced.
    live_bytes: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    start: usize,
    len: u32,
    /// Whether a `Done` there was never committed.
    unsettled: bool,
}

impl Slot {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.len as usize
    }
}

impl Chunk {
    fn read(
        &mut self,
        storage: &dyn Storage,
        segments: &[LogSegment],
        rows: Range<u64>,
    ) -> Result<(), JournalError> {
        self.slots.clear();
        self.slots.resize(usize::try_from(rows.end - rows.start).unwrap_or(0), Slot::default());
        self.records.clear();
        self.live_bytes = 0;
        self.rows = rows;
        let mut bytes = Vec::new();
        for segment in segments {
            let Some(header) = segment.header.readable() else { continue };
            read_file(storage, &segment.path, segment.limit, &mut bytes)?;
            for item in Frames::new(&bytes, HEADER_BYTES, header.salt) {
                let Item::Frame { offset, payload } = item else { continue };
                self.keep(&bytes[payload], offset as u64 >= segment.settled_end);
            }
        }
        Ok(())
    }

    fn keep(&mut self, payload: &[u8], unsettled: bool) {
        let Some(row) = row_of(payload).filter(|(_, changes_outcome)| *changes_outcome).map(|(row, _)| row)
        else {
            return;
        };
        let Some(place) = self.place(row) else { return };
        if self.records.len() >= RECORDS_BYTES && self.live_bytes < self.records.len() / 2 {
            self.compact();
        }
        // A payload is at most a megabyte long.
        let len = u32::try_from(payload.len()).unwrap_or(0);
        self.live_bytes = self.live_bytes + payload.len() - self.slots[place].len as usize;
        self.slots[place] = Slot { start: self.records.len(), len, unsettled };
        self.records.extend_from_slice(payload);
    }

    fn compact(&mut self) {
        let mut records = Vec::with_capacity(self.live_bytes);
        for slot in &mut self.slots {
            let range = slot.range();
            slot.start = records.len();
            records.extend_from_slice(&self.records[range]);
        }
        self.records = records;
    }

    fn record(&self, row: RowId) -> Option<LogRecord> {
        let slot = self.slots[self.place(row)?];
        let record = LogRecord::decode(&self.records[slot.range()])?;
        Some(match record {
            LogRecord::Record(Record::Done(row, done)) if slot.unsettled => {
                LogRecord::Record(Record::Doubt(row, done))
            }
            record => record,
        })
    }

    fn place(&self, row: RowId) -> Option<usize> {
        self.rows.contains(&row.0).then(|| usize::try_from(row.0 - self.rows.start).ok()).flatten()
    }
}
