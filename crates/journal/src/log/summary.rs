//! Finished segments, folded: what the log adds up to at the end of a segment, so that opening a haul need not read its
//! whole history.
//!
//! A summary can always be made again from the segments, which are never removed. It is therefore never repaired: one that
//! is not perfect is passed over, for the one before it or for the segments themselves.

use std::io;

use super::fold::Fold;
use super::replay::replay;
use super::segments::LogSegment;
use crate::error::JournalError;
use crate::files::{CreateError, create_complete, read_file};
use crate::format::{Frames, HEADER_BYTES, Header, HeaderRead, Item, LogRecord, Stamp, append_frame};
use crate::layout::{Kind, state_directory};
use crate::record::Record;
use crate::row::RowId;
use crate::states::State;
use crate::storage::Storage;

/// How many summaries are kept: the newest, and one to fall back to.
const KEPT: usize = 2;
/// Bytes of row states in one frame.
const STATES_BYTES: usize = 64 << 10;

/// The newest summary that is good and belongs to the segments, with its number.
pub(super) fn newest(
    storage: &dyn Storage,
    names: &[String],
    segments: &[LogSegment],
) -> Option<(u32, Fold)> {
    let mut buffer = Vec::new();
    Kind::Summary.numbers(names).into_iter().rev().find_map(|number| {
        let segment = segments.iter().find(|segment| segment.number == number && segment.limit.is_some())?;
        let path = Kind::Summary.path(number);
        read_file(storage, &path, None, &mut buffer).ok()?;
        let HeaderRead::Intact(header) = Header::decode(&buffer, Kind::Summary, number, &path).ok()? else {
            return None;
        };
        let fold = decode(&buffer, header.salt).filter(|_| segment.limit == Some(header.base))?;
        Some((number, fold))
    })
}

/// Writes the summary of the segments up to a number, the last of them up to a byte, and removes the oldest ones. Where the
/// segments are damaged there is none: the damage is then found, and reported, whenever the haul is opened.
pub(crate) fn write_summary(
    storage: &dyn Storage,
    stamp: Stamp,
    number: u32,
    base: u64,
) -> Result<(), JournalError> {
    let names = storage.list(&state_directory()).map_err(JournalError::io("list", state_directory()))?;
    let replay = replay(storage, &names, Some((number, base)))?;
    if !replay.damage.is_empty() {
        return Ok(());
    }
    let header = Header { kind: Kind::Summary, number, base, salt: stamp.salt(Kind::Summary, number) };
    let path = Kind::Summary.path(number);
    let write = |bytes: Vec<u8>| create_complete(storage, &path, &bytes).map_err(CreateError::into_io);
    encode(&replay.fold, &header).and_then(write).map_err(JournalError::io("write", &path))?;
    let old = Kind::Summary.numbers(&names).into_iter().filter(|&old| old != number).rev().skip(KEPT - 1);
    for old in old {
        let path = Kind::Summary.path(old);
        storage.remove(&path).map_err(JournalError::io("remove", path))?;
    }
    Ok(())
}

fn encode(fold: &Fold, header: &Header) -> io::Result<Vec<u8>> {
    let mut bytes = header.encode().to_vec();
    let mut put = |record: LogRecord| append_frame(&mut bytes, header.salt, |out| record.encode(out));
    for (index, bits) in fold.states.bits().chunks(STATES_BYTES).enumerate() {
        put(LogRecord::States { first_row: (index * STATES_BYTES * 4) as u64, bits: bits.to_vec() })?;
    }
    if let Some(boot_id) = fold.boot_id {
        put(LogRecord::Record(Record::Session { boot_id, started_unix_ms: 0, version: String::new() }))?;
    }
    for (row, waiting) in &fold.waiting {
        put(LogRecord::Record(Record::Waiting(*row, waiting.clone())))?;
    }
    for (row, kept) in &fold.parts {
        put(LogRecord::Record(Record::Part(*row, kept.part.clone())))?;
        for mark in &kept.marks {
            put(LogRecord::Record(Record::PartHeld(*row, *mark)))?;
        }
        put(LogRecord::Record(Record::PartSynced(*row, kept.synced_len)))?;
    }
    for (row, done) in &fold.doubts {
        put(LogRecord::Record(Record::Doubt(*row, done.clone())))?;
    }
    put(LogRecord::SummaryEnd { rows: fold.states.rows(), spool_rows: fold.spool_rows })?;
    Ok(bytes)
}

/// Everything must be in its place, or there is no summary.
fn decode(bytes: &[u8], salt: u32) -> Option<Fold> {
    let mut fold = Fold::default();
    let mut complete = false;
    for item in Frames::new(bytes, HEADER_BYTES, salt) {
        let Item::Frame { payload, .. } = item else { return None };
        if complete {
            return None;
        }
        match LogRecord::decode(&bytes[payload])? {
            LogRecord::States { first_row, bits } => add_states(&mut fold, first_row, &bits)?,
            LogRecord::SummaryEnd { rows, spool_rows } => {
                complete = true;
                if rows > RowId::COUNT_MAX
                    || spool_rows > RowId::COUNT_MAX
                    || rows.div_ceil(4) * 4 != fold.states.rows()
                {
                    return None;
                }
                fold.states.shrink(rows);
                fold.states.grow(rows);
                fold.spool_rows = spool_rows;
            }
            record => fold.apply(record).then_some(())?,
        }
    }
    complete.then_some(fold)
}

fn add_states(fold: &mut Fold, first_row: u64, bits: &[u8]) -> Option<()> {
    if first_row != fold.states.rows() || first_row + bits.len() as u64 * 4 > RowId::COUNT_MAX + 4 {
        return None;
    }
    fold.states.grow(first_row + bits.len() as u64 * 4);
    for (row, byte) in (first_row..).step_by(4).zip(bits) {
        for position in 0..4 {
            let state = State::from_bits(byte >> (position * 2));
            if state != State::Pending {
                fold.states.set(RowId(row + position), state);
            }
        }
    }
    Some(())
}
