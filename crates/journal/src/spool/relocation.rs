//! Rows of an earlier run that nobody knows to be on stable storage are written again, to a new segment.
//!
//! The run may have ended because a sync failed. The rows can then still be read, from the system's memory, and a new sync
//! of the old file would succeed without writing anything. There is at most one segment's worth of them.

use std::io;
use std::sync::Arc;

use super::index::Segment;
use super::recovery::RecoveredSpool;
use super::{BlockId, SharedSpool, SpoolReader};
use crate::files::Kind;
use crate::files::{CreateError, create_complete};
use crate::format::{HEADER_BYTES, Header, SaltSeed, SpoolRecord, append_frame};
use crate::model::{Entry, RowId};
use crate::storage::Storage;

/// Writes the rows that are not vouched for to a segment of their own, and makes the index point there.
pub(crate) fn relocate_tail(
    storage: &Arc<dyn Storage>,
    found: &mut RecoveredSpool,
    seed: SaltSeed,
) -> io::Result<()> {
    let (first_row, rows) = (found.durable_rows, found.index.rows());
    if first_row >= rows {
        return Ok(());
    }
    let number = found.next_number;
    let header = Header::new(Kind::Spool, number, first_row, seed);
    let mut bytes = header.encode().to_vec();
    let put = |record: &SpoolRecord, row: u64, bytes: &mut Vec<u8>| {
        append_frame(bytes, header.salt, |out| record.encode(row - first_row, out))
    };
    // What is known of the sources is said again as a whole: which of it lies in the tail does not matter.
    for source in found.index.sources() {
        put(&SpoolRecord::SourceBegin { id: source.id, label: source.label.clone() }, first_row, &mut bytes)?;
        if let Some(end) = &source.end {
            put(&SpoolRecord::SourceEnd { id: source.id, end: end.clone() }, first_row, &mut bytes)?;
        }
    }
    let reader = SpoolReader::new(SharedSpool::new(Arc::clone(storage), found.index.clone()));
    let mut offsets = Vec::new();
    let mut block_rows = Vec::new();
    for block in BlockId::of(RowId(first_row)).0..=BlockId::of(RowId(rows - 1)).0 {
        reader.read_block(BlockId(block), &mut block_rows)?;
        for (id, row) in block_rows.drain(..).filter(|(id, _)| id.0 >= first_row) {
            if row.entry != Entry::Lost {
                offsets.push((id, bytes.len() as u64));
                put(&SpoolRecord::Row(row), id.0, &mut bytes)?;
            }
        }
    }
    create_complete(&**storage, &Kind::Spool.path(number), &bytes).map_err(CreateError::into_io)?;
    found.index.truncate(first_row);
    found.index.add_segment(Segment { number, salt: header.salt, first_row, len: bytes.len() as u64 });
    for (row, offset) in offsets {
        found.index.add_row(row, offset);
    }
    found.index.extend(rows, HEADER_BYTES as u64);
    found.durable_rows = rows;
    found.next_number = number + 1;
    Ok(())
}
