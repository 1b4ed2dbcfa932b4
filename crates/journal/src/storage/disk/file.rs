//! An open file of the real file system.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

use super::platform;
use crate::storage::{File, FileIdentity, FileKind, Metadata};

#[derive(Debug)]
pub(super) struct DiskFile {
    handle: OwnedFd,
    /// Set by a failed sync: the system may have thrown the unwritten pages away and marked them clean, so that the next
    /// sync would succeed and mean nothing (fsync(2), errors since Linux 4.13).
    poisoned: bool,
    /// The file system lies in memory: there is nothing to write back.
    in_memory: bool,
}

impl DiskFile {
    pub(super) fn new(handle: OwnedFd, in_memory: bool) -> Self {
        Self { handle, poisoned: false, in_memory }
    }

    fn refuse_poisoned(&self) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("an earlier sync of this file failed"));
        }
        Ok(())
    }
}

impl File for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            match retry_on_intr(|| rustix::io::pread(&self.handle, &mut buffer[filled..], at))? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.refuse_poisoned()?;
        let mut written = 0;
        while written < bytes.len() {
            let at = offset + written as u64;
            match retry_on_intr(|| rustix::io::pwrite(&self.handle, &bytes[written..], at))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => written += count,
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.refuse_poisoned()?;
        platform::sync_data(self.handle.as_fd()).map_err(|error: Errno| {
            self.poisoned = true;
            error.into()
        })
    }

    fn start_writeback(&mut self) {
        if !self.in_memory {
            platform::start_writeback(self.handle.as_fd());
        }
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(describe(&rustix::fs::fstat(&self.handle)?))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(rustix::fs::fstat(&self.handle)?.st_size).unwrap_or(0))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.refuse_poisoned()?;
        Ok(retry_on_intr(|| rustix::fs::ftruncate(&self.handle, len))?)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        let stat = rustix::fs::fstat(&self.handle)?;
        #[allow(
            clippy::useless_conversion,
            clippy::unnecessary_cast,
            clippy::cast_sign_loss,
            reason = "their types differ by system"
        )]
        let (device, number) = (stat.st_dev as u64, stat.st_ino as u64);
        Ok(FileIdentity { device, number })
    }

    fn is_shared(&self) -> io::Result<bool> {
        Ok(rustix::fs::fstat(&self.handle)?.st_nlink > 1)
    }
}

/// What fstat(2) says, in the terms of the storage seam.
pub(super) fn describe(stat: &rustix::fs::Stat) -> Metadata {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    };
    let len = if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_fallible_conversions,
        reason = "its type differs by system"
    )]
    let milliseconds = u64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1_000_000;
    Metadata { len, kind, modified_unix_ms: seconds.saturating_mul(1000).saturating_add(milliseconds) }
}
