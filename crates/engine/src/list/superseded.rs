//! Rows that their lists no longer say: a line was corrected or removed since it was read.
//!
//! Rows that no list says ([`HaulLists`]) and that no line of a list repeats are *superseded*. A superseded row that has no file and never
//! had one is forgotten, so that the outcome of the haul is that of the lists as they are.
//!
//! This holds for lists that are files. What is typed or piped is added to the haul, and takes nothing back.

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::Storage;
use longhaul_journal::{Entry, Journal, LogWriter, ReadOnly, Record, Row, RowId, RowState, SpoolReader};

use super::listed_rows::{HaulLists, ListedRows, RowBits, repeated_rows};
use crate::haul::HaulError;

/// Forgets the superseded rows that failed or are pending, and returns how many these are. Everything that the run has recorded is
/// committed. A crash before the end leaves them as they were: the next run forgets them.
pub(crate) fn forget(
    storage: &Arc<dyn Storage>,
    rows: &SpoolReader,
    log: &mut LogWriter,
) -> Result<u64, HaulError> {
    let lists = HaulLists::of(rows).map_err(HaulError::of_disk)?;
    if !lists.has_files() {
        return Ok(0);
    }
    let journal = Journal::read(Arc::clone(storage)).map_err(HaulError::Journal)?;
    let found = superseded(rows, &journal, &lists.all(None)).map_err(HaulError::of_disk)?;
    record_forgotten(log, found.rows()).map_err(HaulError::of_disk)
}

/// The superseded rows that failed or are pending. Rows in doubt are left to the run that finds out whether they are done. Takes a bit a
/// row.
fn superseded(spool: &SpoolReader, journal: &ReadOnly, listed: &ListedRows) -> io::Result<RowBits> {
    let is_repeat =
        |id: RowId, row: &Row| listed.contains(row.source, row.line) && !journal.forgotten().contains(id);
    let repeated = repeated_rows(spool, is_repeat)?;
    let mut found = RowBits::new(spool.published());
    spool.for_each_row(|id, row| {
        let is_unsettled = matches!(journal.states().state(id), RowState::Failed | RowState::Pending);
        let is_known = row.entry != Entry::Lost && !journal.in_doubt().contains(&id);
        if is_unsettled && is_known && !listed.contains(row.source, row.line) && !repeated.contains(id) {
            found.insert(id);
        }
    })?;
    Ok(found)
}

/// Takes rows out of the haul, and returns how many.
pub(crate) fn record_forgotten(log: &mut LogWriter, rows: impl Iterator<Item = RowId>) -> io::Result<u64> {
    let mut count = 0;
    for row in rows {
        log.record(&Record::Forgotten(row))?;
        count += 1;
    }
    log.commit()?;
    Ok(count)
}
