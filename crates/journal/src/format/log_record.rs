//! The payloads of the log and of summaries.

use super::log_parts::{
    DoneEnd, LOCATION_OBJECT, LOCATION_RECORD, flag, put_done_end, put_fault, put_times, put_validator,
    take_done_end, take_fault, take_location, take_times, take_validator, validator_flags,
};
use super::wire::{PayloadReader, put_number, put_text, put_text_if};
use crate::model::RowId;
use crate::model::{Checkpoint, Done, Failed, Location, NoContent, Part, Record, Verification, Waiting};

const SESSION: u8 = 1;
const PART: u8 = 2;
const PART_SYNCED: u8 = 3;
const WAITING: u8 = 4;
const DONE: u8 = 5;
const FAILED: u8 = 6;
const SKIPPED: u8 = 7;
const REOPENED: u8 = 8;
const DOUBT: u8 = 9;
const MARKER: u8 = 10;
const STATES: u8 = 11;
const SUMMARY_END: u8 = 12;
const PART_CHECKPOINT: u8 = 13;
const NO_CONTENT: u8 = 14;
const FORGOTTEN: u8 = 15;
const FORGOTTEN_ROWS: u8 = 16;

/// The flags of a part beside those of its validator. Before format version 4 only strong dates were recorded, so a date without
/// the last flag is strong.
const PART_HAS_TOTAL: u8 = 0x08;
const PART_IS_RESUMABLE: u8 = 0x10;
const PART_HAS_WEAK_DATE: u8 = 0x20;
/// The flag of a `done` whose body does not lie in a file of its own.
const HAS_LOCATION: u8 = 0x80;

/// What a frame of the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every frame is a record, and few are in memory at once"
)]
pub(crate) enum LogRecord {
    Record(Record),
    /// Everything before is settled.
    Marker(Marker),
    /// `RowStates` only: the states of rows from the first one on, four a byte.
    States {
        first_row: u64,
        bits: Vec<u8>,
    },
    /// `RowStates` only: consecutive rows that are forgotten.
    ForgottenRows {
        first_row: u64,
        count: u64,
    },
    /// `RowStates` only: its last frame.
    SummaryEnd {
        rows: u64,
        spool_rows: u64,
    },
}

/// The end of a group that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The segment up to this byte was on stable storage before the marker was written.
    pub(crate) durable_bytes: u64,
    /// As many rows of the spool were on stable storage before the marker was written.
    pub(crate) spool_rows: u64,
}

/// The row that a payload is about and whether it changes the row's outcome, without decoding the rest.
pub(crate) fn row_of(payload: &[u8]) -> Option<(RowId, bool)> {
    let mut reader = PayloadReader::new(payload);
    let kind = reader.byte()?;
    let changes_outcome = match kind {
        WAITING | DONE | FAILED | SKIPPED | NO_CONTENT | FORGOTTEN | REOPENED | DOUBT => true,
        PART | PART_CHECKPOINT | PART_SYNCED => false,
        _ => return None,
    };
    Some((RowId(reader.number()?), changes_outcome))
}

impl LogRecord {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Record(record) => encode_record(record, out),
            Self::Marker(marker) => {
                out.push(MARKER);
                put_number(out, marker.durable_bytes);
                put_number(out, marker.spool_rows);
            }
            Self::States { first_row, bits } => {
                out.push(STATES);
                put_number(out, *first_row);
                out.extend_from_slice(bits);
            }
            Self::ForgottenRows { first_row, count } => {
                out.push(FORGOTTEN_ROWS);
                put_number(out, *first_row);
                put_number(out, *count);
            }
            Self::SummaryEnd { rows, spool_rows } => {
                out.push(SUMMARY_END);
                put_number(out, *rows);
                put_number(out, *spool_rows);
            }
        }
    }

    /// The row that it is about.
    pub(crate) fn row(&self) -> Option<RowId> {
        match self {
            Self::Record(
                Record::Part(row, _)
                | Record::Doubt(row, _)
                | Record::PartCheckpoint(row, _)
                | Record::PartSynced(row, _)
                | Record::Waiting(row, _)
                | Record::Done(row, _)
                | Record::Failed(row, _)
                | Record::Skipped(row, _)
                | Record::NoContent(row, _)
                | Record::Forgotten(row)
                | Record::Reopened(row),
            ) => Some(*row),
            _ => None,
        }
    }

    /// The class of the fault, if this is the payload of a `Failed`.
    pub(crate) fn failed_class(payload: &[u8]) -> Option<String> {
        // Decoding is dear, and most records are something else.
        match payload.first().filter(|kind| **kind == FAILED).and_then(|_| Self::decode(payload)) {
            Some(Self::Record(Record::Failed(_, failed))) => Some(failed.fault.class),
            _ => None,
        }
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = PayloadReader::new(payload);
        let record = match reader.byte()? {
            MARKER => Self::Marker(Marker { durable_bytes: reader.number()?, spool_rows: reader.number()? }),
            FORGOTTEN_ROWS => Self::ForgottenRows { first_row: reader.number()?, count: reader.number()? },
            SUMMARY_END => Self::SummaryEnd { rows: reader.number()?, spool_rows: reader.number()? },
            STATES => {
                let first_row = reader.number()?;
                return Some(Self::States { first_row, bits: reader.rest().to_vec() });
            }
            kind => Self::Record(decode_record(kind, &mut reader)?),
        };
        reader.end()?;
        Some(record)
    }
}

