//! The end of the last segment, where a crash may have left anything.
//!
//! It distinguishes three parts. Records before a marker were committed. Records after the last marker were only handed to the
//! system. The crash cut the log at the first gap that no marker proves to have been durable; nothing after it was promised.

use std::ops::Range;

use crate::format::{Frames, HEADER_BYTES, Item, LogRecord};

/// What was found at the end of a segment. All positions are bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the good part ends.
    pub(super) end: usize,
    /// Where the last marker ends: what lies before is settled.
    pub(super) settled_end: usize,
    /// Where the last committed group begins. Up to here the segment is known to be on stable storage: the marker that ends
    /// this group was written only after the one before it had been synced.
    pub(super) group_start: usize,
    /// What was cut.
    pub(super) torn: Option<Range<usize>>,
}

pub(super) fn examine(bytes: &[u8], salt: u32) -> Tail {
    let mut gaps = Vec::new();
    let mut markers = Vec::new();
    for item in Frames::new(bytes, HEADER_BYTES, salt) {
        match item {
            Item::Gap(gap) => gaps.push(gap),
            Item::Frame { offset, payload } => {
                if let Some(LogRecord::Marker(marker)) = LogRecord::decode(&bytes[payload.clone()]) {
                    markers.push((offset, payload.end, marker.durable_bytes));
                }
            }
        }
    }
    // A marker speaks of what lies before it, and of nothing else.
    let proven = markers.iter().map(|&(offset, _, durable)| durable.min(offset as u64)).max().unwrap_or(0);
    let cut = gaps.into_iter().find(|gap| gap.start as u64 >= proven).map(|gap| gap.start);
    let end = cut.unwrap_or(bytes.len());
    let mut ends =
        markers.iter().map(|&(_, marker_end, _)| marker_end).filter(|&marker_end| marker_end <= end).rev();
    let settled_end = ends.next().unwrap_or(HEADER_BYTES).min(end);
    let group_start = ends.next().unwrap_or(HEADER_BYTES).min(end);
    Tail { end, settled_end, group_start, torn: cut.map(|start| start..bytes.len()) }
}
