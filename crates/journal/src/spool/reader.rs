//! Reading rows, from any thread, while the writer appends.

use std::io;
use std::sync::Arc;

use super::SharedSpool;
use super::index::{BLOCK_ROWS, BlockId, Extent};
use crate::files::Kind;
use crate::format::{Frames, Item, RowKind, SpoolRecord, peek_row};
use crate::model::{Entry, Fields, Row, RowId, Source, SourceId};

/// Reads the rows of a haul. Clones read the same spool.
#[derive(Clone)]
pub struct SpoolReader {
    shared: Arc<SharedSpool>,
}

impl SpoolReader {
    pub(crate) fn new(shared: Arc<SharedSpool>) -> Self {
        Self { shared }
    }

    /// Number of rows that can be read: those that the writer has flushed.
    pub fn published(&self) -> u64 {
        self.shared.index().rows()
    }

    /// Replaces `rows` by the rows of a block, as far as they are published. A row whose record is damaged comes as
    /// [`Entry::Lost`].
    pub fn read_block(&self, block: BlockId, rows: &mut Vec<(RowId, Row)>) -> io::Result<()> {
        let (numbers, extents) = {
            let index = self.shared.index();
            (index.block_rows(block), index.extents(block))
        };
        rows.clear();
        rows.extend(numbers.clone().map(|number| (RowId(number), lost_row())));
        self.visit(&extents, |row, payload| {
            let place = row.0.checked_sub(numbers.start).and_then(|place| usize::try_from(place).ok());
            if let Some(slot) = place.and_then(|place| rows.get_mut(place))
                && let Some(SpoolRecord::Row(row)) = SpoolRecord::decode(payload)
            {
                slot.1 = row;
            }
        })
    }

    /// Calls `visit` with every published row, in order. A row whose record is damaged comes as [`Entry::Lost`].
    pub fn for_each_row(&self, mut visit: impl FnMut(RowId, Row)) -> io::Result<()> {
        let mut rows = Vec::new();
        for block in 0..self.published().div_ceil(BLOCK_ROWS) {
            self.read_block(BlockId(block), &mut rows)?;
            for (id, row) in rows.drain(..) {
                visit(id, row);
            }
        }
        Ok(())
    }

    /// Reads one row. `NotFound` for one that is not published; [`Entry::Lost`] where its record is damaged.
    pub fn row(&self, row: RowId) -> io::Result<Row> {
        let extents = {
            let index = self.shared.index();
            if row.0 >= index.rows() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such row"));
            }
            index.extents(BlockId::of(row))
        };
        let mut found = lost_row();
        self.visit(&extents, |number, payload| {
            if number == row
                && let Some(SpoolRecord::Row(row)) = SpoolRecord::decode(payload)
            {
                found = row;
            }
        })?;
        Ok(found)
    }

    /// The lists that rows were read from.
    pub fn sources(&self) -> Vec<Source> {
        self.shared.index().sources().to_vec()
    }

    /// Whether any row has columns that are not interpreted.
    pub fn has_fields(&self) -> bool {
        self.shared.index().has_fields()
    }

    /// Returns when a row, and every row before it, is on stable storage. `InvalidInput` for a row that is not published.
    pub fn ensure_durable(&self, through: RowId) -> io::Result<()> {
        if through.0 < self.durable_rows() {
            return Ok(());
        }
        if through.0 >= self.published() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the row has not been flushed to the spool",
            ));
        }
        self.shared.sync()
    }

    /// Number of rows on stable storage.
    pub(crate) fn durable_rows(&self) -> u64 {
        self.shared.durability().rows()
    }

    fn visit(&self, extents: &[Extent], mut visit: impl FnMut(RowId, &[u8])) -> io::Result<()> {
        let mut bytes = Vec::new();
        for extent in extents {
            let len = extent.bytes.end - extent.bytes.start;
            bytes.resize(usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?, 0);
            let file = self.shared.storage.open_read(&Kind::Spool.path(extent.segment.number))?;
            let count = file.read_at(&mut bytes, extent.bytes.start)?;
            bytes.truncate(count);
            for item in Frames::new(&bytes, 0, extent.segment.salt) {
                let Item::Frame { payload, .. } = item else { continue };
                let payload = &bytes[payload];
                match peek_row(payload, extent.segment.first_row) {
                    Some((kind, row)) if kind != RowKind::Source && extent.rows.contains(&row.0) => {
                        visit(row, payload);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn lost_row() -> Row {
    Row { source: SourceId(0), line: 0, entry: Entry::Lost, fields: Fields::default() }
}
