//! What became of each row, with its details, in row order and in memory that does not grow with the list.
//!
//! The log is in the order of events. It is scanned once, and the place of the record that decides is kept for each row: twelve
//! bytes. Then rows are visited in order, a batch at a time, and the records of a batch are read from their places in the order of
//! the log. A list of over [`CHUNK_ROWS`] rows takes a scan for each such chunk.

use std::ops::Range;
use std::sync::Arc;

use crate::error::JournalError;
use crate::files::read_file;
use crate::format::{FRAME_PREFIX_BYTES, Frames, HEADER_BYTES, Item, LogRecord, row_of};
use crate::log::LogSegment;
use crate::model::{Done, Failed, NoContent, Record, Waiting};
use crate::model::{Entry, Row, RowId};
use crate::spool::{BLOCK_ROWS, BlockId, SpoolReader};
use crate::storage::Storage;

/// Rows whose places are kept at once: 96 MB.
const CHUNK_ROWS: u64 = 8 << 20;
/// A batch ends with the block of rows in which its records pass this size, in bytes.
const BATCH_BYTES: usize = 16 << 20;
/// Two records that are no further apart than this are read with one call: copying so many bytes costs less than another call.
const GAP_BYTES_MAX: u64 = 4 << 10;
/// The longest such read, in bytes.
const READ_BYTES_MAX: u64 = 1 << 20;

