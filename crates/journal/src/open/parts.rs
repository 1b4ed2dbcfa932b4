//! Removes part files that no record mentions, and copies of part files that a crash left unfinished.

use std::io;

use crate::error::JournalError;
use crate::files::{PARTS_DIRECTORY, fixed, row_of_part};
use crate::log::LogState;
use crate::model::RowId;
use crate::storage::Storage;

/// Removes every part file that the log does not mention.
pub(crate) fn remove_unknown(storage: &dyn Storage, state: &LogState) -> Result<(), JournalError> {
    let directory = fixed(PARTS_DIRECTORY);
    for name in storage.list(&directory).map_err(JournalError::io("list", &directory))? {
        // A file with another kind of name is not ours.
        let Some((number, is_copy)) = row_of_part(&name) else { continue };
        let Ok(path) = directory.join(&name) else { continue };
        let row = RowId(number);
        if is_copy || !state.doubts.contains_key(&row) && !state.parts.contains_key(&row) {
            match storage.remove(&path) {
                // A folder is not ours.
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
                removed => removed.map_err(JournalError::io("remove", &path))?,
            }
        }
    }
    Ok(())
}
