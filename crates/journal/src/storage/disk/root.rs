//! The directory that a haul is, and the operations beneath it.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::directories::Directories;
use super::file::{DiskFile, describe};
use super::{lock, platform, rename};
use crate::files::{PARTS_DIRECTORY, STATE_DIRECTORY};
use crate::storage::{File, Lock, LockError, Metadata, RelativePath, Storage};

/// `O_NONBLOCK` means nothing to a regular file, and keeps the opening of a pipe that stands in its place from waiting for a
/// peer.
const OPEN_FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The mode of files of records: URLs may hold passwords, and whoever can write to the records decides what is downloaded.
const PRIVATE_MODE: u32 = 0o600;
/// The mode of other files, before the umask.
const SHARED_MODE: u32 = 0o666;

/// Whether a path is one of our own records. An unfinished body is none: it becomes a file of the user's.
fn is_record(path: &RelativePath) -> bool {
    let is_below =
        |directory: &str| path.as_str().strip_prefix(directory).is_some_and(|below| below.starts_with('/'));
    is_below(STATE_DIRECTORY) && !is_below(PARTS_DIRECTORY)
}

/// A directory of the real file system and everything beneath it.
#[derive(Debug)]
pub struct DiskStorage {
    directories: Directories,
    in_memory: bool,
}

impl DiskStorage {
    /// Opens a directory; with `create`, makes it and those above it where they are missing. The path itself may lead
    /// through symbolic links: it is the user's. What lies beneath may not.
    pub fn open(directory: impl AsRef<Path>, create: bool) -> io::Result<Self> {
        Self::open_root(directory.as_ref(), create, false)
    }

    /// As [`DiskStorage::open`], but does without the system calls that not every POSIX system has. Slower, and otherwise
    /// the same; it is what `open` falls back to call by call.
    pub fn open_portable(directory: impl AsRef<Path>, create: bool) -> io::Result<Self> {
        Self::open_root(directory.as_ref(), create, true)
    }

    fn open_root(directory: &Path, create: bool, portable: bool) -> io::Result<Self> {
        if create {
            #[expect(clippy::disallowed_methods, reason = "this is the module that other code is sent to")]
            std::fs::create_dir_all(directory)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = retry_on_intr(|| rustix::fs::open(directory, flags, Mode::empty()))?;
        if create {
            // The name of a new root is durable only with its parent. A parent that may not be read cannot be synced either.
            if let Ok(parent) = rustix::fs::openat(&root, "..", flags, Mode::empty()) {
                sync_directory(parent.as_fd())?;
            }
        }
        let in_memory = platform::is_in_memory(root.as_fd());
        Ok(Self { directories: Directories::new(root, portable), in_memory })
    }

    fn open_file(&self, path: &RelativePath, flags: OFlags) -> io::Result<Box<dyn File>> {
        let mode = Mode::from_raw_mode(if is_record(path) { PRIVATE_MODE } else { SHARED_MODE });
        let handle = self
            .directories
            .within(path, |directory, name| rustix::fs::openat(directory, name, flags | OPEN_FLAGS, mode))?;
        // What has just been made can be nothing else.
        let is_new = flags.contains(OFlags::EXCL);
        if !is_new && FileType::from_raw_mode(rustix::fs::fstat(&handle)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Box::new(DiskFile::new(handle, self.in_memory)))
    }
}

impl Storage for DiskStorage {
    fn create(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.open_file(path, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR)
    }

    fn open(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.open_file(path, OFlags::RDWR)
    }

    fn open_read(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.open_file(path, OFlags::RDONLY)
    }

    fn create_dir_all(&self, path: &RelativePath) -> io::Result<()> {
        Ok(self.directories.create_all(path)?)
    }

    fn rename(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let target = self.directories.get(to.parent().as_ref())?;
        Ok(self.directories.within(from, |directory, name| {
            rustix::fs::renameat(directory, name, target.as_fd(), to.file_name())
        })?)
    }

    fn rename_noreplace(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let target = self.directories.get_at_path(to.parent().as_ref())?;
        Ok(self.directories.within(from, |directory, name| {
            rename::rename_noreplace(
                (directory, name),
                (target.as_fd(), to.file_name()),
                self.directories.portable(),
            )
        })?)
    }

    fn remove(&self, path: &RelativePath) -> io::Result<()> {
        Ok(self
            .directories
            .within(path, |directory, name| rustix::fs::unlinkat(directory, name, AtFlags::empty()))?)
    }

    fn remove_dir(&self, path: &RelativePath) -> io::Result<()> {
        self.directories.forget(path);
        Ok(self
            .directories
            .within(path, |directory, name| rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR))?)
    }

    fn list(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        let handle = self.directories.get(Some(path))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(handle.as_fd())? {
            match entry?.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn list_not_utf8(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        let handle = self.directories.get(Some(path))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(handle.as_fd())? {
            let entry = entry?;
            if entry.file_name().to_str().is_err() {
                names.push(with_escapes(entry.file_name().to_bytes()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn metadata(&self, path: &RelativePath) -> io::Result<Option<Metadata>> {
        let answer = self
            .directories
            .within(path, |directory, name| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW));
        match answer {
            Ok(stat) => Ok(Some(describe(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_dir(&self, path: Option<&RelativePath>) -> io::Result<()> {
        let directory = self.directories.get(path)?;
        sync_directory(directory.as_fd())?;
        match path {
            Some(path) if !self.directories.leads_to(path, directory.as_fd()) => {
                self.directories.forget(path);
                let message = "the directory was moved or removed while names were given in it";
                Err(io::Error::new(io::ErrorKind::NotFound, message))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self, path: &RelativePath, holder: &str) -> Result<Box<dyn Lock>, LockError> {
        lock::take(&self.directories, path, holder)
    }

    fn lock_holder(&self, path: &RelativePath) -> io::Result<Option<String>> {
        Ok(lock::holder(&self.directories, path)?)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let volume = retry_on_intr(|| rustix::fs::fstatvfs(self.directories.root()))?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// The text of a name, with escapes for the bytes that are none.
fn with_escapes(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// fsync(2) of a directory. `EINVAL` is what a file system answers that cannot do it and keeps names in order by itself.
fn sync_directory(handle: BorrowedFd<'_>) -> io::Result<()> {
    match retry_on_intr(|| rustix::fs::fsync(handle)) {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
