//! The claims, in memory as long as they are few, and on disk from then on.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::table::Table;
use crate::storage::Storage;

/// How many claims are held in memory: about six megabytes, and no file at all for the lists that people mostly have.
const MEMORY_ENTRIES_MAX: usize = 128 << 10;

/// Which key was claimed with which value. Made once the journal is open, because what an earlier run left is removed then.
pub struct Claims {
    storage: Arc<dyn Storage>,
    memory_entries_max: usize,
    /// In order, so that the table is written from its start to its end.
    memory: BTreeMap<Fingerprint, u64>,
    table: Option<Table>,
}

impl Claims {
    /// Begins without any claim.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::with_memory_limit(storage, MEMORY_ENTRIES_MAX)
    }

    /// Begins without any claim, and goes to disk once there are more than this.
    pub fn with_memory_limit(storage: Arc<dyn Storage>, entries: usize) -> Self {
        Self { storage, memory_entries_max: entries, memory: BTreeMap::new(), table: None }
    }

    /// Claims a key. `None`: it is claimed now, with this value. Otherwise the value that it was claimed with before, which
    /// stays. May be tried again after an error.
    pub fn claim(&mut self, key: &[u8], value: u64) -> io::Result<Option<u64>> {
        let fingerprint = Fingerprint::of(key);
        if let Some(table) = &mut self.table {
            return table.claim(&*self.storage, fingerprint, value);
        }
        if let Some(earlier) = self.memory.get(&fingerprint) {
            return Ok(Some(*earlier));
        }
        if self.memory.len() < self.memory_entries_max {
            self.memory.insert(fingerprint, value);
            return Ok(None);
        }
        let mut table = Table::create(&*self.storage, &self.memory)?;
        let answer = table.claim(&*self.storage, fingerprint, value);
        self.table = Some(table);
        self.memory = BTreeMap::new();
        answer
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        if self.table.take().is_some() {
            // What is left behind is removed when the journal is opened the next time.
            let _ = self.storage.remove(&Table::path());
        }
    }
}
