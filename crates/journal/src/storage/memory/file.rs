//! An open file of the simulated file system.

use std::io;

use super::storage::MemoryStorage;
use crate::storage::{File, FileIdentity, Metadata};

#[derive(Debug)]
pub(super) struct MemoryFile {
    storage: MemoryStorage,
    index: usize,
    poisoned: bool,
}

impl MemoryFile {
    pub(super) fn new(storage: MemoryStorage, index: usize) -> Self {
        Self { storage, index, poisoned: false }
    }

    fn refuse_poisoned(&self) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("an earlier sync of this file failed"));
        }
        Ok(())
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.storage.state();
        state.faults.check()?;
        let current = state.files[self.index].current();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(current.len());
        let count = buffer.len().min(current.len() - start);
        buffer[..count].copy_from_slice(&current[start..start + count]);
        Ok(count)
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.refuse_poisoned()?;
        let mut state = self.storage.state();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if let Err(error) = state.faults.check() {
            let part = state.random.usize(..=bytes.len());
            state.files[self.index].write(offset, &bytes[..part]);
            return Err(error);
        }
        state.reserve(self.index, offset + bytes.len())?;
        state.files[self.index].write(offset, bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.refuse_poisoned()?;
        let mut state = self.storage.state();
        if let Err(error) = state.faults.check() {
            state.files[self.index].forget_unsynced();
            self.poisoned = true;
            return Err(error);
        }
        state.files[self.index].sync();
        Ok(())
    }

    fn start_writeback(&mut self) {}

    fn metadata(&self) -> io::Result<Metadata> {
        let mut state = self.storage.state();
        state.faults.check()?;
        Ok(state.files[self.index].metadata())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.storage.state();
        state.faults.check()?;
        Ok(state.files[self.index].current().len() as u64)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.refuse_poisoned()?;
        let mut state = self.storage.state();
        state.faults.check()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        state.reserve(self.index, len)?;
        state.files[self.index].resize(len);
        Ok(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(FileIdentity { device: 0, number: self.index as u64 })
    }

    fn is_shared(&self) -> io::Result<bool> {
        // fstat(2) of an open file does not fail, so it is no place for a fault.
        Ok(self.storage.state().is_shared(self.index))
    }
}
