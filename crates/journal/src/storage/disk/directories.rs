//! Handles of the directories beneath the root, and the rule that none is reached through a symbolic link.
//!
//! A few handles are kept, so that many files in one folder cost one look-up each. A handle stays with the directory it was
//! opened on: when that one is moved away and a link put in its place, the link is still not followed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::platform;
use crate::files::STATE_DIRECTORY;
use crate::storage::RelativePath;

/// Handles kept open: enough for the folders that a few hundred concurrent downloads write to, far below any descriptor
/// limit.
const CACHED_HANDLES_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Directories {
    root: Arc<OwnedFd>,
    /// Whether to do without the calls that only some systems have.
    portable: bool,
    /// Most recently used first.
    cache: Mutex<Vec<(RelativePath, Arc<OwnedFd>)>>,
}

impl Directories {
    pub(super) fn new(root: OwnedFd, portable: bool) -> Self {
        Self { root: Arc::new(root), portable, cache: Mutex::new(Vec::new()) }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    pub(super) fn portable(&self) -> bool {
        self.portable
    }

    /// A handle of a directory; `None` is the root.
    pub(super) fn get(&self, path: Option<&RelativePath>) -> Result<Arc<OwnedFd>, Errno> {
        let Some(path) = path else { return Ok(Arc::clone(&self.root)) };
        if let Some(handle) = self.cached(path) {
            return Ok(handle);
        }
        let handle = Arc::new(self.open(path)?);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(0, (path.clone(), Arc::clone(&handle)));
        cache.truncate(CACHED_HANDLES_MAX);
        Ok(handle)
    }

    /// As [`get`](Self::get), of the directory that the path leads to now: a kept handle of one that has been moved away is not
    /// used. One system call more.
    pub(super) fn get_at_path(&self, path: Option<&RelativePath>) -> Result<Arc<OwnedFd>, Errno> {
        let handle = self.get(path)?;
        let Some(path) = path.filter(|path| !self.leads_to(path, handle.as_fd())) else { return Ok(handle) };
        self.forget(path);
        self.get(Some(path))
    }

    /// Whether a path leads to this directory.
    pub(super) fn leads_to(&self, path: &RelativePath, directory: BorrowedFd<'_>) -> bool {
        let named =
            retry_on_intr(|| rustix::fs::statat(self.root(), path.as_str(), AtFlags::SYMLINK_NOFOLLOW));
        match (named, rustix::fs::fstat(directory)) {
            (Ok(named), Ok(opened)) => (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino),
            _ => false,
        }
    }

    /// Runs an operation on a name within the directory that holds it, and repeats it after `EINTR`. A kept handle of a directory that has been removed
    /// since answers `ENOENT`; then the directory is looked up again.
    pub(super) fn within<T>(
        &self,
        path: &RelativePath,
        operation: impl Fn(BorrowedFd<'_>, &str) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let operation = |directory: BorrowedFd<'_>, name: &str| retry_on_intr(|| operation(directory, name));
        let parent = path.parent();
        match operation(self.get(parent.as_ref())?.as_fd(), path.file_name()) {
            Err(Errno::NOENT) if parent.as_ref().is_some_and(|parent| self.forget(parent)) => {
                operation(self.get(parent.as_ref())?.as_fd(), path.file_name())
            }
            answer => answer,
        }
    }

    /// Creates the directories on a path, each through its parent's handle.
    pub(super) fn create_all(&self, path: &RelativePath) -> Result<(), Errno> {
        if self.open(path).is_ok() {
            return Ok(());
        }
        let mode = if path.components().next() == Some(STATE_DIRECTORY) { 0o700 } else { 0o777 };
        let mut level: Option<OwnedFd> = None;
        for component in path.components() {
            let parent = level.as_ref().map_or(self.root(), AsFd::as_fd);
            match retry_on_intr(|| rustix::fs::mkdirat(parent, component, Mode::from_raw_mode(mode))) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            level = Some(open_level(parent, component)?);
        }
        Ok(())
    }

    /// Drops a kept handle; says whether there was one.
    pub(super) fn forget(&self, path: &RelativePath) -> bool {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let before = cache.len();
        cache.retain(|(kept, _)| kept != path);
        cache.len() != before
    }

    fn cached(&self, path: &RelativePath) -> Option<Arc<OwnedFd>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let position = cache.iter().position(|(kept, _)| kept == path)?;
        cache[..=position].rotate_right(1);
        Some(Arc::clone(&cache[0].1))
    }

    fn open(&self, path: &RelativePath) -> Result<OwnedFd, Errno> {
        if !self.portable
            && let Some(answer) = platform::open_directory_beneath(self.root(), path.as_str())
        {
            return answer;
        }
        let mut level: Option<OwnedFd> = None;
        for component in path.components() {
            level = Some(open_level(level.as_ref().map_or(self.root(), AsFd::as_fd), component)?);
        }
        level.ok_or(Errno::INVAL)
    }
}

/// Opens one level. With `O_DIRECTORY | O_NOFOLLOW` a symbolic link is refused (open(2)).
fn open_level(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(parent, name, flags, Mode::empty()))
}
