//! Summaries: the state of the log at the end of a segment, so that opening a haul does not read its whole history.
//!
//! A summary can always be made again from the segments, which are never removed. So it is never repaired: a damaged one is ignored,
//! in favour of the one before it or of the segments.

use std::io;

use super::segments::LogSegment;
use super::state::LogState;
use crate::files::{Kind, read_file};
use crate::format::{Frames, HEADER_BYTES, Header, HeaderRead, Item, LogRecord, append_frame};
use crate::model::Record;
use crate::model::RowId;
use crate::model::RowState;
use crate::storage::Storage;

/// Bytes of row states in one frame.
const STATES_BYTES: usize = 64 << 10;

/// The newest summary that is good and belongs to the segments, with its number.
pub(super) fn newest(
    storage: &dyn Storage,
    names: &[String],
    segments: &[LogSegment],
) -> Option<(u32, LogState)> {
    let mut buffer = Vec::new();
    Kind::Summary.numbers(names).into_iter().rev().find_map(|number| {
        let segment = segments.iter().find(|segment| segment.number == number && segment.limit.is_some())?;
        let path = Kind::Summary.path(number);
        read_file(storage, &path, None, &mut buffer).ok()?;
        let HeaderRead::Intact(header) = Header::decode(&buffer, Kind::Summary, number, &path).ok()? else {
            return None;
        };
        let state = decode(&buffer, header.salt).filter(|_| segment.limit == Some(header.base))?;
        Some((number, state))
    })
}

/// The bytes of a summary with this header.
pub(super) fn encode(state: &LogState, header: &Header) -> io::Result<Vec<u8>> {
    let mut bytes = header.encode().to_vec();
    let mut put = |record: LogRecord| append_frame(&mut bytes, header.salt, |out| record.encode(out));
    for (index, bits) in state.states.bits().chunks(STATES_BYTES).enumerate() {
        put(LogRecord::States { first_row: (index * STATES_BYTES * 4) as u64, bits: bits.to_vec() })?;
    }
    if let Some(boot_id) = state.boot_id {
        put(LogRecord::Record(Record::Session { boot_id, started_unix_ms: 0, version: String::new() }))?;
    }
    for (row, waiting) in &state.waiting {
        put(LogRecord::Record(Record::Waiting(*row, waiting.clone())))?;
    }
    for (row, kept) in &state.parts {
        put(LogRecord::Record(Record::Part(*row, kept.part.clone())))?;
        for checkpoint in &kept.checkpoints {
            put(LogRecord::Record(Record::PartCheckpoint(*row, *checkpoint)))?;
        }
        put(LogRecord::Record(Record::PartSynced(*row, kept.synced_len)))?;
    }
    for (row, done) in &state.doubts {
        put(LogRecord::Record(Record::Doubt(*row, done.clone())))?;
    }
    for (first_row, count) in state.forgotten.ranges() {
        put(LogRecord::ForgottenRows { first_row: first_row.0, count })?;
    }
    put(LogRecord::SummaryEnd { rows: state.states.rows(), spool_rows: state.spool_rows })?;
    Ok(bytes)
}

/// Everything must be in its place, or there is no summary.
fn decode(bytes: &[u8], salt: u32) -> Option<LogState> {
    let mut state = LogState::default();
    let mut complete = false;
    for item in Frames::new(bytes, HEADER_BYTES, salt) {
        let Item::Frame { payload, .. } = item else { return None };
        if complete {
            return None;
        }
        match LogRecord::decode(&bytes[payload])? {
            LogRecord::States { first_row, bits } => add_states(&mut state, first_row, &bits)?,
            LogRecord::ForgottenRows { first_row, count } => {
                let end = first_row.checked_add(count).filter(|end| *end <= RowId::COUNT_MAX)?;
                if !state.forgotten.append(RowId(first_row), end) {
                    return None;
                }
            }
            LogRecord::SummaryEnd { rows, spool_rows } => {
                complete = true;
                if rows > RowId::COUNT_MAX
                    || spool_rows > RowId::COUNT_MAX
                    || rows.div_ceil(4) * 4 != state.states.rows()
                {
                    return None;
                }
                if state.forgotten.end() > rows {
                    return None;
                }
                state.states.shrink(rows);
                state.states.grow(rows);
                state.spool_rows = spool_rows;
            }
            record => state.apply(record).then_some(())?,
        }
    }
    complete.then_some(state)
}

fn add_states(state: &mut LogState, first_row: u64, bits: &[u8]) -> Option<()> {
    if first_row != state.states.rows() || first_row + bits.len() as u64 * 4 > RowId::COUNT_MAX + 4 {
        return None;
    }
    state.states.grow(first_row + bits.len() as u64 * 4);
    for (row, byte) in (first_row..).step_by(4).zip(bits) {
        for position in 0..4 {
            let row_state = RowState::from_bits(byte >> (position * 2));
            if row_state != RowState::Pending {
                state.states.set(RowId(row + position), row_state);
            }
        }
    }
    Some(())
}
