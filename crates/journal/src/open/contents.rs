//! Reads all files of a journal and changes none.

use std::sync::Arc;

use crate::error::JournalError;
use crate::files::state_directory;
use crate::format::RowKind;
use crate::log::{Replay, replay};
use crate::model::RowId;
use crate::model::{RowState, RowStates};
use crate::spool::{RecoveredSpool, recover};
use crate::storage::Storage;

/// The log and the spool together.
#[derive(Debug)]
pub(crate) struct JournalContents {
    /// The state of every row of the spool.
    pub(crate) states: RowStates,
    pub(crate) log: Replay,
    pub(crate) spool: RecoveredSpool,
}

/// Reads a journal: the log first, then the spool. A row is in the spool before the log mentions it, so a running haul shows no
/// outcome without its row.
pub(crate) fn read_contents(storage: &Arc<dyn Storage>) -> Result<JournalContents, JournalError> {
    let names = || storage.list(&state_directory()).map_err(JournalError::io("list", state_directory()));
    let mut log = replay(&**storage, &names()?, None)?;
    let mut states = std::mem::take(&mut log.state.states);
    let forgotten = log.state.forgotten.clone();
    let (mut refused, mut duplicates, mut lost) = (0, 0, 0);
    let spool = recover(&**storage, &names()?, log.state.spool_rows, |row, kind| match kind {
        // Its state is that of the log.
        RowKind::Refused | RowKind::Duplicate if forgotten.contains(row) => {}
        RowKind::Refused => {
            refused += 1;
            states.set(row, RowState::Failed);
        }
        RowKind::Duplicate => {
            duplicates += 1;
            states.set(row, RowState::Skipped);
        }
        RowKind::Fetch | RowKind::Source => {}
    })?;
    let rows = spool.index.rows();
    states.shrink(rows);
    states.grow(rows);
    for row in spool.lost.iter().cloned().flatten().map(RowId) {
        if states.state(row) == RowState::Pending {
            lost += 1;
            states.set(row, RowState::Failed);
        }
    }
    // Records about rows that a crash took from the spool are dropped; none of them was committed.
    let state = &mut log.state;
    let end = RowId(rows);
    state.waiting.split_off(&end);
    state.parts.split_off(&end);
    state.doubts.split_off(&end);
    state.forgotten.truncate(end);
    log.carried.retain(|record| record.row().is_none_or(|row| row < end));

    let parked = state.waiting.values().filter(|waiting| waiting.parked).count() as u64;
    let in_doubt = state.doubts.len() as u64;
    states.annotate(|counts| {
        counts.refused = refused;
        counts.duplicates = duplicates;
        counts.lost = lost;
        counts.parked = parked;
        counts.in_doubt = in_doubt;
    });
    Ok(JournalContents { states, log, spool })
}
