//! A haul looked at from outside.

use std::sync::Arc;

use crate::error::{Damage, JournalError};
use crate::outcomes::Outcome;
use crate::row::{Row, RowId, Source};
use crate::states::Counts;
use crate::storage::Storage;

/// A haul as it was at one moment, running or not. Never writes and takes no lock.
pub struct ReadOnly {}

impl ReadOnly {
    pub(crate) fn open(_storage: Arc<dyn Storage>) -> Result<Self, JournalError> {
        todo!()
    }
    /// How many rows there are of each state.
    pub fn counts(&self) -> Counts {
        todo!()
    }
    /// Who works on the haul, if anyone does.
    pub fn running(&self) -> Option<&str> {
        todo!()
    }
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        todo!()
    }
    /// The lists that rows were read from.
    pub fn sources(&self) -> Vec<Source> {
        todo!()
    }
    /// What could not be read.
    pub fn damage(&self) -> &[Damage] {
        todo!()
    }
    /// Calls `visit` with every row and what became of it, in row order.
    pub fn for_each_outcome(&self, _visit: impl FnMut(RowId, &Row, Outcome<'_>)) -> Result<(), JournalError> {
        todo!()
    }
}
