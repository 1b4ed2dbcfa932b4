//! The simulated file system as a whole.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use super::contents::Contents;
use super::faults::{Failure, Faults};
use super::file::MemoryFile;
use super::names::{Names, Node};
use crate::storage::{File, FileKind, Lock, LockError, Metadata, RelativePath, Storage};

/// What an unlimited volume answers when it is asked for its free bytes.
const UNLIMITED_FREE_BYTES: u64 = 1 << 40;

/// A simulated file system. Clones are handles of the same one. The same seed and the same calls give the same run.
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
pub(super) struct State {
    names: Names,
    pub(super) files: Vec<Contents>,
    pub(super) faults: Faults,
    pub(super) random: Rng,
    capacity_bytes: Option<u64>,
    /// By the file that is locked: a lock follows its file, not its path (flock(2)).
    locks: BTreeMap<usize, String>,
    /// Whether a file ever got a second name.
    has_links: bool,
    /// What every rename that replaces nothing fails with.
    noreplace_failure: Option<Failure>,
}

impl State {
    /// Whether more than one name leads to a file.
    pub(super) fn is_shared(&self, index: usize) -> bool {
        self.has_links && self.names.files().filter(|file| *file == index).count() > 1
    }

    fn used_bytes(&self) -> u64 {
        self.names.files().map(|index| self.files[index].current().len() as u64).sum()
    }

    /// Fails when the volume has no room for a file to grow to a length.
    pub(super) fn reserve(&self, index: usize, len: usize) -> io::Result<()> {
        let growth = len.saturating_sub(self.files[index].current().len()) as u64;
        match self.capacity_bytes {
            Some(capacity) if growth > 0 && self.used_bytes() + growth > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

impl MemoryStorage {
    /// An empty file system whose choices follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self::with_state(State {
            names: Names::default(),
            files: Vec::new(),
            faults: Faults::default(),
            random: Rng::with_seed(seed),
            capacity_bytes: None,
            locks: BTreeMap::new(),
            has_links: false,
            noreplace_failure: None,
        })
    }

    /// What a machine finds that lost power at this moment: what was synced, and any part of the rest. Handles of this file
    /// system go on as if nothing had happened; calling this again makes another choice.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.state();
        let mut random = state.random.fork();
        let names = state.names.after_power_loss(&mut random);
        let files = state.files.iter().map(|file| file.after_power_loss(&mut random)).collect();
        Self::with_state(State {
            names,
            files,
            faults: Faults::default(),
            random,
            capacity_bytes: state.capacity_bytes,
            locks: BTreeMap::new(),
            has_links: state.has_links,
            noreplace_failure: state.noreplace_failure,
        })
    }

    /// What the next process finds after this one was killed: everything written, synced or not, and no lock held.
    #[must_use]
    pub fn process_crash(&self) -> Self {
        let mut state = self.state();
        Self::with_state(State {
            names: state.names.clone(),
            files: state.files.clone(),
            faults: Faults::default(),
            random: state.random.fork(),
            capacity_bytes: state.capacity_bytes,
            locks: BTreeMap::new(),
            has_links: state.has_links,
            noreplace_failure: state.noreplace_failure,
        })
    }

    /// Lets one fallible call fail: the next one for 0, the one after it for 1, and so on. Replaces an earlier plan.
    pub fn fail_after(&self, calls: u64, failure: impl Into<Failure>) {
        self.state().faults.plan(calls, failure.into(), false);
    }

    /// Lets a fallible call and every later one fail, as if the disk had been pulled out.
    pub fn halt_after(&self, calls: u64) {
        self.state().faults.plan(calls, Failure::Kind(io::ErrorKind::Other), true);
    }

    /// Takes back [`MemoryStorage::fail_after`] and [`MemoryStorage::halt_after`].
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Fallible calls made so far.
    pub fn operation_count(&self) -> u64 {
        self.state().faults.calls()
    }

    /// Limits what all files together can hold, in bytes; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    /// Gives a file a second name, as link(2) does.
    ///
    /// # Errors
    /// There is no such file, or something stands at the new name.
    pub fn link(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let mut state = self.state();
        let index = state.names.file(from)?;
        state.names.add(to, Node::File(index))?;
        state.has_links = true;
        Ok(())
    }

    /// Lets every [`Storage::rename_noreplace`] fail, as on a file system that can neither rename without replacing nor make hard
    /// links; `None` takes that back.
    pub fn refuse_noreplace(&self, failure: Option<Failure>) {
        self.state().noreplace_failure = failure;
    }

    fn with_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if the call is not chosen to fail.
    fn begin(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.faults.check()?;
        Ok(state)
    }

    fn open_file(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        let index = self.begin()?.names.file(path)?;
        Ok(Box::new(MemoryFile::new(self.clone(), index)))
    }
}

