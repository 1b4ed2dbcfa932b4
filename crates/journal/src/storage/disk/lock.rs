//! The lock of a haul: flock(2), which the system releases when the process dies, however it dies.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::directories::Directories;
use crate::storage::{Lock, LockError, RelativePath};

/// The longest text read back as the holder's name, in bytes.
const HOLDER_BYTES_MAX: usize = 256;
/// [`holder`] itself takes a shared lock for a moment; a lock that is only that is waited out.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);

#[derive(Debug)]
struct DiskLock {
    _handle: OwnedFd,
}

impl Lock for DiskLock {}

pub(super) fn take(
    directories: &Directories,
    path: &RelativePath,
    holder: &str,
) -> Result<Box<dyn Lock>, LockError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = directories
        .within(path, |directory, name| {
            rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))
        })
        .map_err(into_error)?;
    let mut attempt = 1;
    loop {
        match retry_on_intr(|| rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if attempt < ATTEMPTS => thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::Held { holder: read_holder(&handle).map_err(into_error)? });
            }
            Err(error) => return Err(into_error(error)),
        }
        attempt += 1;
    }
    let text = holder.as_bytes();
    let text = &text[..text.len().min(HOLDER_BYTES_MAX)];
    rustix::fs::ftruncate(&handle, 0).map_err(into_error)?;
    retry_on_intr(|| rustix::io::pwrite(&handle, text, 0)).map_err(into_error)?;
    Ok(Box::new(DiskLock { _handle: handle }))
}

pub(super) fn holder(directories: &Directories, path: &RelativePath) -> Result<Option<String>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened =
        directories.within(path, |directory, name| rustix::fs::openat(directory, name, flags, Mode::empty()));
    let handle = match opened {
        Err(Errno::NOENT) => return Ok(None),
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
