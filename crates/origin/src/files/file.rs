//! An open file: its version, and its bytes.

use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::fs::Stat;
use rustix::io::{Errno, retry_on_intr};

/// Two changes within one tick of a file system's clock have the same time: 4 ms on many kernels, 2 s on FAT.
const TICK_MAX: Duration = Duration::from_secs(2);

/// Identifies the content of a file: as long as nothing of it changes, neither do the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileVersion {
    inode: u64,
    len: u64,
    modified_unix_seconds: i64,
    modified_nanoseconds: u32,
}

impl FileVersion {
    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            inode: stat.st_ino as u64,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            modified_unix_seconds: stat.st_mtime as i64,
            modified_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The entity tag, with its quotes. It is weak as long as another change within the same tick could go unnoticed, so
    /// that no client combines parts of two contents by it (RFC 9110 section 8.8.1).
    pub(super) fn entity_tag(&self, now: SystemTime) -> String {
        let Self { inode, len, modified_unix_seconds, modified_nanoseconds } = self;
        let weak = if self.is_fresh(now) { "W/" } else { "" };
        format!("{weak}\"{inode:x}-{len:x}-{modified_unix_seconds:x}.{modified_nanoseconds:08x}\"")
    }

    /// Whether the last change is at most a tick ago. A time further in the future was set by hand, and the next change will
    /// not have it.
    fn is_fresh(&self, now: SystemTime) -> bool {
        let Ok(seconds) = u64::try_from(self.modified_unix_seconds) else { return false };
        let since = Duration::new(seconds, self.modified_nanoseconds);
        now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|now| now.abs_diff(since) <= TICK_MAX)
    }

    /// The time of the last change in whole seconds, as in HTTP dates; `None` before 1970 and after 9999.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        const YEAR_10000_UNIX_SECONDS: u64 = 253_402_300_800;
        let seconds = u64::try_from(self.modified_unix_seconds).ok()?;
        (seconds < YEAR_10000_UNIX_SECONDS).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// A regular file.
#[derive(Debug)]
pub(super) struct File {
    handle: OwnedFd,
    version: FileVersion,
}

impl File {
    pub(super) fn new(handle: OwnedFd, version: FileVersion) -> Self {
        Self { handle, version }
    }

    pub(super) fn version(&self) -> FileVersion {
        self.version
    }

    /// `len` bytes at `offset`, if the system has them in memory. `None` if the read would wait for the disk, or the system
    /// cannot tell: then call [`read`](Self::read) on a thread that may wait.
    pub(super) fn read_now(&self, offset: u64, len: usize) -> Option<Result<Bytes, Errno>> {
        let mut room = vec![0; len];
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let read = {
            let flags = rustix::io::ReadWriteFlags::NOWAIT;
            rustix::io::preadv2(&self.handle, &mut [std::io::IoSliceMut::new(&mut room)], offset, flags)
        };
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        let read: Result<usize, Errno> = Err(Errno::OPNOTSUPP);
        match read {
            Ok(count) if count == len => Some(Ok(room.into())),
            // Only a part is in memory, or the file has become shorter. `read` tells which.
            Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::INTR) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// `len` bytes at `offset`; may wait for the disk.
    ///
    /// # Errors
    /// That of the disk; `EIO` where the file has become shorter.
    pub(super) fn read(&self, offset: u64, len: usize) -> Result<Bytes, Errno> {
        let mut room = vec![0; len];
        let mut filled = 0;
        while filled < len {
            let at = offset + filled as u64;
            match retry_on_intr(|| rustix::io::pread(&self.handle, &mut room[filled..], at))? {
                0 => return Err(Errno::IO),
                count => filled += count,
            }
        }
        Ok(room.into())
    }

    /// Whether the file is unchanged since it was opened. Called after the last byte was read: otherwise a file that is
    /// being written would be sent as a mixture under the entity tag of the old version.
    pub(super) fn is_unchanged(&self) -> bool {
        rustix::fs::fstat(&self.handle).is_ok_and(|stat| FileVersion::of(&stat) == self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that was just written can be written again without a trace, until the file system's clock advances.
    #[test]
    fn the_tag_of_a_file_that_has_just_changed_is_weak() {
        let modified = Duration::new(1_700_000_000, 5);
        let version =
            FileVersion { inode: 1, len: 16, modified_unix_seconds: 1_700_000_000, modified_nanoseconds: 5 };
        let tag_at = |now: Duration| version.entity_tag(SystemTime::UNIX_EPOCH + now);
        let nanosecond = Duration::from_nanos(1);
        let strong = "\"1-10-6553f100.00000005\"";
        assert_eq!(tag_at(modified), format!("W/{strong}"));
        assert_eq!(tag_at(modified + TICK_MAX), format!("W/{strong}"));
        assert_eq!(tag_at(modified + TICK_MAX + nanosecond), strong);
        assert_eq!(tag_at(modified.saturating_sub(TICK_MAX + nanosecond)), strong, "set by hand");
    }
}