/// What became of a row, as a report tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordedOutcome<'a> {
    /// Complete and durable.
    Done(&'a Done),
    /// Failed for good.
    Failed(&'a Failed),
    /// Not fetched, for this reason.
    Skipped(&'a str),
    /// The server answered that there is nothing to download.
    NoContent(&'a NoContent),
    /// Not part of the haul any more.
    Forgotten,
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
    mut visit: impl FnMut(RowId, &Row, RecordedOutcome<'_>),
) -> Result<(), JournalError> {
    let count = rows.published();
    let mut block_rows = Vec::new();
    let mut batch = Batch::default();
    for first_row in (0..count).step_by(usize::try_from(CHUNK_ROWS).unwrap_or(usize::MAX)) {
        let chunk = first_row..first_row.saturating_add(CHUNK_ROWS).min(count);
        let places = RecordOffsets::scan(&**storage, segments, chunk.clone())?;
        let mut next = first_row;
        while next < chunk.end {
            batch.read(&**storage, segments, &places, next)?;
            for block in next / BLOCK_ROWS..batch.rows.end.div_ceil(BLOCK_ROWS) {
                rows.read_block(BlockId(block), &mut block_rows)
                    .map_err(JournalError::io("read", "the spool"))?;
                for (id, row) in &block_rows {
                    let record = batch.record(*id);
                    visit(*id, row, outcome(row, record.as_ref()));
                }
            }
            next = batch.rows.end;
        }
    }
    Ok(())
}

/// Calls `visit` with the payload of every record that changes the outcome of a row, in the order of the log, and with its segment's
/// place in the list and its own offset there.
pub(crate) fn for_each_deciding_record(
    storage: &dyn Storage,
    segments: &[LogSegment],
    mut visit: impl FnMut(RowId, &[u8], usize, usize),
) -> Result<(), JournalError> {
    let mut bytes = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let Some(header) = segment.header.of_records() else { continue };
        read_file(storage, &segment.path, segment.limit, &mut bytes)?;
        for item in Frames::new(&bytes, HEADER_BYTES, header.salt) {
            let Item::Frame { offset, payload } = item else { continue };
            if let Some((row, true)) = row_of(&bytes[payload.clone()]) {
                visit(row, &bytes[payload], place, offset);
            }
        }
    }
    Ok(())
}

fn outcome<'a>(row: &'a Row, said: Option<&'a LogRecord>) -> RecordedOutcome<'a> {
    match (&row.entry, said) {
        (_, Some(LogRecord::Record(Record::Forgotten(_)))) => RecordedOutcome::Forgotten,
        (Entry::Refused { reason, .. }, _) => RecordedOutcome::Refused(reason),
        (Entry::Duplicate { of, .. }, _) => RecordedOutcome::Duplicate(*of),
        (_, Some(LogRecord::Record(Record::Done(_, done)))) => RecordedOutcome::Done(done),
        (_, Some(LogRecord::Record(Record::Failed(_, failed)))) => RecordedOutcome::Failed(failed),
        (_, Some(LogRecord::Record(Record::Skipped(_, reason)))) => RecordedOutcome::Skipped(reason),
        (_, Some(LogRecord::Record(Record::NoContent(_, none)))) => RecordedOutcome::NoContent(none),
        (Entry::Lost, _) => RecordedOutcome::Lost,
        (_, Some(LogRecord::Record(Record::Doubt(_, done)))) => RecordedOutcome::InDoubt(done),
        (_, Some(LogRecord::Record(Record::Waiting(_, waiting)))) => RecordedOutcome::Waiting(waiting),
        (Entry::Fetch { .. }, _) => RecordedOutcome::Pending,
    }
}

/// Where the deciding records of a chunk of rows lie.
struct RecordOffsets {
    rows: Range<u64>,
    places: Vec<Place>,
}

/// Where a record lies. Its length is 0 if there is none.
#[derive(Clone, Copy, Default)]
struct Place {
    segment: u32,
    /// Of the payload in the segment: a segment is far shorter than 4 GiB.
    offset: u32,
    /// Of the payload: at most 2^20.
    len: u32,
}

impl RecordOffsets {
    fn scan(storage: &dyn Storage, segments: &[LogSegment], rows: Range<u64>) -> Result<Self, JournalError> {
        let len = usize::try_from(rows.end - rows.start).unwrap_or(0);
        let mut places = vec![Place::default(); len];
        for_each_deciding_record(storage, segments, |row, payload, segment, offset| {
            let index = row.0.checked_sub(rows.start).and_then(|index| usize::try_from(index).ok());
            let Some(place) = index.and_then(|index| places.get_mut(index)) else { return };
            let number = |number: usize| u32::try_from(number).unwrap_or(0);
            let (segment, offset) = (number(segment), number(offset + FRAME_PREFIX_BYTES));
            *place = Place { segment, offset, len: number(payload.len()) };
        })?;
        Ok(Self { rows, places })
    }

    fn of(&self, row: u64) -> Place {
        let index = row.checked_sub(self.rows.start).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.places.get(index)).copied().unwrap_or_default()
    }
}

/// The deciding records of consecutive rows, still encoded.
#[derive(Default)]
struct Batch {
    rows: Range<u64>,
    /// The rows that have a record, by segment and offset.
    wanted: Vec<(Place, u64)>,
    records: Vec<u8>,
    /// Where the record of each row stands among `records`, and whether a `Done` there was never committed.
    slots: Vec<(Range<usize>, bool)>,
    buffer: Vec<u8>,
}

impl Batch {
    /// Reads the records of the rows from `first` on, up to the end of a block or of the chunk.
    fn read(
        &mut self,
        storage: &dyn Storage,
        segments: &[LogSegment],
        places: &RecordOffsets,
        first: u64,
    ) -> Result<(), JournalError> {
        self.choose(places, first);
        self.records.clear();
        self.slots.clear();
        self.slots.resize(usize::try_from(self.rows.end - self.rows.start).unwrap_or(0), (0..0, false));
        let mut from = 0;
        while from < self.wanted.len() {
            let to = self.run_end(from);
            let run = &self.wanted[from..to];
            let (Place { segment, offset, .. }, Place { offset: last, len, .. }) =
                (run[0].0, run[run.len() - 1].0);
            let segment = &segments[segment as usize];
            self.buffer.resize((last - offset + len) as usize, 0);
            let read = storage
                .open_read(&segment.path)
                .and_then(|file| file.read_at(&mut self.buffer, u64::from(offset)));
            let count = read.map_err(JournalError::io("read", &segment.path))?;
            for (place, row) in run {
                let start = (place.offset - offset) as usize;
                let Some(record) = self.buffer[..count].get(start..start + place.len as usize) else {
                    continue;
                };
                let slot = self.records.len()..self.records.len() + record.len();
                self.records.extend_from_slice(record);
                let frame_start = u64::from(place.offset) - FRAME_PREFIX_BYTES as u64;
                let index = usize::try_from(row - self.rows.start).unwrap_or(0);
                self.slots[index] = (slot, frame_start >= segment.settled_end);
            }
            from = to;
        }
        Ok(())
    }

    /// Chooses the rows of the batch.
    fn choose(&mut self, places: &RecordOffsets, first: u64) {
        self.wanted.clear();
        self.rows = first..first;
        let mut bytes = 0;
        while self.rows.end < places.rows.end && bytes < BATCH_BYTES {
            let block_end = (self.rows.end / BLOCK_ROWS + 1) * BLOCK_ROWS;
            for row in self.rows.end..block_end.min(places.rows.end) {
                let place = places.of(row);
                if place.len > 0 {
                    bytes += place.len as usize;
                    self.wanted.push((place, row));
                }
            }
            self.rows.end = block_end.min(places.rows.end);
        }
        self.wanted.sort_unstable_by_key(|(place, _)| (place.segment, place.offset));
    }

    /// The end of the run of records from this one on that are read with one call.
    fn run_end(&self, from: usize) -> usize {
        let first = self.wanted[from].0;
        let is_split = |pair: &[(Place, u64)]| {
            let (before, after) = (pair[0].0, pair[1].0);
            let gap = u64::from(after.offset).saturating_sub(u64::from(before.offset + before.len));
            before.segment != after.segment
                || gap > GAP_BYTES_MAX
                || u64::from(after.offset - first.offset + after.len) > READ_BYTES_MAX
        };
        let split = self.wanted[from..].windows(2).position(is_split);
        split.map_or(self.wanted.len(), |at| from + at + 1)
    }

    fn record(&self, row: RowId) -> Option<LogRecord> {
        let index = row.0.checked_sub(self.rows.start).and_then(|index| usize::try_from(index).ok())?;
        let (slot, is_unsettled) = self.slots.get(index)?;
        let record = LogRecord::decode(self.records.get(slot.clone())?)?;
        Some(match record {
            LogRecord::Record(Record::Done(row, done)) if *is_unsettled => {
                LogRecord::Record(Record::Doubt(row, done))
            }
            record => record,
        })
    }
}
