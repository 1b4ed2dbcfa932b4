//! The payloads of the spool.
//!
//! Each begins with its kind and the number of a row, counted from the segment's first: for a row its own number, for a
//! source the number of the row that comes next. A damaged record therefore never shifts the numbers of those after it.

use super::log_parts::flag;
use super::wire::{PayloadReader, put_bytes, put_number, put_text, put_text_if};
use crate::model::{
    Entry, Expectation, Fields, FileIdentity, RecordedDigest, Row, RowId, SourceEnd, SourceId,
};

const FETCH: u8 = 1;
const FETCH_NAMED: u8 = 2;
const DUPLICATE: u8 = 3;
const REFUSED: u8 = 4;
const SOURCE_BEGIN: u8 = 5;
const SOURCE_END: u8 = 6;
const FETCH_EXPECTED: u8 = 7;
/// A row of one of the other kinds, which stands behind its number, with its fields at the end.
const WITH_FIELDS: u8 = 8;

const HAS_IDENTITY: u8 = 1;
const HAS_CONTENT: u8 = 2;
const IS_COPY: u8 = 4;

const HAS_NAME: u8 = 1;
const HAS_SIZE: u8 = 2;
const HAS_SHA256: u8 = 4;
const HAS_OTHER_DIGESTS: u8 = 8;
const HAS_MEDIA_TYPE: u8 = 16;

/// The algorithm whose digests are stored without its name: nearly all digests of lists are of it.
const SHA256: &str = "sha-256";
const SHA256_BYTES: usize = 32;

/// What a frame of the spool says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SpoolRecord {
    Row(Row),
    SourceBegin { id: SourceId, label: String },
    SourceEnd { id: SourceId, end: SourceEnd },
}

/// What a payload is, as far as an index needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    Fetch,
    Duplicate,
    Refused,
    /// Not a row.
    Source,
}

/// The kind and the number of a payload, without decoding the rest.
pub(crate) fn peek_row(payload: &[u8], first_row: u64) -> Option<(RowKind, RowId)> {
    let mut reader = PayloadReader::new(payload);
    let (kind, row) = (reader.byte()?, RowId(first_row.checked_add(reader.number()?)?));
    let kind = if kind == WITH_FIELDS { reader.byte()? } else { kind };
    let kind = match kind {
        FETCH | FETCH_NAMED | FETCH_EXPECTED => RowKind::Fetch,
        DUPLICATE => RowKind::Duplicate,
        REFUSED => RowKind::Refused,
        SOURCE_BEGIN | SOURCE_END => RowKind::Source,
        _ => return None,
    };
    Some((kind, row))
}

/// Whether a payload is that of a row with fields.
pub(crate) fn has_fields(payload: &[u8]) -> bool {
    payload.first() == Some(&WITH_FIELDS)
}

/// Appends the payload of a row. [`Entry::Lost`] is never written: the caller refuses it.
pub(crate) fn encode_row(row: &Row, number_in_segment: u64, out: &mut Vec<u8>) {
    let kind = match &row.entry {
        Entry::Fetch { expected, .. } if *expected != Expectation::default() => FETCH_EXPECTED,
        Entry::Fetch { name: None, .. } => FETCH,
        Entry::Fetch { name: Some(_), .. } => FETCH_NAMED,
        Entry::Duplicate { .. } => DUPLICATE,
        Entry::Refused { .. } | Entry::Lost => REFUSED,
    };
    let has_fields = !row.fields.is_empty();
    out.push(if has_fields { WITH_FIELDS } else { kind });
    put_number(out, number_in_segment);
    if has_fields {
        out.push(kind);
    }
    put_number(out, u64::from(row.source.0));
    put_number(out, row.line);
    match &row.entry {
        Entry::Fetch { url, name, expected } => {
            if kind == FETCH_EXPECTED {
                put_expectation(out, expected, name.is_some());
            }
            if let Some(name) = name {
                put_text(out, name);
            }
            put_text(out, url);
        }
        Entry::Duplicate { url, of } => {
            put_number(out, of.0);
            put_text(out, url);
        }
        Entry::Refused { text, reason } => {
            put_text(out, excerpt(text));
            put_text(out, reason);
        }
        Entry::Lost => {}
    }
    if has_fields {
        put_number(out, row.fields.iter().len() as u64);
        for (name, value) in row.fields.iter() {
            put_text(out, name);
            put_text(out, value);
        }
    }
}

fn put_expectation(out: &mut Vec<u8>, expected: &Expectation, has_name: bool) {
    let is_sha256 =
        |digest: &&RecordedDigest| digest.algorithm == SHA256 && digest.value.len() == SHA256_BYTES;
    let sha256 = expected.digests.iter().find(is_sha256);
    let others = expected.digests.iter().filter(|digest| !is_sha256(digest));
    let others_len = others.clone().count();
    out.push(
        flag(has_name, HAS_NAME)
            | flag(expected.size.is_some(), HAS_SIZE)
            | flag(sha256.is_some(), HAS_SHA256)
            | flag(others_len > 0, HAS_OTHER_DIGESTS)
            | flag(expected.media_type.is_some(), HAS_MEDIA_TYPE),
    );
    if let Some(size) = expected.size {
        put_number(out, size);
    }
    if let Some(sha256) = sha256 {
        out.extend_from_slice(&sha256.value);
    }
    if others_len > 0 {
        put_number(out, others_len as u64);
        for digest in others {
            put_text(out, &digest.algorithm);
            put_bytes(out, &digest.value);
        }
    }
    put_text_if(out, expected.media_type.as_ref());
}

