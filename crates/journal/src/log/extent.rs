//! How far the log reaches, noted in a file of its own, so that a segment that is removed, or cut where a record ends, is missed.
//!
//! It is replaced now and then during a run and at its end, and never synced: after a loss of power it says less than there is, or
//! nothing. A log that is shorter than it says is damaged.

use crate::error::Damage;
use crate::files::{EXTENT_FILE, Kind, fixed, read_file, replace_unsynced};
use crate::format::{append_frame, read_frame};
use crate::storage::Storage;

/// Where the checksum of this file starts from.
const SALT: u32 = 0x6578_7465;
/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64;

/// The number of a segment, and how many of its bytes were committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    pub(super) number: u32,
    pub(super) committed: u64,
}

impl Extent {
    /// Notes the extent. Nothing depends on it: an error loses the note.
    pub(super) fn write(self, storage: &dyn Storage) {
        let mut bytes = Vec::new();
        let written = append_frame(&mut bytes, SALT, |out| {
            out.extend_from_slice(&self.number.to_le_bytes());
            out.extend_from_slice(&self.committed.to_le_bytes());
        });
        if written.is_ok() {
            let _ = replace_unsynced(storage, &fixed(EXTENT_FILE), &bytes);
        }
    }

    /// The noted extent, if there is one.
    pub(super) fn read(storage: &dyn Storage) -> Option<Self> {
        let mut bytes = Vec::new();
        read_file(storage, &fixed(EXTENT_FILE), Some(FILE_BYTES_MAX), &mut bytes).ok()?;
        let payload = &bytes[read_frame(&bytes, 0, SALT)?];
        let (number, committed) = payload.split_first_chunk()?;
        let committed = u64::from_le_bytes(committed.try_into().ok()?);
        Some(Self { number: u32::from_le_bytes(*number), committed })
    }

    /// What is missing of a log that ends here.
    pub(super) fn missing(self, end: Self) -> Vec<Damage> {
        let damage = |number: u32, offset: u64, len: u64, what: &str| Damage {
            path: Kind::Log.path(number).to_string(),
            offset,
            len,
            what: what.to_owned(),
        };
        let mut missing: Vec<Damage> = Vec::new();
        if end.number == self.number && end.committed < self.committed {
            let len = self.committed - end.committed;
            missing.push(damage(end.number, end.committed, len, "the file is too short"));
        }
        // However many the note says: one line is enough.
        if end.number < self.number {
            missing.push(damage(end.number + 1, 0, 0, "the file is missing"));
        }
        missing
    }
}
