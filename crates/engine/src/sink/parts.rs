//! Bodies under way: one file a row, below `.longhaul/parts/`, until it is complete and gets its final name.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, Metadata, RelativePath, Storage};
use longhaul_journal::{Mark, PARTS_DIRECTORY, RowId};

use super::Piece;

/// Bytes read at once when what was kept is read again.
const READ_BYTES: usize = 256 * 1024;

/// A file that is being written.
pub(super) struct PartFile {
    pub(super) file: Box<dyn File>,
    pub(super) len: u64,
    pub(super) hasher: blake3::Hasher,
    /// Of `len`, so many bytes are on stable storage.
    pub(super) synced_len: u64,
}

/// A file that rests between two attempts: what is in it is known, and as long as nobody touches it, it need not be read
/// again.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) len: u64,
    /// Over the first `len` bytes.
    pub(crate) hasher: blake3::Hasher,
    /// The file when that was known.
    pub(crate) found: Metadata,
}

/// The part files of this run, by row.
pub(super) struct Parts {
    storage: Arc<dyn Storage>,
    open: BTreeMap<RowId, PartFile>,
    /// One for each row that waits with something kept: no more than there are rows in memory, at two kilobytes each.
    resting: BTreeMap<RowId, Proven>,
}

/// Why a piece was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// What is on disk is not what the piece continues: it was changed by someone else, or lost.
    Broken,
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Parts {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, open: BTreeMap::new(), resting: BTreeMap::new() }
    }

    /// Makes sure that nothing is kept of the row.
    pub(super) fn clear(&mut self, row: RowId) -> io::Result<()> {
        self.resting.remove(&row);
        if let Some(part) = self.open.get_mut(&row) {
            part.file.truncate(0)?;
            part.begin_again();
            return Ok(());
        }
        let part = PartFile::fresh(self.create_empty(row)?);
        self.open.insert(row, part);
        Ok(())
    }

    /// Writes a piece where it belongs. May be called again with the same piece after an error of the file system.
    pub(super) fn write(&mut self, row: RowId, piece: &Piece) -> Result<(), WriteError> {
        if piece.offset == 0 && self.open.get(&row).is_none_or(|part| part.len > 0) {
            self.clear(row)?;
        }
        if !self.open.contains_key(&row) {
            let part = self.reopen(row, piece.offset)?;
            self.resting.remove(&row);
            self.open.insert(row, part);
        }
        let Some(part) = self.open.get_mut(&row) else { return Err(WriteError::Broken) };
        if part.len != piece.offset {
            return Err(WriteError::Broken);
        }
        let mut at = piece.offset;
        for chunk in &piece.chunks {
            part.file.write_all_at(chunk, at)?;
            at += chunk.len() as u64;
        }
        for chunk in &piece.chunks {
            part.hasher.update(chunk);
        }
        part.len = at;
        Ok(())
    }

    /// What the row's file holds, if it is being written.
    pub(super) fn mark(&self, row: RowId) -> Option<Mark> {
        self.open.get(&row).map(|part| mark(&part.hasher, part.len))
    }

    /// Closes the row's file for now; what is in it stays.
    pub(super) fn close(&mut self, row: RowId) {
        let Some(part) = self.open.remove(&row) else { return };
        if let Ok(found) = part.file.metadata() {
            let PartFile { len, hasher, .. } = part;
            self.resting.insert(row, Proven { len, hasher, found });
        }
    }

    /// Takes up what an earlier run kept.
    pub(super) fn resume(&mut self, row: RowId, proven: Proven) {
        self.resting.insert(row, proven);
    }

    /// Closes the row's file for the rest of this run; what is in it stays.
    pub(super) fn leave(&mut self, row: RowId) {
        self.open.remove(&row);
        self.resting.remove(&row);
    }

    /// Removes what was kept of the row.
    pub(super) fn remove(&mut self, row: RowId) -> io::Result<()> {
        self.leave(row);
        remove_part(&*self.storage, row)
    }

    /// Takes the row's complete file.
    pub(super) fn take(&mut self, row: RowId) -> Option<PartFile> {
        self.open.remove(&row)
    }

    /// The files that are being written.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (RowId, &mut PartFile)> {
        self.open.iter_mut().map(|(&row, part)| (row, part))
    }

    fn create_empty(&self, row: RowId) -> io::Result<Box<dyn File>> {
        let path = part_path(row);
        match self.storage.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut file = self.storage.open(&path)?;
                file.truncate(0)?;
                Ok(file)
            }
            created => created,
        }
    }

    /// Opens a file of an earlier attempt, if it is untouched and `len` bytes of it are known, and cuts it to those.
    fn reopen(&self, row: RowId, len: u64) -> Result<PartFile, WriteError> {
        let Some(proven) = self.resting.get(&row).filter(|proven| proven.len == len) else {
            return Err(WriteError::Broken);
        };
        let mut file = match self.storage.open(&part_path(row)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(WriteError::Broken),
            opened => opened?,
        };
        if file.metadata()? != proven.found {
            return Err(WriteError::Broken);
        }
        file.truncate(len)?;
        Ok(PartFile { file, len, hasher: proven.hasher.clone(), synced_len: 0 })
    }
}

impl PartFile {
    fn fresh(file: Box<dyn File>) -> Self {
        Self { file, len: 0, hasher: blake3::Hasher::new(), synced_len: 0 }
    }

    fn begin_again(&mut self) {
        self.len = 0;
        self.hasher.reset();
        self.synced_len = 0;
    }
}

/// The statement that `hasher` has taken the first `len` bytes of a part file.
pub(crate) fn mark(hasher: &blake3::Hasher, len: u64) -> Mark {
    let hash = hasher.finalize();
    let (digest, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    Mark { len, digest: *digest }
}

/// The directory of the part files.
pub(super) fn parts_directory() -> RelativePath {
    PARTS_DIRECTORY.parse().expect("a directory's name makes a valid path")
}

/// The path of a row's part file.
pub(crate) fn part_path(row: RowId) -> RelativePath {
    format!("{PARTS_DIRECTORY}/{}", row.0).parse().expect("a directory's name and a number make a valid path")
}

/// Removes the row's part file, if there is one.
pub(super) fn remove_part(storage: &dyn Storage, row: RowId) -> io::Result<()> {
    match storage.remove(&part_path(row)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Hashes the first `len` bytes; `None` if the file is shorter.
pub(super) fn hash_file(file: &dyn File, len: u64) -> io::Result<Option<blake3::Hasher>> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut at = 0;
    while at < len {
        let wanted = usize::try_from(len - at).map_or(READ_BYTES, |left| left.min(READ_BYTES));
        let count = file.read_at(&mut buffer[..wanted], at)?;
        if count == 0 {
            return Ok(None);
        }
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(Some(hasher))
}
