//! The part files as a run finds them: what no record speaks of goes. The others are as the last run, or somebody else, left
//! them.

use crate::error::JournalError;
use crate::layout::{PARTS_DIRECTORY, fixed};
use crate::log::Fold;
use crate::row::RowId;
use crate::storage::Storage;

/// Leaves of the part files what `fold` speaks of.
pub(crate) fn tidy(storage: &dyn Storage, fold: &Fold) -> Result<(), JournalError> {
    let directory = fixed(PARTS_DIRECTORY);
    for name in storage.list(&directory).map_err(JournalError::io("list", &directory))? {
        // What is not named like a part file is not ours.
        let Ok(number) = name.parse::<u64>() else { continue };
        let Ok(path) = directory.join(&name) else { continue };
        let row = RowId(number);
        if !fold.doubts.contains_key(&row) && !fold.parts.contains_key(&row) {
            storage.remove(&path).map_err(JournalError::io("remove", &path))?;
        }
    }
    Ok(())
}
