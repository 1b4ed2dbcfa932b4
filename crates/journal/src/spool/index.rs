//! Where the rows lie: eight bytes for every 256 of them.

use std::ops::Range;

use crate::format::{HEADER_BYTES, SpoolRecord};
use crate::model::{RowId, Source, SourceId};

/// Rows in a block: the unit in which rows are read.
pub const BLOCK_ROWS: u64 = 256;

/// The number of a block of [`BLOCK_ROWS`] rows, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u64);

impl BlockId {
    /// The block that a row is in.
    pub fn of(row: RowId) -> Self {
        Self(row.0 / BLOCK_ROWS)
    }
}

/// Bits of an offset within a segment; the rest of a position is the segment's place in the list.
const OFFSET_BITS: u32 = 40;

/// A segment that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) salt: u32,
    /// Number of its first row.
    pub(crate) first_row: u64,
    /// Up to which byte it holds whole frames.
    pub(crate) len: u64,
}

/// A stretch of a segment, and the rows that count in it.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub(super) segment: Segment,
    pub(super) bytes: Range<u64>,
    pub(super) rows: Range<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    segments: Vec<Segment>,
    /// Where each block begins: a segment's place in the list, and an offset in it.
    blocks: Vec<u64>,
    rows: u64,
    sources: Vec<Source>,
    has_fields: bool,
}

impl Index {
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether any row has columns that are not interpreted.
    pub(crate) fn has_fields(&self) -> bool {
        self.has_fields
    }

    /// Notes that a row has columns that are not interpreted.
    pub(crate) fn note_fields(&mut self) {
        self.has_fields = true;
    }

    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn add_segment(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    pub(crate) fn set_last_len(&mut self, len: u64) {
        if let Some(last) = self.segments.last_mut() {
            last.len = len;
        }
    }

    /// Adds a row whose frame begins at an offset of the last segment. Rows left out before it are lost.
    pub(crate) fn add_row(&mut self, row: RowId, offset: u64) {
        let position = ((self.segments.len() as u64).saturating_sub(1)) << OFFSET_BITS | offset;
        let blocks = row.0 / BLOCK_ROWS + 1;
        while (self.blocks.len() as u64) < blocks {
            self.blocks.push(position);
        }
        self.rows = row.0 + 1;
    }

    /// Lets the spool have at least as many rows; those that are new are lost.
    pub(crate) fn extend(&mut self, rows: u64, offset: u64) {
        if let Some(last) = rows.checked_sub(1).filter(|_| rows > self.rows) {
            self.add_row(RowId(last), offset);
        }
    }

    /// Forgets the rows from this one on; they are about to be added again.
    pub(crate) fn truncate(&mut self, rows: u64) {
        self.rows = self.rows.min(rows);
        self.blocks.truncate(usize::try_from(self.rows.div_ceil(BLOCK_ROWS)).unwrap_or(usize::MAX));
    }

    /// Notes what a record says about a source; other records are not noted.
    pub(crate) fn note_source(&mut self, record: &SpoolRecord) {
        match record {
            SpoolRecord::SourceBegin { id, label } => self.source_mut(*id).label.clone_from(label),
            SpoolRecord::SourceEnd { id, end } => self.source_mut(*id).end = Some(end.clone()),
            SpoolRecord::Row(_) => {}
        }
    }

    /// The source of a number; those up to it are added without a name where their records are lost.
    fn source_mut(&mut self, id: SourceId) -> &mut Source {
        let place = usize::try_from(id.0).unwrap_or(usize::MAX);
        for number in self.sources.len()..=place {
            self.sources.push(Source {
                id: SourceId(u32::try_from(number).unwrap_or(u32::MAX)),
                label: String::new(),
                end: None,
            });
        }
        &mut self.sources[place]
    }

    /// The rows of a block.
    pub(super) fn block_rows(&self, block: BlockId) -> Range<u64> {
        let start = block.0.saturating_mul(BLOCK_ROWS).min(self.rows);
        start..start.saturating_add(BLOCK_ROWS).min(self.rows)
    }

    /// Where the rows of a block lie, in order.
    pub(super) fn extents(&self, block: BlockId) -> Vec<Extent> {
        let Some(place) = usize::try_from(block.0).ok().filter(|place| *place < self.blocks.len()) else {
            return Vec::new();
        };
        let (first, start) = self.position(place);
        let (last, end) = if place + 1 < self.blocks.len() {
            self.position(place + 1)
        } else {
            (self.segments.len().saturating_sub(1), u64::MAX)
        };
        let extent = |place: usize| {
            let segment = self.segments.get(place)?.clone();
            let from = if place == first { start } else { HEADER_BYTES as u64 };
            let to = if place == last { end.min(segment.len) } else { segment.len };
            let rows_end = self.segments.get(place + 1).map_or(self.rows, |next| next.first_row);
            Some(Extent { bytes: from..to.max(from), rows: segment.first_row..rows_end, segment })
        };
        (first..=last).filter_map(extent).collect()
    }

    fn position(&self, place: usize) -> (usize, u64) {
        let position = self.blocks[place];
        (usize::try_from(position >> OFFSET_BITS).unwrap_or(usize::MAX), position & ((1 << OFFSET_BITS) - 1))
    }
}
