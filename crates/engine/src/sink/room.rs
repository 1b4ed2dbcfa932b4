//! The room that one file may take on the disk, so that an endless body does not stall every other row.
//!
//! A disk that is full for another reason is no file's fault: then every row waits, as [`disk_wait`](super::disk_wait) does.

use std::io;
use std::sync::Arc;

use longhaul_journal::RowId;
use longhaul_journal::storage::Storage;

use super::store::Store;

/// One file may take this share of the room, in tenths. Nearly all of it, because a list may consist of one large file; less than
/// all, because the records of the haul, and the files that are complete while it grows, need some.
const FILE_TENTHS_MAX: u64 = 9;
/// With less room than this, in bytes, the disk counts as full and no file as too large: half of the files of an ordinary list are
/// shorter, and room for them is to be waited for.
const ROOM_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// The room of a run: what was free when it began, and what unfinished bodies already took.
pub(crate) struct Room {
    storage: Arc<dyn Storage>,
    bytes: u64,
}

impl Room {
    /// Measures the room at the start of a run that has kept the unfinished bodies of these rows. `None` if it cannot be measured,
    /// or if the disk is full.
    pub(crate) fn measure(
        storage: &Arc<dyn Storage>,
        store: &dyn Store,
        kept: impl IntoIterator<Item = RowId>,
    ) -> Option<Arc<Self>> {
        let taken: u64 = kept
            .into_iter()
            .filter_map(|row| store.unfinished(row).ok().flatten())
            .map(|state| state.len)
            .sum();
        let bytes = storage.free_bytes().ok()?.saturating_add(taken);
        (bytes >= ROOM_BYTES_MIN).then(|| Arc::new(Self { storage: Arc::clone(storage), bytes }))
    }

    /// The most bytes that one file may have, as the room was at the start.
    pub(crate) fn file_bytes_max(&self) -> u64 {
        tenths_of(self.bytes)
    }

    /// The most bytes that a file may have of which `present` bytes are on the disk, as the room is now.
    pub(crate) fn file_bytes_max_now(&self, present: u64) -> u64 {
        let free = self.storage.free_bytes().unwrap_or(0);
        self.file_bytes_max().max(tenths_of(free.saturating_add(present)))
    }

    /// Whether bodies of these lengths together take most of the room.
    pub(super) fn is_mostly_taken_by(&self, lengths: impl IntoIterator<Item = u64>) -> bool {
        lengths.into_iter().fold(0, u64::saturating_add) >= self.bytes / 2
    }
}

fn tenths_of(bytes: u64) -> u64 {
    bytes / 10 * FILE_TENTHS_MAX
}

/// Whether an error says that the disk, or the user's part of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
