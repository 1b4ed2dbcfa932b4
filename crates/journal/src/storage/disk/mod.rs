//! The real file system.
use super::{File, Lock, LockError, Metadata, RelativePath, Storage};
use std::io;
use std::path::Path;

/// A directory of the real file system.
#[derive(Debug)]
pub struct DiskStorage {}
impl DiskStorage {
    /// Opens a directory.
    pub fn open(_directory: &Path, _create: bool) -> io::Result<Self> {
        todo!()
    }
}
impl Storage for DiskStorage {
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
