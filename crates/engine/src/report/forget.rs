//! Rows that are taken out of a haul.

use std::path::Path;
use std::sync::Arc;

use longhaul_journal::storage::Storage;
use longhaul_journal::{Journal, Opened, Record};
use longhaul_socket::clock::WallClock;

use super::status::{Row, RowOutcome, for_each_row, open};
use crate::exchange::Class;
use crate::haul::{HaulError, machine};

/// The rows to forget: those that fit every condition that is given. A condition without values fits every row.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ForgetRows {
    /// Rows of these lists, by their names in [`Status::lists`](super::Status::lists).
    pub lists: Vec<String>,
    /// Rows that failed with these classes.
    pub classes: Vec<Class>,
    /// Rows with these URLs; of a refused line, with this beginning.
    pub urls: Vec<String>,
    /// Also rows that are done. Their files stay, and are of no row from then on.
    pub with_done: bool,
}

impl ForgetRows {
    fn contain(&self, row: &Row<'_>) -> bool {
        let is_settled_well = matches!(row.outcome, RowOutcome::Done(_));
        if matches!(row.outcome, RowOutcome::Forgotten) || is_settled_well && !self.with_done {
            return false;
        }
        let fits = |is_any: bool, is_one: bool| !is_any || is_one;
        fits(!self.lists.is_empty(), self.lists.iter().any(|list| list == row.list))
            && fits(
                !self.classes.is_empty(),
                row.outcome.class().is_some_and(|class| self.classes.contains(&class)),
            )
            && fits(!self.urls.is_empty(), self.urls.contains(&row.url))
    }
}

/// Takes rows out of the haul: they count as skipped, no run fetches them, and their names are free. Returns how many.
///
/// A list that still has such a line brings it back as a new row when it is read again.
///
/// # Errors
/// There is no haul, its journal cannot be read or written, or another process works on it.
pub fn forget(directory: &Path, chosen: &ForgetRows) -> Result<u64, HaulError> {
    let storage = open(directory, false)?;
    forget_in(storage, chosen, WallClock::system().unix_ms(), machine::boot_id())
}

fn forget_in(
    storage: Arc<dyn Storage>,
    chosen: &ForgetRows,
    now_unix_ms: u64,
    boot_id: [u8; 16],
) -> Result<u64, HaulError> {
    let journal = Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
    let mut rows = Vec::new();
    for_each_row(&journal, |row| {
        if chosen.contain(row) {
            rows.push(row.id);
        }
    })?;
    if rows.is_empty() {
        return Ok(0);
    }
    let opened = Journal::open(storage, now_unix_ms, boot_id, &machine::holder());
    let Opened { lock, mut log, .. } = opened.map_err(HaulError::Journal)?;
    for row in &rows {
        log.record(&Record::Forgotten(*row)).map_err(HaulError::of_disk)?;
    }
    log.commit().map_err(HaulError::of_disk)?;
    drop(lock);
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use longhaul_journal::storage::MemoryStorage;
    use longhaul_journal::{Entry, Expectation, Fields, Row, RowId};

    use super::*;

    const BOOT_ID: [u8; 16] = [1; 16];

    /// Four rows, the second of which is refused.
    fn haul() -> MemoryStorage {
        let storage = MemoryStorage::new(1);
        let Opened { mut spool, .. } =
            Journal::open(Arc::new(storage.clone()), 1, BOOT_ID, "test").expect("a journal");
        let source = spool.append_source("list").expect("a source");
        for line in 1..=4 {
            let entry = if line == 2 {
                Entry::Refused { text: "ftp://host.test/".to_owned(), reason: "no http".to_owned() }
            } else {
                let url = format!("http://host.test/{line}");
                Entry::Fetch { url, name: None, expected: Expectation::default() }
            };
            spool.append(&Row { source, line, entry, fields: Fields::default() }).expect("a row");
        }
        spool.sync().expect("a sync");
        storage
    }

    fn forgotten(storage: &MemoryStorage) -> Vec<RowId> {
        let journal = Journal::read(Arc::new(storage.clone())).expect("a journal");
        let mut rows = Vec::new();
        let read = for_each_row(&journal, |row| {
            if matches!(row.outcome, RowOutcome::Forgotten) {
                rows.push(row.id);
            }
        });
        read.expect("rows");
        rows
    }

    /// A crash at any call of the storage leaves the rows as they were, or forgotten; the same command again has the same result.
    #[test]
    fn a_crash_at_any_call_loses_nothing() {
        let chosen = ForgetRows { classes: vec![Class::List], ..ForgetRows::default() };
        for call in 0..40 {
            let storage = haul();
            storage.halt_after(call);
            let first = forget_in(Arc::new(storage.clone()), &chosen, 2, BOOT_ID);
            storage.heal();
            let left = storage.crash();
            let after_crash = forgotten(&left);
            assert!(after_crash.is_empty() || after_crash == [RowId(1)], "call {call}: {after_crash:?}");
            if first.is_ok() {
                assert_eq!(after_crash, [RowId(1)], "call {call}: what was reported is durable");
            }
            forget_in(Arc::new(left.clone()), &chosen, 3, BOOT_ID).expect("the storage works again");
            assert_eq!(forgotten(&left), [RowId(1)]);
        }
    }

    #[test]
    fn every_condition_counts() {
        let storage = haul();
        let forget =
            |chosen: ForgetRows| forget_in(Arc::new(storage.clone()), &chosen, 2, BOOT_ID).expect("a haul");
        let urls = vec!["http://host.test/1".to_owned()];
        assert_eq!(
            forget(ForgetRows { urls: urls.clone(), classes: vec![Class::List], ..ForgetRows::default() }),
            0
        );
        assert_eq!(forget(ForgetRows { urls, lists: vec!["list".to_owned()], ..ForgetRows::default() }), 1);
        assert_eq!(forgotten(&storage), [RowId(0)]);
        assert_eq!(forget(ForgetRows { lists: vec!["another".to_owned()], ..ForgetRows::default() }), 0);
        assert_eq!(forget(ForgetRows { lists: vec!["list".to_owned()], ..ForgetRows::default() }), 3);
        assert_eq!(forget(ForgetRows { lists: vec!["list".to_owned()], ..ForgetRows::default() }), 0);
    }
}