impl Storage for MemoryStorage {
    fn create(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        let mut state = self.begin()?;
        let index = state.files.len();
        state.names.add(path, Node::File(index))?;
        state.files.push(Contents::default());
        Ok(Box::new(MemoryFile::new(self.clone(), index)))
    }

    fn open(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.open_file(path)
    }

    fn open_read(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.open_file(path)
    }

    fn create_dir_all(&self, path: &RelativePath) -> io::Result<()> {
        let mut state = self.begin()?;
        let mut levels = vec![path.clone()];
        while let Some(parent) = levels[levels.len() - 1].parent() {
            levels.push(parent);
        }
        for level in levels.iter().rev() {
            match state.names.get(level) {
                Some(Node::Directory) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => state.names.add(level, Node::Directory)?,
            }
        }
        Ok(())
    }

    fn rename(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        self.begin()?.names.rename(from, to)
    }

    fn rename_noreplace(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let mut state = self.begin()?;
        if let Some(failure) = state.noreplace_failure {
            return Err(failure.into());
        }
        if state.names.get(to).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.names.rename(from, to)
    }

    fn remove(&self, path: &RelativePath) -> io::Result<()> {
        self.begin()?.names.remove_file(path)
    }

    fn remove_dir(&self, path: &RelativePath) -> io::Result<()> {
        self.begin()?.names.remove_directory(path)
    }

    fn list(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        self.begin()?.names.list(path)
    }

    fn metadata(&self, path: &RelativePath) -> io::Result<Option<Metadata>> {
        let state = self.begin()?;
        Ok(state.names.get(path).map(|node| match node {
            Node::Directory => Metadata { len: 0, kind: FileKind::Directory, modified_unix_ms: 0 },
            Node::File(index) => state.files[index].metadata(),
        }))
    }

    fn sync_dir(&self, path: Option<&RelativePath>) -> io::Result<()> {
        let mut state = self.begin()?;
        if path.is_some_and(|path| state.names.get(path) != Some(Node::Directory)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.names.sync(path);
        Ok(())
    }

    fn lock(&self, path: &RelativePath, holder: &str) -> Result<Box<dyn Lock>, LockError> {
        let mut state = self.begin()?;
        let mut index = state.names.file(path).ok();
        if let Some(holder) = index.and_then(|index| state.locks.get(&index)) {
            return Err(LockError::Held { holder: holder.clone() });
        }
        if index.is_some_and(|index| state.is_shared(index)) {
            state.names.remove_file(path)?;
            index = None;
        }
        let index = if let Some(index) = index {
            index
        } else {
            let index = state.files.len();
            state.names.add(path, Node::File(index))?;
            state.files.push(Contents::default());
            index
        };
        state.locks.insert(index, holder.to_owned());
        Ok(Box::new(MemoryLock { storage: self.clone(), path: path.clone(), index }))
    }

    fn lock_holder(&self, path: &RelativePath) -> io::Result<Option<String>> {
        let state = self.begin()?;
        Ok(state.names.file(path).ok().and_then(|index| state.locks.get(&index).cloned()))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.begin()?;
        Ok(state
            .capacity_bytes
            .map_or(UNLIMITED_FREE_BYTES, |capacity| capacity.saturating_sub(state.used_bytes())))
    }
}

#[derive(Debug)]
struct MemoryLock {
    storage: MemoryStorage,
    path: RelativePath,
    index: usize,
}

impl Lock for MemoryLock {
    fn is_at_its_path(&self) -> io::Result<bool> {
        Ok(self.storage.state().names.get(&self.path) == Some(Node::File(self.index)))
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.storage.state().locks.remove(&self.index);
    }
}
