//! The spool.
use std::io;

use crate::row::{FileIdentity, Row, RowId, Source, SourceId};

/// Rows in a block.
pub const BLOCK_ROWS: u64 = 256;

/// The number of a block of [`BLOCK_ROWS`] rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u64);

/// Appends rows.
pub struct SpoolWriter {}

impl SpoolWriter {
    /// Begins a source.
    pub fn append_source(&mut self, _label: &str) -> io::Result<SourceId> {
        todo!()
    }
    /// Says that a source was read to its end.
    pub fn finish_source(
        &mut self,
        _id: SourceId,
        _identity: Option<FileIdentity>,
        _lines: u64,
        _ignored: u64,
    ) -> io::Result<()> {
        todo!()
    }
    /// Appends a row. Buffered.
    pub fn append(&mut self, _row: &Row) -> io::Result<RowId> {
        todo!()
    }
    /// Hands everything appended to the system and publishes it to the readers.
    pub fn flush(&mut self) -> io::Result<()> {
        todo!()
    }
    /// Flushes, and returns when everything is on stable storage.
    pub fn sync(&mut self) -> io::Result<()> {
        todo!()
    }
}

/// Reads rows.
#[derive(Clone)]
pub struct SpoolReader {}

impl SpoolReader {
    /// Number of rows that can be read.
    pub fn published(&self) -> u64 {
        todo!()
    }
    /// Reads a block.
    pub fn read_block(&self, _block: BlockId, _rows: &mut Vec<(RowId, Row)>) -> io::Result<()> {
        todo!()
    }
    /// Reads one row.
    pub fn row(&self, _row: RowId) -> io::Result<Row> {
        todo!()
    }
    /// The sources.
    pub fn sources(&self) -> Vec<Source> {
        todo!()
    }
    /// Returns when the row, and every one before it, is on stable storage.
    pub fn ensure_durable(&self, _through: RowId) -> io::Result<()> {
        todo!()
    }
}
