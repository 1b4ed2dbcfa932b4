//! The status of a haul, running or not.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::digest::{Digest, DigestAlgorithm, Hasher};
use longhaul_http::{HttpUrl, redacted};
use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{
    Done, Entry, Expectation, Failed, Fields, HostRecord, Journal, NoContent, ReadOnly, RecentOutcomes,
    RecordedOutcome, RowId, Source, SourceId, Suspicion, Waiting,
};

use longhaul_socket::clock::WallClock;

use crate::exchange::Class;
use crate::haul::HaulError;
use crate::list::listed_rows::{HaulLists, ListedRows};
use crate::names;
use crate::report::summary::{Counts, failures_by_class, unread_lists};
use crate::report::suspect;
use crate::sink::COMPARE_PHASE;
use crate::sink::store::file_content;

/// A haul as it was at one moment. Reading it takes no lock and changes nothing.
pub struct Status {
    storage: Arc<dyn Storage>,
    journal: ReadOnly,
}

/// The rows that a list says.
#[derive(Debug, Clone)]
pub struct ListRows(ListedRows);

impl ListRows {
    /// Whether a row is one of them.
    #[must_use]
    pub fn contains(&self, row: &Row<'_>) -> bool {
        self.0.contains(row.source, row.line)
    }
}

/// One row and what became of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row<'a> {
    /// Its number.
    pub id: RowId,
    pub(crate) source: SourceId,
    /// The list that it came from.
    pub list: &'a str,
    /// Its line there, from 1.
    pub line: u64,
    /// Its URL without credentials; of a refused line, how it begins.
    pub url: String,
    /// The name of its file below the haul's directory, if it has one or would get one.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: RowOutcome<'a>,
    /// What the list says of its content.
    pub expected: &'a Expectation,
    /// What it has in common with other rows that look like one error page, if it is done and suspect.
    pub suspicion: Option<&'a Suspicion>,
    /// The columns of the list that are not interpreted.
    pub fields: &'a Fields,
}

/// What became of a row.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RowOutcome<'a> {
    /// Complete under its final name: downloaded, or adopted.
    Done(&'a Done),
    /// Failed for good.
    Failed(&'a Failed),
    /// A line that names nothing to download, and why.
    Refused(&'a str),
    /// Not downloaded, and why.
    Skipped(&'a str),
    /// The host answered that there is nothing to download.
    NoContent(&'a NoContent),
    /// Not part of the haul any more.
    Forgotten,
    /// The same URL as this earlier row.
    Duplicate(RowId),
    /// Failed before; to be retried.
    Waiting(&'a Waiting),
    /// Without an outcome yet.
    Pending,
}

impl RowOutcome<'_> {
    /// The outcome in one word: `done`, `adopted`, `failed`, `skipped`, `no-content`, `forgotten` or `pending`. Adopted files are counted as done,
    /// rows without content and forgotten ones as skipped.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(done) if done.is_adopted => "adopted",
            Self::Done(_) => "done",
            Self::Failed(_) | Self::Refused(_) => "failed",
            Self::Skipped(_) | Self::Duplicate(_) => "skipped",
            Self::NoContent(_) => "no-content",
            Self::Forgotten => "forgotten",
            Self::Waiting(_) | Self::Pending => "pending",
        }
    }

    /// Whether what the host sent, or what stands at the row's name, is known to be something else than the list says.
    #[must_use]
    pub fn contradicts_list(&self) -> bool {
        match (self, self.class()) {
            (_, Some(Class::Mismatch)) => true,
            (Self::Failed(failed), Some(Class::File)) => failed.fault.phase == COMPARE_PHASE,
            _ => false,
        }
    }

    /// The class of a failure.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Failed(failed) => Some(Class::of_record(&failed.fault)),
            Self::Refused(_) => Some(Class::List),
            _ => None,
        }
    }
}

impl Status {
    /// Reads the state of the haul in this directory.
    pub fn read(directory: &Path) -> Result<Self, HaulError> {
        let storage = open(directory, false)?;
        let journal = Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
        Ok(Self { storage, journal })
    }

