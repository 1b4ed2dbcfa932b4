//! Reads the lists into the spool: item, URL, name, row.
//!
//! Lists are streamed: a row can be fetched as soon as the items before it have been read, however long the list is and however
//! slowly it arrives. Rows are written to the spool before the reader blocks for more.
//!
//! A line that names nothing to download is refused with its number, and affects no other line. A URL that is in the haul already
//! becomes a duplicate of its first row. When a list is read again, its items are compared with the rows of the last reading; from
//! the first difference on, items become new rows. A list that has been read under another name is recognised by its content, before
//! any list is read.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::{
    Entry, Expectation, Fields, FileIdentity, Row, RowId, RowSet, RowStates, SourceEnd, SourceId,
    SpoolReader, SpoolWriter,
};
use tokio::sync::watch;

use super::content_digest::ListContent;
use super::earlier_reading::EarlierReading;
use super::fragments::{Example, Fragments};
use super::listed_rows::HaulLists;
use super::reader::{Item, ItemContent, ListReader};
use super::replaced::ReplacedRows;
use crate::haul::machine;
use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::names::{NameOwner, NamedRow};
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::sink::disk_wait::{DiskWait, RetryTransient};

/// Rows are published at the latest after this many, so that the first request does not wait for the rest of the buffer.
const ROWS_PER_FLUSH: u64 = 1024;

/// One list to be read.
pub(crate) struct List {
    /// The name that the user gave it.
    pub(crate) label: String,
    pub(crate) reader: Box<dyn ListReader>,
    /// What tells one content of the list from another, where anything does.
    pub(crate) identity: Option<FileIdentity>,
    pub(crate) content: ListContent,
}

/// How far the lists have been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) rows: u64,
    /// No further rows will be added.
    pub(crate) is_complete: bool,
}

/// Why reading ended early.
#[derive(Debug)]
pub(crate) enum IntakeError {
    /// The list could not be read.
    List { label: String, line: u64, source: io::Error },
    /// The spool could not be written.
    Spool(io::Error),
}

/// The actor that reads lists.
pub(crate) struct Intake {
    spool: SpoolWriter,
    rows: SpoolReader,
    names: NameOwner,
    /// What earlier runs left.
    states: RowStates,
    forgotten: RowSet,
    /// The rows that the list which is being read replaces, if it has changed and one may give way.
    replaced: Option<ReplacedRows>,
    published: watch::Sender<Published>,
    observer: Arc<Observer>,
    disk_wait: DiskWait,
    stop: StopWatch,
    unpublished: u64,
}

impl Intake {
    pub(crate) fn new(
        cx: RunContext,
        spool: SpoolWriter,
        rows: SpoolReader,
        published: watch::Sender<Published>,
        states: RowStates,
        forgotten: RowSet,
    ) -> Self {
        let RunContext { storage, observer, stopper, .. } = cx;
        let names = NameOwner::new(storage, rows.clone(), forgotten.clone());
        let stop = stopper.watch();
        let disk_wait = DiskWait::new(Arc::clone(&observer), stopper.watch(), Arc::default());
        Self {
            spool,
            rows,
            names,
            states,
            forgotten,
            replaced: None,
            published,
            observer,
            disk_wait,
            stop,
            unpublished: 0,
        }
    }

    /// Reads every list to its end, or until the haul is stopped.
    pub(crate) async fn run(mut self, lists: Vec<List>) -> Result<(), IntakeError> {
        let read = self.read_all(lists).await;
        if !self.stop.is_stopped() {
            // Also after an error: the rows so far are fetched before the error is reported.
            self.published.send_modify(|published| published.is_complete = true);
        }
        read
    }

    async fn read_all(&mut self, lists: Vec<List>) -> Result<(), IntakeError> {
        let given: BTreeSet<String> = lists.iter().map(|list| list.label.clone()).collect();
        for list in &lists {
            self.recognise(list, &given).await?;
        }
        for list in lists {
            self.read(list).await?;
        }
        Ok(())
    }

