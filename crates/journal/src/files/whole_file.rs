//! Whole files: read at once, or created at once.

use std::io;

use crate::error::JournalError;
use crate::files::{state_directory, unfinished};
use crate::storage::{File, RelativePath, Storage};

/// The size at which a spool or log segment is finished, in bytes: small enough to be read into memory whole, large enough
/// that a list of ten million rows makes about a hundred files.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 20;
/// The longest file that is read at all, in bytes. A log segment passes [`SEGMENT_BYTES`] by at most one uncommitted group.
pub(crate) const FILE_BYTES_MAX: u64 = 512 << 20;

/// Reads a file from its start, at most up to `limit`, into a buffer that can be reused.
pub(crate) fn read_file(
    storage: &dyn Storage,
    path: &RelativePath,
    limit: Option<u64>,
    buffer: &mut Vec<u8>,
) -> Result<(), JournalError> {
    let mut read = || {
        let file = storage.open_read(path)?;
        let len = file.len()?.min(limit.unwrap_or(u64::MAX));
        if len > FILE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        buffer.resize(usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?, 0);
        let count = file.read_at(buffer, 0)?;
        buffer.truncate(count);
        Ok(())
    };
    read().map_err(JournalError::io("read", path))
}

/// Why a file could not be created.
#[derive(Debug)]
pub(crate) enum CreateError {
    /// It does not exist.
    Absent(io::Error),
    /// It may exist or not, now or after a crash.
    Uncertain(io::Error),
}

impl CreateError {
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Absent(error) | Self::Uncertain(error) => error,
        }
    }
}

/// Puts a file in place of an earlier one without waiting for the disk. A reader sees the earlier one or this one, as long as the
/// machine runs; after a loss of power the file may be torn, empty or gone.
pub(crate) fn replace_unsynced(storage: &dyn Storage, path: &RelativePath, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    write_unfinished(storage, &unfinished, bytes)?;
    storage.rename(&unfinished, path)
}

fn write_unfinished(
    storage: &dyn Storage,
    unfinished: &RelativePath,
    bytes: &[u8],
) -> io::Result<Box<dyn File>> {
    if storage.metadata(unfinished)?.is_some() {
        storage.remove(unfinished)?;
    }
    let mut file = storage.create(unfinished)?;
    file.write_all_at(bytes, 0)?;
    Ok(file)
}

/// Writes a file under another name, syncs it and renames it: under its own name it is complete and durable, or absent.
pub(crate) fn create_complete(
    storage: &dyn Storage,
    path: &RelativePath,
    bytes: &[u8],
) -> Result<Box<dyn File>, CreateError> {
    let unfinished = unfinished(path);
    let write = || {
        let mut file = write_unfinished(storage, &unfinished, bytes)?;
        file.sync()?;
        Ok(file)
    };
    let file = write().map_err(CreateError::Absent)?;
    storage.rename(&unfinished, path).map_err(CreateError::Uncertain)?;
    storage.sync_dir(Some(&state_directory())).map_err(CreateError::Uncertain)?;
    Ok(file)
}