/// The expectation whose flags these are.
fn take_expectation(reader: &mut PayloadReader<'_>, flags: u8) -> Option<Expectation> {
    let size = reader.take_if(flags & HAS_SIZE != 0, PayloadReader::number)?;
    let sha256 = reader.take_if(flags & HAS_SHA256 != 0, PayloadReader::array::<SHA256_BYTES>)?;
    let mut digests = reader.take_if(flags & HAS_OTHER_DIGESTS != 0, take_digests)?.unwrap_or_default();
    digests.extend(sha256.map(|value| RecordedDigest { algorithm: SHA256.to_owned(), value: value.into() }));
    digests.sort();
    let media_type = reader.take_if(flags & HAS_MEDIA_TYPE != 0, PayloadReader::text)?;
    Some(Expectation { size, digests, media_type })
}

fn take_digests(reader: &mut PayloadReader<'_>) -> Option<Vec<RecordedDigest>> {
    // As with fields, the count is not trusted with an allocation.
    let count = reader.number()?;
    (0..count).map(|_| Some(RecordedDigest { algorithm: reader.text()?, value: reader.bytes()? })).collect()
}

impl SpoolRecord {
    /// The source that the record begins or ends; `None` for a row.
    pub(crate) fn source(&self) -> Option<SourceId> {
        match self {
            Self::SourceBegin { id, .. } | Self::SourceEnd { id, .. } => Some(*id),
            Self::Row(_) => None,
        }
    }

    pub(crate) fn encode(&self, number_in_segment: u64, out: &mut Vec<u8>) {
        match self {
            Self::Row(row) => encode_row(row, number_in_segment, out),
            Self::SourceBegin { id, label } => {
                out.push(SOURCE_BEGIN);
                put_number(out, number_in_segment);
                put_number(out, u64::from(id.0));
                put_text(out, label);
            }
            Self::SourceEnd { id, end } => {
                let SourceEnd { identity, content, lines, ignored_lines, copy_of } = end;
                out.push(SOURCE_END);
                put_number(out, number_in_segment);
                put_number(out, u64::from(id.0));
                put_number(out, *lines);
                put_number(out, *ignored_lines);
                out.push(
                    flag(identity.is_some(), HAS_IDENTITY)
                        | flag(content.is_some(), HAS_CONTENT)
                        | flag(copy_of.is_some(), IS_COPY),
                );
                if let Some(identity) = identity {
                    put_number(out, identity.len);
                    put_number(out, identity.modified_unix_ms);
                    put_number(out, identity.inode);
                }
                out.extend_from_slice(content.as_ref().map_or(&[][..], |content| content));
                if let Some(source) = copy_of {
                    put_number(out, u64::from(source.0));
                }
            }
        }
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = PayloadReader::new(payload);
        let outer_kind = reader.byte()?;
        reader.number()?;
        let has_fields = outer_kind == WITH_FIELDS;
        let kind = if has_fields { reader.byte()? } else { outer_kind };
        let source = SourceId(reader.number_u32()?);
        let record = match kind {
            SOURCE_BEGIN | SOURCE_END if has_fields => return None,
            SOURCE_BEGIN => Self::SourceBegin { id: source, label: reader.text()? },
            SOURCE_END => {
                let (lines, ignored_lines) = (reader.number()?, reader.number()?);
                let flags = reader.byte()?;
                let identity = reader.take_if(flags & HAS_IDENTITY != 0, take_identity)?;
                let content = reader.take_if(flags & HAS_CONTENT != 0, PayloadReader::array)?;
                let copy_of = reader.take_if(flags & IS_COPY != 0, PayloadReader::number_u32)?.map(SourceId);
                let end = SourceEnd { identity, content, lines, ignored_lines, copy_of };
                Self::SourceEnd { id: source, end }
            }
            _ => {
                let line = reader.number()?;
                let entry = take_entry(kind, &mut reader)?;
                let fields = reader.take_if(has_fields, take_fields)?.unwrap_or_default();
                Self::Row(Row { source, line, entry, fields })
            }
        };
        reader.end()?;
        Some(record)
    }
}

fn take_entry(kind: u8, reader: &mut PayloadReader<'_>) -> Option<Entry> {
    Some(match kind {
        FETCH => Entry::Fetch { name: None, url: reader.text()?, expected: Expectation::default() },
        FETCH_NAMED => {
            let name = Some(reader.text()?);
            Entry::Fetch { name, url: reader.text()?, expected: Expectation::default() }
        }
        FETCH_EXPECTED => {
            let flags = reader.byte()?;
            let expected = take_expectation(reader, flags)?;
            let name = reader.take_if(flags & HAS_NAME != 0, PayloadReader::text)?;
            Entry::Fetch { name, url: reader.text()?, expected }
        }
        DUPLICATE => Entry::Duplicate { of: RowId(reader.number()?), url: reader.text()? },
        REFUSED => Entry::Refused { text: reader.text()?, reason: reader.text()? },
        _ => return None,
    })
}

fn take_fields(reader: &mut PayloadReader<'_>) -> Option<Fields> {
    let count = reader.number()?;
    // The count is not trusted with an allocation: every column takes at least two bytes, so a wrong one ends soon.
    let columns: Option<Vec<_>> = (0..count).map(|_| Some((reader.text()?, reader.text()?))).collect();
    columns.map(Fields::from_iter)
}

fn take_identity(reader: &mut PayloadReader<'_>) -> Option<FileIdentity> {
    Some(FileIdentity { len: reader.number()?, modified_unix_ms: reader.number()?, inode: reader.number()? })
}

fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(Entry::EXCERPT_BYTES_MAX)]
}
