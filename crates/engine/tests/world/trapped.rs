//! A storage whose calls can be made to fail by what they do and to which file.

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, FileIdentity, Lock, LockError, Metadata, RelativePath, Storage};

/// Decides over a call: its name and its path, empty for the root. An error takes the place of the call.
pub(crate) type Trap = dyn Fn(&str, &str) -> io::Result<()> + Send + Sync;

pub(crate) struct TrappedStorage {
    inner: Arc<dyn Storage>,
    trap: Arc<Trap>,
}

struct TrappedFile {
    inner: Box<dyn File>,
    path: String,
    trap: Arc<Trap>,
}

impl TrappedStorage {
    pub(crate) fn new(inner: Arc<dyn Storage>, trap: Arc<Trap>) -> Self {
        Self { inner, trap }
    }

    fn file(&self, path: &RelativePath, inner: Box<dyn File>) -> Box<dyn File> {
        Box::new(TrappedFile { inner, path: path.to_string(), trap: Arc::clone(&self.trap) })
    }

    fn spring(&self, call: &str, path: &RelativePath) -> io::Result<()> {
        (self.trap)(call, path.as_str())
    }
}

impl Storage for TrappedStorage {
    fn create(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.spring("create", path)?;
        Ok(self.file(path, self.inner.create(path)?))
    }

    fn open(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.spring("open", path)?;
        Ok(self.file(path, self.inner.open(path)?))
    }

    fn open_read(&self, path: &RelativePath) -> io::Result<Box<dyn File>> {
        self.spring("open_read", path)?;
        Ok(self.file(path, self.inner.open_read(path)?))
    }

    fn create_dir_all(&self, path: &RelativePath) -> io::Result<()> {
        self.spring("create_dir_all", path)?;
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        self.spring("rename", to)?;
        self.inner.rename(from, to)
    }

    fn rename_noreplace(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        self.spring("rename_noreplace", to)?;
        self.inner.rename_noreplace(from, to)
    }

    fn remove(&self, path: &RelativePath) -> io::Result<()> {
        self.spring("remove", path)?;
        self.inner.remove(path)
    }

    fn remove_dir(&self, path: &RelativePath) -> io::Result<()> {
        self.spring("remove_dir", path)?;
        self.inner.remove_dir(path)
    }

    fn list(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        self.spring("list", path)?;
        self.inner.list(path)
    }

    fn list_not_utf8(&self, path: &RelativePath) -> io::Result<Vec<String>> {
        self.inner.list_not_utf8(path)
    }

    fn metadata(&self, path: &RelativePath) -> io::Result<Option<Metadata>> {
        self.spring("metadata", path)?;
        self.inner.metadata(path)
    }

    fn sync_dir(&self, path: Option<&RelativePath>) -> io::Result<()> {
        (self.trap)("sync_dir", path.map_or("", RelativePath::as_str))?;
        self.inner.sync_dir(path)
    }

    fn lock(&self, path: &RelativePath, holder: &str) -> Result<Box<dyn Lock>, LockError> {
        self.spring("lock", path)?;
        self.inner.lock(path, holder)
    }

    fn lock_holder(&self, path: &RelativePath) -> io::Result<Option<String>> {
        self.spring("lock_holder", path)?;
        self.inner.lock_holder(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        (self.trap)("free_bytes", "")?;
        self.inner.free_bytes()
    }
}

impl File for TrappedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.trap)("read_at", &self.path)?;
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (self.trap)("write_all_at", &self.path)?;
        self.inner.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        (self.trap)("sync", &self.path)?;
        self.inner.sync()
    }

    fn start_writeback(&mut self) {
        self.inner.start_writeback();
    }

    fn metadata(&self) -> io::Result<Metadata> {
        (self.trap)("metadata", &self.path)?;
        self.inner.metadata()
    }

    fn len(&self) -> io::Result<u64> {
        (self.trap)("len", &self.path)?;
        self.inner.len()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        (self.trap)("truncate", &self.path)?;
        self.inner.truncate(len)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        (self.trap)("identity", &self.path)?;
        self.inner.identity()
    }

    fn is_shared(&self) -> io::Result<bool> {
        (self.trap)("is_shared", &self.path)?;
        self.inner.is_shared()
    }
}
