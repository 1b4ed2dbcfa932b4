//! The parts that several records of the log share: validators, times, faults, locations, the end of an
//! outcome.

use super::wire::{PayloadReader, put_number, put_text, put_text_if};
use crate::model::{ContentFormat, Done, FaultRecord, Location, Validator};

/// The kinds of a location.
pub(super) const LOCATION_RECORD: u8 = 1;
pub(super) const LOCATION_OBJECT: u8 = 2;

/// The flags of what stands at the end of an outcome.
const HAS_CONTENT_TYPE: u8 = 0x01;
const HAS_CONTENT_ENCODING: u8 = 0x02;
const HAS_REDIRECT_STATUSES: u8 = 0x04;
const HAS_MODIFIED: u8 = 0x08;
const IS_ADOPTED: u8 = 0x10;

/// What stands at the end of an outcome, if anything does.
#[derive(Default)]
pub(super) struct DoneEnd {
    pub(super) format: ContentFormat,
    pub(super) redirect_statuses: Vec<u16>,
    pub(super) modified_unix_ms: Option<u64>,
    pub(super) is_adopted: bool,
}

/// Writes nothing where nothing is known.
pub(super) fn put_done_end(out: &mut Vec<u8>, done: &Done) {
    let ContentFormat { content_type, content_encoding } = &done.format;
    let flags = flag(content_type.is_some(), HAS_CONTENT_TYPE)
        | flag(content_encoding.is_some(), HAS_CONTENT_ENCODING)
        | flag(!done.redirect_statuses.is_empty(), HAS_REDIRECT_STATUSES)
        | flag(done.modified_unix_ms.is_some(), HAS_MODIFIED)
        | flag(done.is_adopted, IS_ADOPTED);
    if flags == 0 {
        return;
    }
    out.push(flags);
    put_text_if(out, content_type.as_ref());
    put_text_if(out, content_encoding.as_ref());
    if !done.redirect_statuses.is_empty() {
        put_number(out, done.redirect_statuses.len() as u64);
        for status in &done.redirect_statuses {
            put_number(out, u64::from(*status));
        }
    }
    if let Some(modified_unix_ms) = done.modified_unix_ms {
        put_number(out, modified_unix_ms);
    }
}

pub(super) fn take_done_end(reader: &mut PayloadReader<'_>) -> Option<DoneEnd> {
    let flags = reader.byte()?;
    let content_type = reader.take_if(flags & HAS_CONTENT_TYPE != 0, PayloadReader::text)?;
    let content_encoding = reader.take_if(flags & HAS_CONTENT_ENCODING != 0, PayloadReader::text)?;
    let redirect_statuses =
        reader.take_if(flags & HAS_REDIRECT_STATUSES != 0, take_statuses)?.unwrap_or_default();
    let modified_unix_ms = reader.take_if(flags & HAS_MODIFIED != 0, PayloadReader::number)?;
    let format = ContentFormat { content_type, content_encoding };
    Some(DoneEnd { format, redirect_statuses, modified_unix_ms, is_adopted: flags & IS_ADOPTED != 0 })
}

fn take_statuses(reader: &mut PayloadReader<'_>) -> Option<Vec<u16>> {
    // The count is not trusted with an allocation: every status takes a byte, so a wrong one ends soon.
    let count = reader.number()?;
    (0..count).map(|_| reader.number()?.try_into().ok()).collect()
}

pub(super) fn take_location(reader: &mut PayloadReader<'_>) -> Option<Location> {
    match reader.byte()? {
        LOCATION_RECORD => {
            let file = reader.text()?.into();
            Some(Location::Record { file, offset: reader.number()?, length: reader.number()? })
        }
        LOCATION_OBJECT => Some(Location::Object { key: reader.text()?.into() }),
        _ => None,
    }
}

pub(super) const fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

pub(super) fn validator_flags(validator: Option<&Validator>) -> u8 {
    validator.map_or(0, |validator| {
        0x01 | flag(validator.etag.is_some(), 0x02) | flag(validator.last_modified.is_some(), 0x04)
    })
}

pub(super) fn put_validator(out: &mut Vec<u8>, validator: Option<&Validator>) {
    if let Some(validator) = validator {
        put_text_if(out, validator.etag.as_ref());
        put_text_if(out, validator.last_modified.as_ref());
    }
}

pub(super) fn take_validator(reader: &mut PayloadReader<'_>, flags: u8) -> Option<Validator> {
    let etag = reader.take_if(flags & 0x02 != 0, PayloadReader::text)?;
    Some(Validator { etag, last_modified: reader.take_if(flags & 0x04 != 0, PayloadReader::text)? })
}

/// The end as a distance from the start, which is short. It wraps, so that a clock that was set back does no harm.
pub(super) fn put_times(out: &mut Vec<u8>, started: u64, finished: u64) {
    put_number(out, started);
    put_number(out, finished.wrapping_sub(started));
}

pub(super) fn take_times(reader: &mut PayloadReader<'_>) -> Option<(u64, u64)> {
    let started = reader.number()?;
    Some((started, started.wrapping_add(reader.number()?)))
}

pub(super) fn put_fault(out: &mut Vec<u8>, fault: &FaultRecord) {
    put_text(out, &fault.class);
    put_text(out, &fault.phase);
    put_text(out, &fault.endpoint);
    put_number(out, fault.elapsed_ms);
    put_text(out, &fault.message);
}

pub(super) fn take_fault(reader: &mut PayloadReader<'_>) -> Option<FaultRecord> {
    let (class, phase, endpoint) = (reader.text()?, reader.text()?, reader.text()?);
    Some(FaultRecord { class, phase, endpoint, elapsed_ms: reader.number()?, message: reader.text()? })
}
