//! Rows that are taken out of a haul.

use std::path::Path;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::storage::Storage;
use longhaul_journal::{Journal, Opened, ReadOnly, RowId};
use longhaul_socket::clock::WallClock;

use super::status::{Row, RowOutcome, for_each_row, open};
use crate::exchange::Class;
use crate::haul::{HaulError, machine};
use crate::list::listed_rows::{HaulLists, RowBits, repeated_rows};
use crate::list::superseded::record_forgotten;

/// The rows to forget: those that fit every condition that is given. A condition without values fits every row. A line that repeats an
/// earlier one has the outcome of that one.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ForgetRows {
    /// Rows of these lists, by their names in [`Status::lists`](super::Status::lists).
    pub lists: Vec<String>,
    /// Rows that failed with these classes.
    pub classes: Vec<Class>,
    /// Rows with these URLs; also refused lines that begin like this.
    pub urls: Vec<String>,
    /// Also rows that are done. Their files stay, and are of no row from then on.
    pub with_done: bool,
}

/// What became of the rows that were to be forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForgottenRows {
    /// Rows that are not part of the haul any more.
    pub rows: u64,
    /// Rows that stay because a line that was not chosen asks for the same URL.
    pub repeated: u64,
    /// Rows that stay because a run ended while it completed them: the next run finds out whether they are done.
    pub in_doubt: u64,
}

impl ForgetRows {
    fn fits_list(&self, row: &Row<'_>) -> bool {
        self.lists.is_empty() || self.lists.iter().any(|list| list == row.list)
    }

    /// Whether the row fits the conditions about its outcome and its URL.
    fn fits_content(&self, row: &Row<'_>) -> bool {
        let is_done = matches!(row.outcome, RowOutcome::Done(_));
        let is_of_class = |class| self.classes.contains(&class);
        (self.with_done || !is_done)
            && (self.classes.is_empty() || row.outcome.class().is_some_and(is_of_class))
            && (self.urls.is_empty() || self.urls.iter().any(|url| is_url_of(url, row)))
    }

    fn has_content_conditions(&self) -> bool {
        !self.classes.is_empty() || !self.urls.is_empty()
    }
}

/// Whether a user who writes this URL means the row.
fn is_url_of(url: &str, row: &Row<'_>) -> bool {
    match row.outcome {
        // It has no URL, and is shown by its beginning.
        RowOutcome::Refused(_) => !url.is_empty() && row.url.starts_with(url),
        _ => url == row.url || url.parse::<HttpUrl>().is_ok_and(|url| url.as_str() == row.url),
    }
}

/// Takes rows out of the haul: they count as skipped, no run fetches them, and their names are free. A row whose URL another line asks for
/// stays, because that line needs its file.
///
/// A list that still has such a line brings it back as a new row when it is read again.
///
/// # Errors
/// There is no haul, its journal cannot be read or written, or another process works on it.
pub fn forget(directory: &Path, chosen: &ForgetRows) -> Result<ForgottenRows, HaulError> {
    let storage = open(directory, false)?;
    forget_in(storage, chosen, WallClock::system().unix_ms(), machine::boot_id())
}

fn forget_in(
    storage: Arc<dyn Storage>,
    chosen: &ForgetRows,
    now_unix_ms: u64,
    boot_id: [u8; 16],
) -> Result<ForgottenRows, HaulError> {
    // Opening would make a haul where there is none.
    Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
    let opened = Journal::open(Arc::clone(&storage), now_unix_ms, boot_id, &machine::holder());
    let Opened { lock, mut log, .. } = opened.map_err(HaulError::Journal)?;
    // Under the lock: a run that ended since may have changed what fits.
    let journal = Journal::read(storage).map_err(HaulError::Journal)?;
    let rows = rows_that_fit(&journal, chosen)?;
    let listed = HaulLists::of(journal.rows()).map_err(HaulError::of_disk)?.all(None);
    let repeated = repeated_rows(journal.rows(), |id, row| {
        listed.contains(row.source, row.line) && !rows.contains(id) && !journal.forgotten().contains(id)
    });
    let repeated = repeated.map_err(HaulError::of_disk)?;
    let mut forgotten = ForgottenRows::default();
    let mut leaves_haul = |row: &RowId| {
        let (is_in_doubt, is_repeated) = (journal.in_doubt().contains(row), repeated.contains(*row));
        forgotten.in_doubt += u64::from(is_in_doubt);
        forgotten.repeated += u64::from(is_repeated && !is_in_doubt);
        !is_in_doubt && !is_repeated
    };
    let leaving: Vec<RowId> = rows.rows().filter(|row| leaves_haul(row)).collect();
    if !leaving.is_empty() {
        forgotten.rows = record_forgotten(&mut log, leaving.into_iter()).map_err(HaulError::of_disk)?;
    }
    drop(lock);
    Ok(forgotten)
}

