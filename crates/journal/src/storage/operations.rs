//! The operations themselves.

use std::io;

use super::RelativePath;

/// A directory and everything beneath it.
///
/// Names are durable only after [`Storage::sync_dir`] of the directory that holds them, contents only after [`File::sync`].
/// All calls block.
pub trait Storage: Send + Sync + 'static {
    /// Creates a file for reading and writing. `AlreadyExists` when anything stands there.
    fn create(&self, path: &RelativePath) -> io::Result<Box<dyn File>>;

    /// Opens an existing regular file for reading and writing.
    fn open(&self, path: &RelativePath) -> io::Result<Box<dyn File>>;

    /// Opens an existing regular file for reading.
    fn open_read(&self, path: &RelativePath) -> io::Result<Box<dyn File>>;

    /// Creates a directory and those above it, as far as they are missing. Never goes through a symbolic link.
    fn create_dir_all(&self, path: &RelativePath) -> io::Result<()>;

    /// Renames, replacing what stands at `to`. Only for files of our own.
    fn rename(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()>;

    /// Renames. `AlreadyExists` when anything stands at `to`, which is then left alone.
    fn rename_noreplace(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &RelativePath) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, path: &RelativePath) -> io::Result<()>;

    /// The names in a directory, sorted. A name that is not UTF-8 is left out: none of ours is such a name.
    fn list(&self, path: &RelativePath) -> io::Result<Vec<String>>;

    /// The names in a directory that are not UTF-8, sorted, for people: each byte that is no text is written as `\xHH`. None, in a
    /// storage that has no such names.
    fn list_not_utf8(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        let _ = path;
        Ok(Vec::new())
    }

    /// What stands at a path, or `None`. A symbolic link is reported as itself.
    fn metadata(&self, path: &RelativePath) -> io::Result<Option<Metadata>>;

    /// Makes the names in a directory durable; `None` is the root itself.
    fn sync_dir(&self, path: Option<&RelativePath>) -> io::Result<()>;

    /// Takes the lock of a file, creating the file where needed, and writes `holder` into it. A file that has other names too is
    /// replaced by a new one, and not written to. The lock is released when the value is dropped, and by the system when the
    /// process dies, however it dies.
    fn lock(&self, path: &RelativePath, holder: &str) -> Result<Box<dyn Lock>, LockError>;

    /// Who holds the lock of a file, if anyone does: the text that was given to [`Storage::lock`].
    fn lock_holder(&self, path: &RelativePath) -> io::Result<Option<String>>;

    /// Bytes that can still be written by an unprivileged process.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open file.
///
/// A failed [`File::sync`] poisons the value: the system may have dropped what it could not write and forgotten about it, so
/// every later write or sync fails too, and the contents must be written again to a new file.
pub trait File: Send + Sync {
    /// Reads at an offset, fewer bytes than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset. After an error any part of them may have been written.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when the contents are on stable storage.
    fn sync(&mut self) -> io::Result<()>;

    /// Asks the system to begin writing to disk, without waiting for it. A hint: it cannot fail and promises nothing.
    fn start_writeback(&mut self);

    /// What the file is now.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Cuts or extends (with zeros) to a length in bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Which file this is, whatever its name: another open file with the same identity is the same one, as long as both are open.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Whether more than one name leads to this file, so that a write shows under a name that may belong to somebody else. A
    /// snapshot made of hard links (`cp -al`) has this effect.
    fn is_shared(&self) -> io::Result<bool>;
}

/// A lock that is held until it is dropped.
pub trait Lock: Send + Sync {
    /// Whether the path of the lock still leads to the file that is locked. If it does not, another process can take a lock at
    /// that path.
    ///
    /// # Errors
    /// The system cannot tell.
    fn is_at_its_path(&self) -> io::Result<bool>;
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone else holds it.
    #[error("held by {holder}")]
    Held {
        /// What the holder wrote into the lock file.
        holder: String,
    },
    /// The file system refused.
    #[error("cannot take the lock")]
    Io(#[from] io::Error),
}

/// Tells files of one storage apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// The file system.
    pub(super) device: u64,
    /// The file in it.
    pub(super) number: u64,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes; 0 for anything but a regular file.
    pub len: u64,
    /// What it is.
    pub kind: FileKind,
    /// Time of the last change, unix milliseconds; 0 where it lies before 1970 or is unknown. In the simulated file system a
    /// count of the changes, which differs whenever the time would.
    pub modified_unix_ms: u64,
}

/// Kinds of things that can stand at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Other,
}
