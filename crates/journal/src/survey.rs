//! What the files of a haul say, put together without changing any of them.

use std::sync::Arc;

use crate::error::JournalError;
use crate::format::RowKind;
use crate::layout::state_directory;
use crate::log::{Replay, replay};
use crate::row::RowId;
use crate::spool::{Found, recover};
use crate::states::{State, Summary};
use crate::storage::Storage;

/// Log and spool together.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The state of every row of the spool.
    pub(crate) states: Summary,
    pub(crate) log: Replay,
    pub(crate) spool: Found,
}

/// Reads a haul. The log first and the spool after it: a row is in the spool before the log speaks of it, so that a haul
/// under way shows no outcome without its row.
pub(crate) fn survey(storage: &Arc<dyn Storage>) -> Result<Survey, JournalError> {
    let names = || storage.list(&state_directory()).map_err(JournalError::io("list", state_directory()));
    let mut log = replay(&**storage, &names()?, None)?;
    let mut states = std::mem::take(&mut log.fold.states);
    let (mut refused, mut duplicates, mut lost) = (0, 0, 0);
    let spool = recover(&**storage, &names()?, log.fold.spool_rows, |row, kind| match kind {
        RowKind::Refused => {
            refused += 1;
            states.set(row, State::Failed);
        }
        RowKind::Duplicate => {
            duplicates += 1;
            states.set(row, State::Skipped);
        }
        RowKind::Fetch | RowKind::Source => {}
    })?;
    let rows = spool.index.rows();
    states.shrink(rows);
    states.grow(rows);
    for row in spool.lost.iter().cloned().flatten().map(RowId) {
        if states.state(row) == State::Pending {
            lost += 1;
            states.set(row, State::Failed);
        }
    }
    // Rows that a crash took from the spool take with them what the log said of them; none of that was ever committed.
    let fold = &mut log.fold;
    let end = RowId(rows);
    fold.waiting.split_off(&end);
    fold.parts.split_off(&end);
    fold.doubts.split_off(&end);
    log.carried.retain(|record| record.row().is_none_or(|row| row < end));

    let parked = fold.waiting.values().filter(|waiting| waiting.parked).count() as u64;
    let in_doubt = fold.doubts.len() as u64;
    states.annotate(|counts| {
        counts.refused = refused;
        counts.duplicates = duplicates;
        counts.lost = lost;
        counts.parked = parked;
        counts.in_doubt = in_doubt;
    });
    Ok(Survey { states, log, spool })
}
