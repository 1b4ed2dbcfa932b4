//! The parts that several records of the log share: validators, times, faults, locations, formats.

use super::wire::{PayloadReader, put_number, put_text, put_text_if};
use crate::model::{ContentFormat, FaultRecord, Location, Validator};

/// The kinds of a location.
pub(super) const LOCATION_RECORD: u8 = 1;
pub(super) const LOCATION_OBJECT: u8 = 2;

/// The flags of the format of a body.
pub(super) const HAS_CONTENT_TYPE: u8 = 0x01;
pub(super) const HAS_CONTENT_ENCODING: u8 = 0x02;

pub(super) fn take_format(reader: &mut PayloadReader<'_>) -> Option<ContentFormat> {
    let flags = reader.byte()?;
    let content_type = reader.take_if(flags & HAS_CONTENT_TYPE != 0, PayloadReader::text)?;
    let content_encoding = reader.take_if(flags & HAS_CONTENT_ENCODING != 0, PayloadReader::text)?;
    Some(ContentFormat { content_type, content_encoding })
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
