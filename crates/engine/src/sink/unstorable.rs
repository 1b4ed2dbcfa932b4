//! Bodies that the store cannot hold although the disk is well: longer than a file may be, or kept where something else stands.
//!
//! The sink notes the row, and its attempt ends when it hands over the next piece: the row fails, and no other row waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_journal::{FaultRecord, RowId};

/// The rows whose bodies cannot be stored, with their faults, until each has its outcome.
#[derive(Clone, Default)]
pub(crate) struct UnstorableBodies {
    faults: Arc<Mutex<BTreeMap<RowId, FaultRecord>>>,
    /// The usual answer, 0, takes no lock.
    count: Arc<AtomicUsize>,
}

impl UnstorableBodies {
    /// The fault of this row's body.
    pub(crate) fn fault(&self, row: RowId) -> Option<FaultRecord> {
        (self.count.load(Ordering::Acquire) > 0).then(|| self.faults().get(&row).cloned()).flatten()
    }

    pub(super) fn insert(&self, row: RowId, fault: FaultRecord) {
        let mut faults = self.faults();
        faults.insert(row, fault);
        self.count.store(faults.len(), Ordering::Release);
    }

    /// Forgets a row that has its outcome.
    pub(super) fn remove(&self, row: RowId) -> Option<FaultRecord> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut faults = self.faults();
        let fault = faults.remove(&row);
        self.count.store(faults.len(), Ordering::Release);
        fault
    }

    fn faults(&self) -> MutexGuard<'_, BTreeMap<RowId, FaultRecord>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
