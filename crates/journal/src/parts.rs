//! The part files as a run finds them: what no record speaks of goes, and what cannot be trusted is cut off.
//!
//! Done before the run's own session is on record. After a restart of the machine only the length that was made durable can be trusted;
//! the next run, on the same boot as this one, would no longer know that.

use crate::error::JournalError;
use crate::layout::{PARTS_DIRECTORY, fixed};
use crate::log::Fold;
use crate::row::RowId;
use crate::storage::{RelativePath, Storage};

/// Leaves of the part files what `fold` speaks of. With `same_boot`, everything that was handed to the system is still there.
pub(crate) fn tidy(storage: &dyn Storage, fold: &Fold, same_boot: bool) -> Result<(), JournalError> {
    let directory = fixed(PARTS_DIRECTORY);
    for name in storage.list(&directory).map_err(JournalError::io("list", &directory))? {
        // What is not named like a part file is not ours.
        let Ok(number) = name.parse::<u64>() else { continue };
        let Ok(path) = directory.join(&name) else { continue };
        let row = RowId(number);
        if fold.doubts.contains_key(&row) {
            // Its digest will tell.
            continue;
        }
        match fold.parts.get(&row) {
            Some(_) if same_boot => {}
            Some(&(_, synced_len)) if synced_len > 0 => cut(storage, &path, synced_len)?,
            _ => storage.remove(&path).map_err(JournalError::io("remove", &path))?,
        }
    }
    Ok(())
}

fn cut(storage: &dyn Storage, path: &RelativePath, len: u64) -> Result<(), JournalError> {
    let cut = || {
        let mut file = storage.open(path)?;
        if file.len()? > len { file.truncate(len) } else { Ok(()) }
    };
    cut().map_err(JournalError::io("cut", path))
}