    /// Looks whether a list that the haul does not know by its name has been read under another one. If so, nothing of it is read: the
    /// list has been renamed if the other one is neither given nor there any more, and has been copied otherwise.
    async fn recognise(&mut self, list: &List, given: &BTreeSet<String>) -> Result<(), IntakeError> {
        let List { label, identity: Some(identity), content, .. } = list else { return Ok(()) };
        let sources = self.rows.sources();
        let may_be_same = |end: &SourceEnd| {
            let is_as_long = matches!(content, ListContent::Identified(_))
                || end.identity.is_some_and(|known| known.len == identity.len);
            end.content.is_some() && is_as_long
        };
        let is_known = sources.iter().any(|source| source.label == *label);
        if is_known || !sources.iter().filter_map(|source| source.end.as_ref()).any(may_be_same) {
            return Ok(());
        }
        // A list that cannot be read is reported when it is its turn.
        let Ok(Some(digest)) = content.ahead() else { return Ok(()) };
        let has_content = |end: &SourceEnd| end.content == Some(digest);
        let Some(at) = sources.iter().rposition(|source| source.end.as_ref().is_some_and(has_content)) else {
            return Ok(());
        };
        let (original, is_last) =
            (&sources[at], sources[at + 1..].iter().all(|later| later.label != sources[at].label));
        let Some(end) = &original.end else { return Ok(()) };
        let end = SourceEnd { identity: Some(*identity), ..end.clone() };
        let path = Path::new(&original.label);
        let is_moved = !given.contains(&original.label) && (path.is_relative() || machine::is_gone(path));
        if is_last && is_moved {
            tracing::debug!(from = original.label, to = label, "the list has been renamed");
            for source in sources.iter().filter(|source| source.label == original.label) {
                self.write(|intake| intake.spool.rename_source(source.id, label)).await?;
            }
            self.write(|intake| intake.spool.finish_source(original.id, end.clone())).await?;
        } else {
            tracing::debug!(of = original.label, copy = label, "the list has been copied");
            let end = SourceEnd { copy_of: end.copy_of.or(Some(original.id)), ..end };
            let source = self.write(|intake| intake.spool.append_source(label)).await?;
            self.write(|intake| intake.spool.finish_source(source, end.clone())).await?;
        }
        self.flush().await
    }

    async fn read(&mut self, list: List) -> Result<(), IntakeError> {
        let List { label, mut reader, identity, content } = list;
        let lists = HaulLists::of(&self.rows).map_err(IntakeError::Spool)?;
        self.replaced = None;
        let latest = lists.latest(&label).cloned();
        let mut earlier_reading = None;
        if let Some(latest) = &latest {
            if let Some(end) =
                latest.end.as_ref().filter(|end| end.identity.is_some() && end.identity == identity)
            {
                return self.note_content(latest.id, end, &content).await;
            }
            let listed = lists.read_before(latest.id);
            earlier_reading = Some(EarlierReading::new(self.rows.clone(), listed, self.forgotten.clone()));
        }
        // A copy has no rows of its own.
        let copy_of = latest.as_ref().and_then(|latest| latest.end.as_ref()?.copy_of);
        let mut source: Option<SourceId> = None;
        let (mut new_rows, mut duplicates) = (0, 0);
        let mut fragments = Fragments::default();
        loop {
            if reader.would_block() || self.unpublished >= ROWS_PER_FLUSH {
                self.flush().await?;
                tokio::task::yield_now().await;
            }
            let item = match reader.next() {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(source) => {
                    self.flush().await?;
                    return Err(IntakeError::List { label, line: reader.position() + 1, source });
                }
            };
            if self.stop.is_stopped() {
                // The haul may be closed by now: the next run reads this item.
                return Ok(());
            }
            if let (Some(known), Some(latest)) = (&mut earlier_reading, &latest) {
                if known.matches(&item).map_err(IntakeError::Spool)? {
                    continue;
                }
                // The list has grown beyond its rows, or is another list of the same name.
                source = (known.continues() && copy_of.is_none()).then_some(latest.id);
                let first_line = if known.continues() { u64::MAX } else { item.position };
                self.replace_from(&label, &lists, latest.id, first_line)?;
                earlier_reading = None;
            }
            let source = match source {
                Some(source) => source,
                None => *source.insert(self.write(|intake| intake.spool.append_source(&label)).await?),
            };
            if let (Some(url), Some(fragment)) = (item.url(), &item.fragment) {
                fragments.note(item.position, url.as_str(), fragment);
            }
            duplicates += u64::from(self.append(source, item).await?);
            new_rows += 1;
        }
        let (source, copy_of) = match (source, &earlier_reading, latest) {
            (Some(source), _, _) => (Some(source), None),
            (None, Some(_), Some(latest)) => (Some(latest.id), copy_of),
            (None, _, _) => (None, None),
        };
        let lines = reader.position();
        if let Some(source) = source {
            let (content, ignored_lines) = (content.at_end(), reader.ignored());
            let end = SourceEnd { identity, content, lines, ignored_lines, copy_of };
            self.write(|intake| intake.spool.finish_source(source, end.clone())).await?;
        }
        self.flush().await?;
        tracing::debug!(label, lines, new_rows, duplicates, "the list is read");
        self.observer.emit(&Event::ListRead { label: &label, lines, new_rows, duplicates });
        if let Some((lines, Example { line, url, .. })) = fragments.found() {
            self.observer.emit(&Event::FragmentsCut { label: &label, lines, line: *line, url });
        }
        Ok(())
    }

