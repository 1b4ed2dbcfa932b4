//! The outcomes that wait for the next commit, in the order of their arrival.

use longhaul_journal::{Done, Failed, NoContent, RowId};
use tokio::time::Instant;

use super::SettledByList;
use super::store::Staged;
use crate::schedule::job::Job;

/// Bodies in one group. Their descriptors stay open until they are synced, beside those of the group that is being committed, the
/// sockets and the bodies under way; the usual limit is 1,024.
const FILES_MAX: usize = 192;
/// Outcomes in one group: bounds what a crash leaves in doubt.
const ENTRIES_MAX: usize = 1000;
/// How long the first entry of a group waits for others: below what a person notices, long enough that one sync serves
/// many files.
const WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(75);

/// An outcome that is recorded and not durable.
pub(super) enum Entry {
    Complete(Box<CompleteRow>),
    Adopted { job: Box<Job>, done: Box<Done> },
    Failed { job: Box<Job>, failed: Failed },
    Skipped { job: Box<Job>, reason: String },
    NoContent { job: Box<Job>, none: NoContent },
    SettledByList(SettledByList),
}

impl Entry {
    /// The row, if the list itself settled it.
    pub(super) fn row_settled_by_list(&self) -> Option<RowId> {
        match self {
            Self::SettledByList(
                SettledByList::Duplicate { row, .. } | SettledByList::Refused { row, .. },
            ) => Some(*row),
            Self::Complete(_)
            | Self::Adopted { .. }
            | Self::Failed { .. }
            | Self::Skipped { .. }
            | Self::NoContent { .. } => None,
        }
    }
}

/// A row whose body is complete and has not been published.
pub(super) struct CompleteRow {
    pub(super) job: Box<Job>,
    pub(super) staged: Staged,
    pub(super) done: Done,
}

/// The outcomes of one commit.
#[derive(Default)]
pub(super) struct Group {
    entries: Vec<Entry>,
    files: usize,
    due: Option<Instant>,
}

impl Group {
    pub(super) fn push(&mut self, entry: Entry, now: Instant) {
        self.files += usize::from(matches!(entry, Entry::Complete(_)));
        self.entries.push(entry);
        self.due.get_or_insert(now + WAIT_MAX);
    }

    /// Syncs and closes the bodies that wait, where descriptors are short. Whether any was open.
    pub(super) fn close_bodies(&mut self) -> bool {
        let mut is_any_closed = false;
        for entry in &mut self.entries {
            if let Entry::Complete(complete) = entry {
                is_any_closed |= complete.staged.close();
            }
        }
        is_any_closed
    }

    /// When the group is to be committed at the latest; `None` while it is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.due.is_some_and(|due| due <= now)
    }

    /// Whether nothing more fits.
    pub(super) fn is_full(&self) -> bool {
        self.files >= FILES_MAX || self.entries.len() >= ENTRIES_MAX
    }

    /// Takes everything; the group is empty then.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        self.files = 0;
        self.due = None;
        std::mem::take(&mut self.entries)
    }
}
