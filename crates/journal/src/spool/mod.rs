//! The rows of the haul: appended by one thread, read by any, never changed.

mod durability;
mod index;
mod reader;
mod recovery;
mod relocation;
mod writer;

pub(crate) use recovery::{RecoveredSpool, recover};
pub(crate) use relocation::relocate_tail;

pub use index::{BLOCK_ROWS, BlockId};
pub use reader::SpoolReader;
pub use writer::SpoolWriter;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use durability::Durability;
use index::Index;

use crate::storage::Storage;

/// What the writer and the readers share.
pub(crate) struct SharedSpool {
    pub(crate) storage: Arc<dyn Storage>,
    index: Mutex<Index>,
    durability: Mutex<Durability>,
}

impl SharedSpool {
    pub(crate) fn new(storage: Arc<dyn Storage>, index: Index) -> Arc<Self> {
        let durability = Mutex::new(Durability::with_rows(index.rows()));
        Arc::new(Self { storage, index: Mutex::new(index), durability })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durability(&self) -> MutexGuard<'_, Durability> {
        self.durability.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
