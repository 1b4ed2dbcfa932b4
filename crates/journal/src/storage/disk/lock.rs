//! The lock of a haul: flock(2), which the system releases when the process dies, however it dies.
//!
//! The system locks a file, not a path. So a lock counts only while its path leads to the locked file: that is checked once it
//! is taken, and can be checked again later ([`Lock::is_at_its_path`]). A file that other names lead to may be part of somebody's
//! snapshot, so it is replaced and not written to.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::directories::Directories;
use crate::storage::{Lock, LockError, RelativePath};

/// The longest text read back as the holder's name, in bytes.
const HOLDER_BYTES_MAX: usize = 256;
/// [`holder`] itself takes a shared lock for a moment; a lock that is only that is waited out.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);
/// How often the file is looked up again that was replaced while it was being locked: each time another process has made progress.
const LOOKUPS_MAX: u32 = 16;
/// A new lock file, until it has its name.
const NEW_SUFFIX: &str = ".new";

const OPEN_FLAGS: OFlags =
    OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const MODE: u32 = 0o600;

struct DiskLock {
    /// Keeps the lock, and keeps the inode from being used again.
    _handle: OwnedFd,
    /// The haul's directory, wherever it has been moved to.
    root: OwnedFd,
    path: RelativePath,
    /// The locked file.
    locked: Stat,
}

/// Whether two answers of stat(2) are about one file.
fn is_same(left: &Stat, right: &Stat) -> bool {
    (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino)
}

impl Lock for DiskLock {
    fn is_at_its_path(&self) -> io::Result<bool> {
        let found =
            retry_on_intr(|| rustix::fs::statat(&self.root, self.path.as_str(), AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(stat) => Ok(is_same(&stat, &self.locked)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn take(
    directories: &Directories,
    path: &RelativePath,
    holder: &str,
) -> Result<Box<dyn Lock>, LockError> {
    for _ in 0..LOOKUPS_MAX {
        let handle = directories
            .within(path, |directory, name| {
                rustix::fs::openat(directory, name, OPEN_FLAGS | OFlags::CREATE, Mode::from_raw_mode(MODE))
            })
            .map_err(into_error)?;
        lock(&handle)?;
        // Another process may have replaced the file before this one had its lock.
        let stat = rustix::fs::fstat(&handle).map_err(into_error)?;
        let named = look_up(directories, path).map_err(into_error)?;
        if named.is_none_or(|named| !is_same(&named, &stat)) {
            continue;
        }
        let handle = if stat.st_nlink > 1 { replace(directories, path)? } else { handle };
        write_holder(&handle, holder).map_err(into_error)?;
        let locked = rustix::fs::fstat(&handle).map_err(into_error)?;
        let root =
            retry_on_intr(|| rustix::io::fcntl_dupfd_cloexec(directories.root(), 0)).map_err(into_error)?;
        return Ok(Box::new(DiskLock { _handle: handle, root, path: path.clone(), locked }));
    }
    Err(LockError::Io(io::Error::other("the lock file is being replaced again and again")))
}

fn look_up(directories: &Directories, path: &RelativePath) -> Result<Option<Stat>, Errno> {
    let found = directories
        .within(path, |directory, name| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW));
    match found {
        Err(Errno::NOENT) => Ok(None),
        found => found.map(Some),
    }
}

fn lock(handle: &OwnedFd) -> Result<(), LockError> {
    for attempt in 1.. {
        match retry_on_intr(|| rustix::fs::flock(handle, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if attempt < ATTEMPTS => thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::Held { holder: read_holder(handle).map_err(into_error)? });
            }
            Err(error) => return Err(into_error(error)),
        }
    }
    Ok(())
}

/// Puts a new locked file in place of one that has other names. The caller holds the lock of the old one meanwhile, so nobody else
/// does this at the same time.
fn replace(directories: &Directories, path: &RelativePath) -> Result<OwnedFd, LockError> {
    directories
        .within(path, |directory, name| {
            let new = format!("{name}{NEW_SUFFIX}");
            match rustix::fs::unlinkat(directory, &*new, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
            let flags = OPEN_FLAGS | OFlags::CREATE | OFlags::EXCL;
            let handle = rustix::fs::openat(directory, &*new, flags, Mode::from_raw_mode(MODE))?;
            rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
            rustix::fs::renameat(directory, &*new, directory.as_fd(), name)?;
            Ok(handle)
        })
        .map_err(into_error)
}

fn write_holder(handle: &OwnedFd, holder: &str) -> Result<(), Errno> {
    let text = holder.as_bytes();
    let text = &text[..text.len().min(HOLDER_BYTES_MAX)];
    retry_on_intr(|| rustix::fs::ftruncate(handle, 0))?;
    retry_on_intr(|| rustix::io::pwrite(handle, text, 0)).map(drop)
}

pub(super) fn holder(directories: &Directories, path: &RelativePath) -> Result<Option<String>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened =
        directories.within(path, |directory, name| rustix::fs::openat(directory, name, flags, Mode::empty()));
    let handle = match opened {
        // A symbolic link locks nothing.
        Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
        opened => opened?,
    };
    match retry_on_intr(|| rustix::fs::flock(&handle, FlockOperation::NonBlockingLockShared)) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => read_holder(&handle).map(Some),
        Err(error) => Err(error),
    }
}

fn read_holder(handle: &OwnedFd) -> Result<String, Errno> {
    let mut buffer = [0; HOLDER_BYTES_MAX];
    let count = retry_on_intr(|| rustix::io::pread(handle, &mut buffer, 0))?;
    let text = String::from_utf8_lossy(&buffer[..count]);
    Ok(if text.is_empty() { "another process".to_owned() } else { text.into_owned() })
}

fn into_error(error: Errno) -> LockError {
    LockError::Io(error.into())
}