/// Encodes a statement as [`LogRecord::Record`] does, without owning it.
pub(crate) fn encode_record(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Session { boot_id, started_unix_ms, version } => {
            out.push(SESSION);
            out.extend_from_slice(boot_id);
            put_number(out, *started_unix_ms);
            put_text(out, version);
        }
        Record::Part(row, part) => {
            begin(out, PART, *row);
            let flags = validator_flags(part.validator.as_ref())
                | flag(part.total.is_some(), PART_HAS_TOTAL)
                | flag(part.resumable, PART_IS_RESUMABLE)
                | flag(part.is_date_weak, PART_HAS_WEAK_DATE);
            out.push(flags);
            put_validator(out, part.validator.as_ref());
            if let Some(total) = part.total {
                put_number(out, total);
            }
        }
        Record::PartCheckpoint(row, checkpoint) => {
            begin(out, PART_CHECKPOINT, *row);
            put_number(out, checkpoint.len);
            out.extend_from_slice(&checkpoint.digest);
        }
        Record::PartSynced(row, len) => {
            begin(out, PART_SYNCED, *row);
            put_number(out, *len);
        }
        Record::Waiting(row, waiting) => {
            begin(out, WAITING, *row);
            out.push(u8::from(waiting.parked));
            put_number(out, u64::from(waiting.attempts));
            put_number(out, waiting.until_unix_ms);
            put_fault(out, &waiting.fault);
        }
        Record::Doubt(row, done) => {
            begin(out, DOUBT, *row);
            encode_done(done, out);
        }
        Record::Done(row, done) => {
            begin(out, DONE, *row);
            encode_done(done, out);
        }
        Record::Failed(row, failed) => {
            begin(out, FAILED, *row);
            out.push(flag(failed.status.is_some(), 0x01));
            if let Some(status) = failed.status {
                put_number(out, u64::from(status));
            }
            put_number(out, u64::from(failed.attempts));
            put_times(out, failed.started_unix_ms, failed.finished_unix_ms);
            put_fault(out, &failed.fault);
        }
        Record::Skipped(row, reason) => {
            begin(out, SKIPPED, *row);
            put_text(out, reason);
        }
        Record::NoContent(row, NoContent { status, attempts, started_unix_ms, finished_unix_ms }) => {
            begin(out, NO_CONTENT, *row);
            put_number(out, u64::from(*status));
            put_number(out, u64::from(*attempts));
            put_times(out, *started_unix_ms, *finished_unix_ms);
        }
        Record::Forgotten(row) => begin(out, FORGOTTEN, *row),
        Record::Reopened(row) => begin(out, REOPENED, *row),
    }
}

