//! The spool's one writer.

use std::io;
use std::sync::Arc;

use super::index::Segment;
use super::{SharedSpool, SpoolReader};
use crate::files::Kind;
use crate::files::SEGMENT_BYTES;
use crate::format::{HEADER_BYTES, Header, SaltSeed, SpoolRecord, append_frame, encode_row};
use crate::model::{Entry, Fields, Row, RowId, SourceEnd, SourceId};
use crate::storage::File;

/// How much is gathered before it is handed to the system unasked, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// Appends rows. One thread owns it.
///
/// Rows are buffered; [`SpoolWriter::flush`] makes them visible to readers, and [`SpoolReader::ensure_durable`] or
/// [`SpoolWriter::sync`] brings them to stable storage. Dropping the value drops what was not flushed.
pub struct SpoolWriter {
    shared: Arc<SharedSpool>,
    seed: SaltSeed,
    /// The segment under way; begun with the first row, so that a run that adds no rows adds no file.
    segment: Option<OpenSegment>,
    next_number: u32,
    next_row: u64,
    next_source: u32,
    buffer: Vec<u8>,
    /// The first rows of blocks among the buffered ones, with their offsets.
    buffered_blocks: Vec<(RowId, u64)>,
}

struct OpenSegment {
    file: Box<dyn File>,
    header: Header,
    /// Bytes that the system has.
    len: u64,
}

impl SpoolWriter {
    pub(crate) fn new(shared: Arc<SharedSpool>, seed: SaltSeed, next_number: u32) -> Self {
        let (next_row, sources) = {
            let index = shared.index();
            (index.rows(), index.sources().len())
        };
        Self {
            shared,
            seed,
            segment: None,
            next_number,
            next_row,
            next_source: u32::try_from(sources).unwrap_or(u32::MAX),
            buffer: Vec::new(),
            buffered_blocks: Vec::new(),
        }
    }

    /// A reader of this spool.
    pub fn reader(&self) -> SpoolReader {
        SpoolReader::new(Arc::clone(&self.shared))
    }

    /// Number of rows, the buffered ones included: the number that the next row gets.
    pub fn rows(&self) -> u64 {
        self.next_row
    }

    /// Begins a source. `label` is what the user called it.
    pub fn append_source(&mut self, label: &str) -> io::Result<SourceId> {
        let id = SourceId(self.next_source);
        self.append_record(&SpoolRecord::SourceBegin { id, label: label.to_owned() })?;
        self.next_source += 1;
        Ok(id)
    }

    /// Gives a source another name: what it was read from has been moved.
    pub fn rename_source(&mut self, id: SourceId, label: &str) -> io::Result<()> {
        self.append_record(&SpoolRecord::SourceBegin { id, label: label.to_owned() })
    }

    /// Says that a source was read to its end. May be said again when its list has been read again.
    pub fn finish_source(&mut self, id: SourceId, end: SourceEnd) -> io::Result<()> {
        self.append_record(&SpoolRecord::SourceEnd { id, end })
    }

    /// Appends a row and gives it its number. Buffered; every so often the buffer is flushed first.
    ///
    /// # Errors
    /// `InvalidInput` for a row over one megabyte, for fields over [`Fields::BYTES_MAX`], for [`Entry::Lost`], and beyond four billion rows; what the file system
    /// says. The row is then not appended, and the call may be tried again.
    pub fn append(&mut self, row: &Row) -> io::Result<RowId> {
        let is_too_long = row.fields.byte_len() > Fields::BYTES_MAX;
        if row.entry == Entry::Lost || self.next_row >= RowId::COUNT_MAX || is_too_long {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a row that can be appended"));
        }
        let id = RowId(self.next_row);
        let offset = self.append_frame(|number, out| encode_row(row, number, out))?;
        if id.0.is_multiple_of(super::BLOCK_ROWS) || self.buffered_blocks.is_empty() {
            self.buffered_blocks.push((id, offset));
        }
        self.next_row += 1;
        if !row.fields.is_empty() {
            self.shared.index().note_fields();
        }
        Ok(id)
    }

    /// Hands everything to the system and publishes it to the readers. May be tried again after an error.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(segment) = self.segment.as_mut().filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        segment.file.write_all_at(&self.buffer, segment.len)?;
        segment.len += self.buffer.len() as u64;
        self.buffer.clear();
        let mut index = self.shared.index();
        index.set_last_len(segment.len);
        for (row, offset) in self.buffered_blocks.drain(..) {
            index.add_row(row, offset);
        }
        index.extend(self.next_row, segment.len);
        Ok(())
    }

    /// Flushes, and returns when everything is on stable storage.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.shared.sync()
    }

    fn append_record(&mut self, record: &SpoolRecord) -> io::Result<()> {
        self.append_frame(|number, out| record.encode(number, out))?;
        self.shared.index().note_source(record);
        Ok(())
    }

    /// Appends a frame to the buffer; gives its offset in the segment.
    fn append_frame(&mut self, write: impl FnOnce(u64, &mut Vec<u8>)) -> io::Result<u64> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        // A segment with a second name is part of somebody's snapshot: it is not written to any more.
        if self.buffer.is_empty()
            && match &self.segment {
                Some(segment) => segment.len >= SEGMENT_BYTES || segment.file.is_shared()?,
                None => true,
            }
        {
            self.begin_segment()?;
        }
        let Some(segment) = &self.segment else { return Err(io::ErrorKind::NotFound.into()) };
        let offset = segment.len + self.buffer.len() as u64;
        let number = self.next_row - segment.header.base;
        append_frame(&mut self.buffer, segment.header.salt, |out| write(number, out))?;
        Ok(offset)
    }

    /// Begins a segment. The one before is synced first: that there is a next one proves that this one is whole.
    fn begin_segment(&mut self) -> io::Result<()> {
        self.shared.sync()?;
        let header = Header::new(Kind::Spool, self.next_number, self.next_row, self.seed);
        let path = Kind::Spool.path(header.number);
        // After an error the number is not used again: what the file then is, is not known.
        self.next_number += 1;
        let mut file = self.shared.storage.create(&path)?;
        let second = self.shared.storage.open(&path)?;
        file.write_all_at(&header.encode(), 0)?;
        let len = HEADER_BYTES as u64;
        self.shared.durability().begin_segment(second);
        self.shared.index().add_segment(Segment {
            number: header.number,
            salt: header.salt,
            first_row: header.base,
            len,
        });
        self.segment = Some(OpenSegment { file, header, len });
        Ok(())
    }
}
