//! How much of the spool is on stable storage.
//!
//! The log's writer asks for it, from another thread than the one that appends; so a segment has a second handle, for
//! syncing only, and a sync does not hold up the rows that come in meanwhile.

use std::io;

use super::SharedSpool;
use crate::files::state_directory;
use crate::storage::File;

/// What is known to be on stable storage, and the handle to make it more.
pub(super) struct Durability {
    rows: u64,
    segment: Option<SegmentSync>,
}

/// The segment under way. Those before it were synced when it was begun.
struct SegmentSync {
    file: Box<dyn File>,
    /// Whether its name is on stable storage.
    name_is_durable: bool,
}

impl Durability {
    pub(super) fn with_rows(rows: u64) -> Self {
        Self { rows, segment: None }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Goes on with a new segment, opened a second time before anything was written to it.
    pub(super) fn begin_segment(&mut self, file: Box<dyn File>) {
        self.segment = Some(SegmentSync { file, name_is_durable: false });
    }
}

impl SharedSpool {
    /// Returns when everything published is on stable storage. After a failure every later call fails: what the system could
    /// not write then, it may have dropped.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut durability = self.durability();
        let rows = self.index().rows();
        if let Some(segment) = &mut durability.segment {
            segment.file.sync()?;
            if !segment.name_is_durable {
                self.storage.sync_dir(Some(&state_directory()))?;
                segment.name_is_durable = true;
            }
        }
        durability.rows = durability.rows.max(rows);
        Ok(())
    }
}