    /// Rows by outcome.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::from(self.journal.counts())
    }

    /// Rows that wait for a later run: their host asked for a long pause, or their unfinished body could not be read. They are pending.
    #[must_use]
    pub fn parked(&self) -> u64 {
        self.journal.counts().parked
    }

    /// What the haul has achieved in this time before now, as of its last commit. Reads the end of the log, 16 MiB as a rule.
    pub fn recent(&self, window: Duration) -> Result<RecentOutcomes, HaulError> {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.journal.recent(WallClock::system().unix_ms(), window_ms).map_err(HaulError::Journal)
    }

    /// The process that works on the haul now, such as `pid 123`.
    #[must_use]
    pub fn running(&self) -> Option<&str> {
        self.journal.running()
    }

    /// The lists that rows came from.
    #[must_use]
    pub fn lists(&self) -> Vec<Source> {
        self.journal.sources()
    }

    /// Which rows a list says, by its name: those of its last reading, and of the list that it is a copy of.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub fn rows_of_list(&self, label: &str) -> Result<ListRows, HaulError> {
        let lists = HaulLists::of(self.journal.rows()).map_err(HaulError::of_disk)?;
        Ok(ListRows(lists.of_list(label)))
    }

    /// The names of the lists that have not been read to their end. Their unread lines are not part of the haul.
    #[must_use]
    pub fn unread_lists(&self) -> Vec<String> {
        unread_lists(&self.journal.sources())
    }

    /// The hosts whose pace is, or was, limited. A running haul updates this every few seconds.
    #[must_use]
    pub fn hosts(&self) -> Vec<HostRecord> {
        self.journal.hosts()
    }

    /// Whether any row has columns that are not interpreted.
    #[must_use]
    pub fn has_fields(&self) -> bool {
        self.journal.rows().has_fields()
    }

    /// Where the journal is damaged, in words.
    pub fn damage(&self) -> Vec<String> {
        self.journal.damage().iter().map(ToString::to_string).collect()
    }

    /// Failures by class. Scans the log once.
    pub fn failures(&self) -> Result<BTreeMap<Class, u64>, HaulError> {
        failures_by_class(&self.journal).map_err(HaulError::Journal)
    }

    /// The digest of a row's file by another algorithm than the recorded one. Reads the file, and compares it with the record.
    ///
    /// # Errors
    /// The row has no file of its own, or the file is not there, cannot be read, or is not the one that was recorded.
    pub fn file_digest(&self, row: &Row<'_>, algorithm: DigestAlgorithm) -> io::Result<Digest> {
        let (RowOutcome::Done(done), Some(name)) = (row.outcome, &row.name) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let name = name.as_str();
        let unreadable =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot read {name}: {error}"));
        let path = name.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let file = self.storage.open_read(&path).map_err(unreadable)?;
        let (mut hasher, mut blake3) = (Hasher::new(algorithm), Hasher::new(DigestAlgorithm::Blake3));
        let read = file_content::read(&*file, done.size, &mut Vec::new(), |bytes| {
            hasher.update(bytes);
            blake3.update(bytes);
            true
        });
        let is_whole = read.map_err(unreadable)? && file.len().map_err(unreadable)? == done.size;
        if !is_whole || blake3.digest().value() != done.blake3 {
            let message =
                format!("{name} is not the file that was recorded; `longhaul verify` lists such files");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(hasher.digest())
    }

    /// Every row, in the order of the lists, with memory that does not grow with their number.
    pub fn for_each_row(&self, visit: impl FnMut(&Row<'_>)) -> Result<(), HaulError> {
        for_each_row(&self.journal, visit)
    }
}

/// Every row of a journal, in the order of the lists.
pub(crate) fn for_each_row(journal: &ReadOnly, mut visit: impl FnMut(&Row<'_>)) -> Result<(), HaulError> {
    let sources = journal.sources();
    let (nothing, suspicions) = (Expectation::default(), journal.suspicions());
    let visited = journal.for_each_outcome(|id, row, outcome| {
        let list = usize::try_from(row.source.0).ok().and_then(|index| sources.get(index));
        let (url, name) = describe(&row.entry, &outcome);
        let (outcome, expected) = (RowOutcome::from(outcome), expected(&row.entry).unwrap_or(&nothing));
        let suspicion = match outcome {
            RowOutcome::Done(done) => suspect::find(&suspicions, &url, expected, done),
            _ => None,
        };
        visit(&Row {
            id,
            source: row.source,
            list: list.map_or("", |source| &source.label),
            line: row.line,
            url,
            name,
            outcome,
            expected,
            suspicion,
            fields: &row.fields,
        });
    });
    visited.map_err(HaulError::Journal)
}

fn expected(entry: &Entry) -> Option<&Expectation> {
    match entry {
        Entry::Fetch { expected, .. } => Some(expected),
        _ => None,
    }
}

pub(super) fn open(directory: &Path, create: bool) -> Result<Arc<dyn Storage>, HaulError> {
    match DiskStorage::open(directory, create) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(source) => Err(HaulError::Directory { directory: directory.to_owned(), source }),
    }
}

/// The URL as it may be shown, and the name of the file.
fn describe(entry: &Entry, outcome: &RecordedOutcome<'_>) -> (String, Option<String>) {
    match entry {
        Entry::Fetch { url, name, .. } => match url.parse::<HttpUrl>() {
            Ok(url) => {
                let recorded = match outcome {
                    RecordedOutcome::Done(done) | RecordedOutcome::InDoubt(done) => done.name.clone(),
                    _ => None,
                };
                let name = names::final_name(&url, recorded.or_else(|| name.clone()));
                (url.as_str().to_owned(), Some(name))
            }
            Err(_) => (String::new(), None),
        },
        Entry::Duplicate { url, .. } => {
            (url.parse::<HttpUrl>().map_or(String::new(), |url| url.as_str().to_owned()), None)
        }
        Entry::Refused { text, .. } => (redacted(text).into_owned(), None),
        Entry::Lost => (String::new(), None),
    }
}

impl<'a> From<RecordedOutcome<'a>> for RowOutcome<'a> {
    fn from(outcome: RecordedOutcome<'a>) -> Self {
        match outcome {
            RecordedOutcome::Done(done) => Self::Done(done),
            RecordedOutcome::Failed(failed) => Self::Failed(failed),
            RecordedOutcome::Skipped(reason) => Self::Skipped(reason),
            RecordedOutcome::NoContent(none) => Self::NoContent(none),
            RecordedOutcome::Forgotten => Self::Forgotten,
            RecordedOutcome::Refused(reason) => Self::Refused(reason),
            RecordedOutcome::Duplicate(of) => Self::Duplicate(of),
            RecordedOutcome::Lost => Self::Refused("the journal's record of this row is damaged"),
            RecordedOutcome::Waiting(waiting) => Self::Waiting(waiting),
            _ => Self::Pending,
        }
    }
}