/// The rows that fit every condition and are still part of the haul.
fn rows_that_fit(journal: &ReadOnly, chosen: &ForgetRows) -> Result<RowBits, HaulError> {
    let count = journal.rows().published();
    let (mut fitting, mut rows) = (RowBits::new(count), RowBits::new(count));
    for_each_row(journal, |row| {
        let fits_content = match row.outcome {
            RowOutcome::Forgotten => false,
            RowOutcome::Duplicate(of) => !chosen.has_content_conditions() || fitting.contains(of),
            _ => chosen.fits_content(row),
        };
        if fits_content {
            fitting.insert(row.id);
        }
        if fits_content && chosen.fits_list(row) {
            rows.insert(row.id);
        }
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use longhaul_journal::storage::MemoryStorage;
    use longhaul_journal::{Done, Entry, Expectation, Fields, Record, Row};

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
        let forget = |chosen: ForgetRows| {
            forget_in(Arc::new(storage.clone()), &chosen, 2, BOOT_ID).expect("a haul").rows
        };
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

    /// Two lists that ask for one URL, and a third line that no other repeats.
    #[test]
    fn what_another_list_repeats_stays() {
        let storage = MemoryStorage::new(1);
        let Opened { mut spool, lock, .. } =
            Journal::open(Arc::new(storage.clone()), 1, BOOT_ID, "test").expect("a journal");
        let url = |number| format!("http://host.test/{number}");
        let fetch = |number| Entry::Fetch { url: url(number), name: None, expected: Expectation::default() };
        let lists = [
            ("one", vec![fetch(0), fetch(1)]),
            ("two", vec![Entry::Duplicate { url: url(0), of: RowId(0) }]),
        ];
        for (label, entries) in lists {
            let source = spool.append_source(label).expect("a source");
            for (entry, line) in entries.into_iter().zip(1..) {
                spool.append(&Row { source, line, entry, fields: Fields::default() }).expect("a row");
            }
        }
        spool.sync().expect("a sync");
        drop((spool, lock));
        let forget = |lists: &[&str]| {
            let lists = lists.iter().map(|&list| list.to_owned()).collect();
            let chosen = ForgetRows { lists, ..ForgetRows::default() };
            forget_in(Arc::new(storage.clone()), &chosen, 2, BOOT_ID).expect("a haul")
        };
        assert_eq!(forget(&["one"]), ForgottenRows { rows: 1, repeated: 1, in_doubt: 0 });
        assert_eq!(forgotten(&storage), [RowId(1)]);
        // Without the repeat, nothing needs the row any more.
        assert_eq!(forget(&["two"]), ForgottenRows { rows: 1, ..ForgottenRows::default() });
        assert_eq!(forget(&["one"]), ForgottenRows { rows: 1, ..ForgottenRows::default() });
        assert_eq!(forgotten(&storage), [RowId(0), RowId(1), RowId(2)]);
    }

    #[test]
    fn a_row_in_doubt_is_left_to_the_next_run() {
        let storage = haul();
        let Opened { mut log, lock, .. } =
            Journal::open(Arc::new(storage.clone()), 1, BOOT_ID, "test").expect("a journal");
        let done = Done::of_file(1, [0; 32]);
        log.record(&Record::Doubt(RowId(0), done)).expect("a record");
        log.commit().expect("a commit");
        drop((log, lock));
        let all = ForgetRows { lists: vec!["list".to_owned()], ..ForgetRows::default() };
        let found = forget_in(Arc::new(storage.clone()), &all, 2, BOOT_ID).expect("a haul");
        assert_eq!(found, ForgottenRows { rows: 3, in_doubt: 1, ..ForgottenRows::default() });
        assert_eq!(forgotten(&storage), [RowId(1), RowId(2), RowId(3)]);
    }

    #[test]
    fn a_refused_line_is_named_by_its_beginning() {
        let storage = haul();
        let forget = |url: &str| {
            let chosen = ForgetRows { urls: vec![url.to_owned()], ..ForgetRows::default() };
            forget_in(Arc::new(storage.clone()), &chosen, 2, BOOT_ID).expect("a haul").rows
        };
        assert_eq!(forget("http://host.test/"), 0, "a URL is named as a whole");
        assert_eq!(forget("ftp://"), 1);
        assert_eq!(forget("HTTP://HOST.test:80/1"), 1, "in any form");
    }
}
