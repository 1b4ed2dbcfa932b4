//! The counts of a haul and the report at the end of a run.

use std::collections::BTreeMap;

use longhaul_journal::{JournalError, ReadOnly, Source, Suspicion};

use crate::exchange::Class;

/// Rows by outcome. The four sum to the rows of the haul.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete under their final names.
    pub done: u64,
    /// Failed for good, refused lines included.
    pub failed: u64,
    /// No file was downloaded, and none is missing: duplicates of other rows, files that existed, and rows for which the host has no
    /// content.
    pub skipped: u64,
    /// Without an outcome yet.
    pub pending: u64,
}

impl Counts {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.done + self.failed + self.skipped + self.pending
    }
}

impl From<longhaul_journal::Counts> for Counts {
    fn from(counts: longhaul_journal::Counts) -> Self {
        let longhaul_journal::Counts { done, failed, skipped, pending, .. } = counts;
        Self { done, failed, skipped, pending }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// Rows by outcome, of this run and the earlier ones.
    pub counts: Counts,
    /// Failures by class, of this run and the earlier ones.
    pub failures: BTreeMap<Class, u64>,
    /// Bytes of bodies that this run received.
    pub bytes_received: u64,
    /// Requests that this run sent.
    pub requests: u64,
    /// Attempts that this run repeated.
    pub retries: u64,
    /// Rows that this run leaves to a later one: their host asked for a long pause, or their unfinished body, or a file that may be theirs, could not be read.
    pub parked: u64,
    /// Of the rows that are done, those whose files were there before this run and were adopted by it without a request.
    pub adopted: u64,
    /// Rows that this run took out of the haul, because their lists no longer say them and they have no file.
    pub forgotten: u64,
    /// Of the skipped rows, those that this run read and whose URL an earlier row fetches. A list that has changed is read again, so its
    /// unchanged lines behind the first difference are among them.
    pub duplicates: u64,
    /// Of the skipped rows, those for which the host answered in this run that there is nothing to download (204, 205).
    pub no_content: u64,
    /// What rows of this run have in common with others that look like one error page.
    pub suspicions: Vec<Suspicion>,
    /// Rows that are done and suspect, because they were done before the pattern was found. Counted only if suspect rows fail and this
    /// run has met any.
    pub suspect_done: u64,
    /// The names of the first of these files.
    pub suspect_names: Vec<String>,
    /// The run was stopped before the end.
    pub stopped: bool,
    /// Lists of this run or an earlier one that have not been read to their end. Their unread lines are not part of the haul.
    pub unread_lists: Vec<String>,
}

impl Report {
    /// Whether every line is done or was skipped.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counts.failed == 0 && self.counts.pending == 0 && self.unread_lists.is_empty()
    }
}

/// The names of the lists whose last reading did not reach the end.
pub(crate) fn unread_lists(readings: &[Source]) -> Vec<String> {
    let is_last = |at: usize| readings[at + 1..].iter().all(|later| later.label != readings[at].label);
    let unread = readings.iter().enumerate().filter(|&(at, reading)| !reading.is_complete() && is_last(at));
    unread.map(|(_, reading)| reading.label.clone()).collect()
}

/// The failures of all runs, by class. Scans the log once.
pub(crate) fn failures_by_class(journal: &ReadOnly) -> Result<BTreeMap<Class, u64>, JournalError> {
    let mut failures = BTreeMap::new();
    for (class, count) in journal.failures()?.counts() {
        *failures.entry(Class::of_text(class)).or_default() += count;
    }
    // The log says nothing of lines that were refused and of rows whose text is lost.
    let counts = journal.counts();
    if counts.refused + counts.lost > 0 {
        *failures.entry(Class::List).or_default() += counts.refused + counts.lost;
    }
    Ok(failures)
}
