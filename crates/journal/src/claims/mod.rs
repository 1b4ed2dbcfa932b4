//! Claims.
use std::io;
use std::sync::Arc;

use crate::storage::Storage;

/// Which name belongs to which row.
pub struct Claims {}

impl Claims {
    /// Begins without any claim.
    pub fn new(_storage: Arc<dyn Storage>) -> Self {
        todo!()
    }
    /// Claims a key for a value, unless it is taken: then gives the value of the earlier claim.
    pub fn claim(&mut self, _key: &[u8], _value: u64) -> io::Result<Option<u64>> {
        todo!()
    }
}
