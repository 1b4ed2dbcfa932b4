//! The bytes of one file, twice: as a process reads them, and as they are on stable storage.

use fastrand::Rng;

use crate::storage::{FileKind, Metadata};

/// What a disk writes at once: a write is torn at multiples of this, in bytes.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    current: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// Changes so far.
    changes: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Contents {
    pub(super) fn current(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn metadata(&self) -> Metadata {
        let len = self.current.len() as u64;
        Metadata { len, kind: FileKind::File, modified_unix_ms: self.changes }
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.changes += 1;
        write(&mut self.current, offset, bytes);
        self.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.changes += 1;
        self.current.resize(len, 0);
        self.unsynced.push(Change::Resize(len));
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write { offset, bytes } => write(&mut self.durable, offset, &bytes),
                Change::Resize(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// A sync fails: the system marks the pages clean, although they never reached the disk. Processes still read them.
    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    /// What is left after the power was lost.
    pub(super) fn after_power_loss(&self, random: &mut Rng) -> Self {
        let mut left = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Resize(len) if random.bool() => left.resize(*len, 0),
                Change::Resize(_) => {}
                Change::Write { offset, bytes } => match random.u8(..4) {
                    0 => {}
                    1 => write(&mut left, *offset, &bytes[..random.usize(..=bytes.len())]),
                    2 => write_some_sectors(&mut left, *offset, bytes, random),
                    _ => write(&mut left, *offset, bytes),
                },
            }
        }
        Self { current: left.clone(), durable: left, unsynced: Vec::new(), changes: self.changes }
    }
}

fn write(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

fn write_some_sectors(target: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Rng) {
    let mut start = 0;
    while start < bytes.len() {
        let boundary = (offset + start) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
        let end = (boundary - offset).min(bytes.len());
        if random.bool() {
            write(target, offset + start, &bytes[start..end]);
        }
        start = end;
    }
}