fn decode_record(kind: u8, reader: &mut PayloadReader<'_>) -> Option<Record> {
    if kind == SESSION {
        let (boot_id, started_unix_ms) = (reader.array()?, reader.number()?);
        return Some(Record::Session { boot_id, started_unix_ms, version: reader.text()? });
    }
    let row = RowId(reader.number()?);
    Some(match kind {
        PART => {
            let flags = reader.byte()?;
            let validator = reader.take_if(flags & 0x01 != 0, |reader| take_validator(reader, flags))?;
            let total = reader.take_if(flags & PART_HAS_TOTAL != 0, PayloadReader::number)?;
            let is_date_weak = flags & PART_HAS_WEAK_DATE != 0;
            let resumable = flags & PART_IS_RESUMABLE != 0;
            Record::Part(row, Part { validator, is_date_weak, total, resumable })
        }
        PART_CHECKPOINT => {
            Record::PartCheckpoint(row, Checkpoint { len: reader.number()?, digest: reader.array()? })
        }
        PART_SYNCED => Record::PartSynced(row, reader.number()?),
        WAITING => {
            let parked = reader.byte()? != 0;
            let attempts = reader.number_u32()?;
            let until_unix_ms = reader.number()?;
            Record::Waiting(row, Waiting { attempts, until_unix_ms, parked, fault: take_fault(reader)? })
        }
        DOUBT => Record::Doubt(row, decode_done(reader)?),
        DONE => Record::Done(row, decode_done(reader)?),
        FAILED => {
            let status =
                if reader.byte()? & 0x01 == 0 { None } else { Some(reader.number()?.try_into().ok()?) };
            let attempts = reader.number_u32()?;
            let (started_unix_ms, finished_unix_ms) = take_times(reader)?;
            let fault = take_fault(reader)?;
            Record::Failed(row, Failed { fault, status, attempts, started_unix_ms, finished_unix_ms })
        }
        SKIPPED => Record::Skipped(row, reader.text()?),
        NO_CONTENT => {
            let (status, attempts) = (reader.number()?.try_into().ok()?, reader.number_u32()?);
            let (started_unix_ms, finished_unix_ms) = take_times(reader)?;
            Record::NoContent(row, NoContent { status, attempts, started_unix_ms, finished_unix_ms })
        }
        FORGOTTEN => Record::Forgotten(row),
        REOPENED => Record::Reopened(row),
        _ => return None,
    })
}

fn encode_done(done: &Done, out: &mut Vec<u8>) {
    let verification = match done.verification {
        Verification::Length => 0,
        Verification::Digest(_) => 1,
        Verification::LengthUnverified => 2,
        Verification::Overlap => 3,
    };
    let flags = validator_flags(done.validator.as_ref())
        | flag(done.name.is_some(), 0x08)
        | flag(done.final_url.is_some(), 0x10)
        | verification << 5
        | flag(done.location != Location::File, HAS_LOCATION);
    out.push(flags);
    put_number(out, u64::from(done.status));
    put_number(out, done.size);
    out.extend_from_slice(&done.blake3);
    put_number(out, u64::from(done.attempts));
    put_times(out, done.started_unix_ms, done.finished_unix_ms);
    put_validator(out, done.validator.as_ref());
    put_text_if(out, done.name.as_ref());
    put_text_if(out, done.final_url.as_ref());
    if let Verification::Digest(algorithm) = &done.verification {
        put_text(out, algorithm);
    }
    match &done.location {
        Location::File => {}
        Location::Record { file, offset, length } => {
            out.push(LOCATION_RECORD);
            put_text(out, file);
            put_number(out, *offset);
            put_number(out, *length);
        }
        Location::Object { key } => {
            out.push(LOCATION_OBJECT);
            put_text(out, key);
        }
    }
    // The flags of the outcome are all in use, so the rest has flags of its own.
    put_done_end(out, done);
}

fn decode_done(reader: &mut PayloadReader<'_>) -> Option<Done> {
    let flags = reader.byte()?;
    let status = reader.number()?.try_into().ok()?;
    let size = reader.number()?;
    let blake3 = reader.array()?;
    let attempts = reader.number_u32()?;
    let (started_unix_ms, finished_unix_ms) = take_times(reader)?;
    let validator = reader.take_if(flags & 0x01 != 0, |reader| take_validator(reader, flags))?;
    let name = reader.take_if(flags & 0x08 != 0, PayloadReader::text)?;
    let final_url = reader.take_if(flags & 0x10 != 0, PayloadReader::text)?;
    let verification = match (flags & !HAS_LOCATION) >> 5 {
        0 => Verification::Length,
        1 => Verification::Digest(reader.text()?),
        2 => Verification::LengthUnverified,
        _ => Verification::Overlap,
    };
    let location = reader.take_if(flags & HAS_LOCATION != 0, take_location)?.unwrap_or_default();
    let DoneEnd { format, redirect_statuses, modified_unix_ms, is_adopted } =
        reader.take_if(!reader.is_empty(), take_done_end)?.unwrap_or_default();
    Some(Done {
        status,
        size,
        blake3,
        validator,
        verification,
        attempts,
        started_unix_ms,
        finished_unix_ms,
        name,
        final_url,
        location,
        format,
        redirect_statuses,
        modified_unix_ms,
        is_adopted,
    })
}

fn begin(out: &mut Vec<u8>, kind: u8, row: RowId) {
    out.push(kind);
    put_number(out, row.0);
}
