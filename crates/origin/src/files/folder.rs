//! The folder that is served.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::beneath::{self, Blocking};
use super::file::{File, FileVersion};

/// A directory, and everything beneath it that can be reached without leaving it.
#[derive(Debug)]
pub struct Folder {
    root: OwnedFd,
}

/// What a name denotes.
#[derive(Debug)]
pub(super) enum FolderEntry {
    File(File),
    Directory(OwnedFd),
}

impl Folder {
    /// Opens a directory. The path itself may contain symbolic links; links beneath it may not lead out again. A directory
    /// that is renamed later is still served.
    ///
    /// # Errors
    /// When there is no such directory, or it is not readable.
    pub fn open(directory: impl AsRef<Path>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = retry_on_intr(|| rustix::fs::open(directory.as_ref(), flags, Mode::empty()))?;
        Ok(Self { root })
    }

    /// What `name` denotes. Anything but a file or a directory (a device, a pipe, a socket) is `ENOENT`.
    pub(super) fn find(&self, name: &[u8], blocking: Blocking) -> Result<FolderEntry, Errno> {
        let handle = beneath::open(self.root.as_fd(), name, blocking)?;
        let stat = rustix::fs::fstat(&handle)?;
        match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
            rustix::fs::FileType::RegularFile => {
                Ok(FolderEntry::File(File::new(handle, FileVersion::of(&stat))))
            }
            rustix::fs::FileType::Directory => Ok(FolderEntry::Directory(handle)),
            _ => Err(Errno::NOENT),
        }
    }

    /// The version of `name`, and whether it is a directory; `None` if it would not be served.
    pub(super) fn look(&self, name: &[u8]) -> Option<(FileVersion, bool)> {
        let stat = rustix::fs::fstat(beneath::look(self.root.as_fd(), name).ok()?).ok()?;
        match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
            rustix::fs::FileType::RegularFile => Some((FileVersion::of(&stat), false)),
            rustix::fs::FileType::Directory => Some((FileVersion::of(&stat), true)),
            _ => None,
        }
    }
}
