//! A simulated file system.
use super::{File, Lock, LockError, Metadata, RelativePath, Storage};
use std::io;

/// A simulated file system.
#[derive(Clone, Debug)]
pub struct MemoryStorage {}
/// An error to inject.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// An error of this kind.
    Kind(io::ErrorKind),
    /// An error of the operating system.
    Errno(i32),
}
impl From<io::ErrorKind> for Failure {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Kind(kind)
    }
}
impl MemoryStorage {
    /// An empty file system whose choices follow from a seed.
    pub fn new(_seed: u64) -> Self {
        todo!()
    }
    /// The machine loses power.
    #[must_use]
    pub fn crash(&self) -> Self {
        todo!()
    }
    /// The process dies.
    #[must_use]
    pub fn process_crash(&self) -> Self {
        todo!()
    }
    /// The n-th fallible call from now fails (0 is the next).
    pub fn fail_after(&self, _calls: u64, _failure: impl Into<Failure>) {
        todo!()
    }
    /// The n-th fallible call from now and all after it fail.
    pub fn halt_after(&self, _calls: u64) {
        todo!()
    }
    /// Fallible calls so far.
    pub fn operation_count(&self) -> u64 {
        todo!()
    }
    /// Limits the bytes that all files together can hold.
    pub fn set_capacity(&self, _bytes: Option<u64>) {
        todo!()
    }
}
impl Storage for MemoryStorage {
    fn create(&self, _: &RelativePath) -> io::Result<Box<dyn File>> {
        todo!()
    }
    fn open(&self, _: &RelativePath) -> io::Result<Box<dyn File>> {
        todo!()
    }
    fn open_read(&self, _: &RelativePath) -> io::Result<Box<dyn File>> {
        todo!()
    }
    fn create_dir_all(&self, _: &RelativePath) -> io::Result<()> {
        todo!()
    }
    fn rename(&self, _: &RelativePath, _: &RelativePath) -> io::Result<()> {
        todo!()
    }
    fn rename_noreplace(&self, _: &RelativePath, _: &RelativePath) -> io::Result<()> {
        todo!()
    }
    fn remove(&self, _: &RelativePath) -> io::Result<()> {
        todo!()
    }
    fn remove_dir(&self, _: &RelativePath) -> io::Result<()> {
        todo!()
    }
    fn list(&self, _: &RelativePath) -> io::Result<Vec<String>> {
        todo!()
    }
    fn metadata(&self, _: &RelativePath) -> io::Result<Option<Metadata>> {
        todo!()
    }
    fn sync_dir(&self, _: Option<&RelativePath>) -> io::Result<()> {
        todo!()
    }
    fn lock(&self, _: &RelativePath, _: &str) -> Result<Box<dyn Lock>, LockError> {
        todo!()
    }
    fn lock_holder(&self, _: &RelativePath) -> io::Result<Option<String>> {
        todo!()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        todo!()
    }
}
