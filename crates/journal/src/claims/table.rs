//! The table on disk: buckets of one page, chosen by the top bits of the fingerprint, so that doubling the table splits each
//! bucket in two neighbours and is one sequential pass. A claim costs one page read and one small write, both in the
//! system's page cache.

use std::collections::BTreeMap;
use std::io;

use super::fingerprint::Fingerprint;
use crate::files::{CLAIMS_FILE, CLAIMS_GROWN_FILE, fixed};
use crate::storage::{File, RelativePath, Storage};

/// A page.
const BUCKET_BYTES: usize = 4096;
/// Value and fingerprint, in this order: a write that fails halfway leaves a free slot or one that matches nothing.
const SLOT_BYTES: usize = 24;
const BUCKET_SLOTS: u64 = (BUCKET_BYTES / SLOT_BYTES) as u64;
/// Above this share of used slots, in percent, the table doubles: at 70 % a bucket is still very rarely full before its
/// neighbours.
const LOAD_PERCENT_MAX: u64 = 70;
pub(super) struct Table {
    file: Box<dyn File>,
    /// The table has two to this many buckets.
    bucket_bits: u32,
    entries: u64,
    bucket: Box<[u8; BUCKET_BYTES]>,
}

/// What a look into a bucket finds.
enum Slot {
    Taken(u64),
    Free(usize),
    Full,
}

impl Table {
    pub(super) fn path() -> RelativePath {
        fixed(CLAIMS_FILE)
    }

    /// Makes a table of entries, less than half full.
    pub(super) fn create(storage: &dyn Storage, entries: &BTreeMap<Fingerprint, u64>) -> io::Result<Self> {
        let count = entries.len() as u64;
        let mut bucket_bits = (count * 2 / BUCKET_SLOTS + 1).next_power_of_two().ilog2();
        loop {
            let mut entries = entries.iter().map(|(fingerprint, value)| (*fingerprint, *value)).peekable();
            let built = build(storage, &Self::path(), bucket_bits, |index, bucket| {
                while let Some((fingerprint, value)) =
                    entries.next_if(|(fingerprint, _)| bucket_index(*fingerprint, bucket_bits) == index)
                {
                    if !bucket.push(fingerprint, value) {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?;
            if let Some(file) = built {
                return Ok(Self { file, bucket_bits, entries: count, bucket: Box::new([0; BUCKET_BYTES]) });
            }
            bucket_bits += 1;
        }
    }

    pub(super) fn claim(
        &mut self,
        storage: &dyn Storage,
        fingerprint: Fingerprint,
        value: u64,
    ) -> io::Result<Option<u64>> {
        let capacity = BUCKET_SLOTS << self.bucket_bits;
        if self.entries * 100 >= capacity * LOAD_PERCENT_MAX {
            self.double(storage)?;
        }
        loop {
            let start = bucket_index(fingerprint, self.bucket_bits) * BUCKET_BYTES as u64;
            if self.file.read_at(&mut self.bucket[..], start)? != BUCKET_BYTES {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match find(&self.bucket[..], fingerprint) {
                Slot::Taken(earlier) => return Ok(Some(earlier)),
                Slot::Free(offset) => {
                    self.file.write_all_at(&slot(fingerprint, value), start + offset as u64)?;
                    self.entries += 1;
                    return Ok(None);
                }
                Slot::Full => self.double(storage)?,
            }
        }
    }

    fn double(&mut self, storage: &dyn Storage) -> io::Result<()> {
        let path = fixed(CLAIMS_GROWN_FILE);
        let mut bucket_bits = self.bucket_bits;
        let file = loop {
            bucket_bits += 1;
            let halvings = bucket_bits - self.bucket_bits;
            let (old, page) = (&self.file, &mut self.bucket);
            let built = build(storage, &path, bucket_bits, |index, bucket| {
                let parent = index >> halvings;
                if index == parent << halvings {
                    old.read_at(&mut page[..], parent * BUCKET_BYTES as u64)?;
                }
                Ok(slots(&page[..])
                    .filter(|(fingerprint, _)| bucket_index(*fingerprint, bucket_bits) == index)
                    .all(|(fingerprint, value)| bucket.push(fingerprint, value)))
            })?;
            if let Some(file) = built {
                break file;
            }
        };
        storage.rename(&path, &Self::path())?;
        self.file = file;
        self.bucket_bits = bucket_bits;
        Ok(())
    }
}

/// The bucket being filled while a table is built.
struct Bucket {
    bytes: [u8; BUCKET_BYTES],
    used: usize,
}

impl Bucket {
    /// Adds an entry, if there is room.
    fn push(&mut self, fingerprint: Fingerprint, value: u64) -> bool {
        match self.bytes.get_mut(self.used..self.used + SLOT_BYTES) {
            Some(free) => {
                free.copy_from_slice(&slot(fingerprint, value));
                self.used += SLOT_BYTES;
                true
            }
            None => false,
        }
    }
}

/// Writes a table bucket by bucket. `None` when `fill` found a bucket too small.
///
/// One write a bucket, although fewer and longer ones would build the table faster: the system caches what is written at
/// once as one unit, and on ext4 every later small write would pay for the whole of it (measured: 1.0 us in units of 4 KiB,
/// 2.7 us of 1 MiB).
fn build(
    storage: &dyn Storage,
    path: &RelativePath,
    bucket_bits: u32,
    mut fill: impl FnMut(u64, &mut Bucket) -> io::Result<bool>,
) -> io::Result<Option<Box<dyn File>>> {
    if storage.metadata(path)?.is_some() {
        storage.remove(path)?;
    }
    let mut table = storage.create(path)?;
    for index in 0..1_u64 << bucket_bits {
        let mut bucket = Bucket { bytes: [0; BUCKET_BYTES], used: 0 };
        if !fill(index, &mut bucket)? {
            return Ok(None);
        }
        table.write_all_at(&bucket.bytes, index * BUCKET_BYTES as u64)?;
    }
    Ok(Some(table))
}

fn bucket_index(fingerprint: Fingerprint, bucket_bits: u32) -> u64 {
    let top = fingerprint.0.checked_shr(u128::BITS - bucket_bits).unwrap_or(0);
    u64::try_from(top).expect("a table has far fewer than 2^64 buckets")
}

fn slot(fingerprint: Fingerprint, value: u64) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    bytes[8..].copy_from_slice(&fingerprint.0.to_le_bytes());
    bytes
}

/// The entries of a bucket, which are at its start.
fn slots(bucket: &[u8]) -> impl Iterator<Item = (Fingerprint, u64)> {
    bucket.chunks_exact(SLOT_BYTES).map_while(|slot| {
        let (value, fingerprint) = slot.split_first_chunk::<8>()?;
        let value = u64::from_le_bytes(*value);
        let fingerprint = u128::from_le_bytes(*fingerprint.first_chunk()?);
        (fingerprint != 0).then_some((Fingerprint(fingerprint), value))
    })
}

fn find(bucket: &[u8], wanted: Fingerprint) -> Slot {
    let mut used = 0;
    for (fingerprint, value) in slots(bucket) {
        if fingerprint == wanted {
            return Slot::Taken(value);
        }
        used += 1;
    }
    if used < bucket.len() / SLOT_BYTES { Slot::Free(used * SLOT_BYTES) } else { Slot::Full }
}