    /// Records the digest of a list that earlier versions of this program have read.
    async fn note_content(
        &mut self,
        source: SourceId,
        end: &SourceEnd,
        content: &ListContent,
    ) -> Result<(), IntakeError> {
        let digest = if end.content.is_none() { content.ahead().unwrap_or(None) } else { None };
        if digest.is_some() {
            let end = SourceEnd { content: digest, ..end.clone() };
            self.write(|intake| intake.spool.finish_source(source, end.clone())).await?;
            self.flush().await?;
        }
        Ok(())
    }

    /// From this line on, the list says something else than at its last reading.
    fn replace_from(
        &mut self,
        label: &str,
        lists: &HaulLists,
        latest: SourceId,
        first_line: u64,
    ) -> Result<(), IntakeError> {
        if self.states.counts().failed > 0 {
            let kept = lists.read_before(latest).before(first_line);
            let replaced = ReplacedRows::new(&self.rows, label, &kept, &self.forgotten);
            self.replaced = Some(replaced.map_err(IntakeError::Spool)?);
        }
        Ok(())
    }

    /// Appends the row of an item. Returns whether it is a duplicate.
    async fn append(&mut self, source: SourceId, item: Item) -> Result<bool, IntakeError> {
        let (entry, fields) = match item.content {
            ItemContent::Refused { text, reason } => (Entry::Refused { text, reason }, Fields::default()),
            ItemContent::Url { url, text, name, expected, fields } => {
                let entry = match self.write(|intake| intake.name(&url, name.as_deref(), &expected)).await? {
                    NamedRow::Duplicate { of } => {
                        if let Some(replaced) = &mut self.replaced {
                            replaced.note_repeated(of);
                        }
                        Entry::Duplicate { url: text, of }
                    }
                    NamedRow::New { name } => Entry::Fetch { url: text, name, expected },
                };
                (entry, fields)
            }
        };
        let row = Row { source, line: item.position, entry, fields };
        self.write(|intake| intake.spool.append(&row).map(drop)).await?;
        self.unpublished += 1;
        Ok(matches!(row.entry, Entry::Duplicate { .. }))
    }

    /// Gives the next row its name.
    fn name(&mut self, url: &HttpUrl, wanted: Option<&str>, expected: &Expectation) -> io::Result<NamedRow> {
        let Self { spool, rows, names, unpublished, states, replaced, .. } = self;
        let row = RowId(rows.published() + *unpublished);
        let read = |earlier: RowId| {
            if earlier.0 >= rows.published() {
                spool.flush()?;
                *unpublished = 0;
            }
            rows.row(earlier)
        };
        // Its line has been corrected: it has no file, and needs none.
        let gives_way = |owner: RowId, row: &Row| {
            replaced.as_ref().is_some_and(|replaced| replaced.gives_way(states, owner, row))
        };
        names.assign((url, wanted), expected, row, read, gives_way)
    }

    /// Writes the rows to the spool and publishes them to the dispatcher.
    async fn flush(&mut self) -> Result<(), IntakeError> {
        self.write(|intake| intake.spool.flush()).await?;
        self.unpublished = 0;
        let rows = self.rows.published();
        self.published.send_if_modified(|published| std::mem::replace(&mut published.rows, rows) != rows);
        Ok(())
    }

    /// Does an operation on the spool, and repeats it while the disk is full.
    async fn write<T>(
        &mut self,
        operation: impl FnMut(&mut Self) -> io::Result<T>,
    ) -> Result<T, IntakeError> {
        let result = self.retry_transient(operation).await;
        self.disk_wait.end();
        result.map_err(|failure| IntakeError::Spool(failure.into()))
    }
}

impl RetryTransient for Intake {
    fn disk_wait(&mut self) -> &mut DiskWait {
        &mut self.disk_wait
    }
}
