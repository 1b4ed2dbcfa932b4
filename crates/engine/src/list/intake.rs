//! Reads the lists into the spool: item, URL, name, row.
//!
//! Lists are streamed: a row can be fetched as soon as the items before it have been read, however long the list is and however
//! slowly it arrives. Rows are written to the spool before the reader blocks for more.
//!
//! A line that names nothing to download is refused with its number, and affects no other line. A URL that is in the haul already
//! becomes a duplicate of its first row. When a list is read again, its items are compared with the rows of the last reading; from
//! the first difference on, items become new rows.

use std::io;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::{
    Entry, Expectation, Fields, FileIdentity, Row, RowId, RowSet, RowState, RowStates, Source, SourceId,
    SpoolReader, SpoolWriter,
};
use tokio::sync::watch;

use super::earlier_reading::EarlierReading;
use super::reader::{Item, ItemContent, ListReader};
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
    /// The reading that the list which is being read replaces, and the first line that it replaces.
    replaced: Option<(EarlierReading, u64)>,
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
        for list in lists {
            self.read(list).await?;
        }
        Ok(())
    }

    async fn read(&mut self, list: List) -> Result<(), IntakeError> {
        let List { label, mut reader, identity } = list;
        let mut readings = self.rows.sources();
        if identity.is_some() && is_renamed(&readings, &label, identity) {
            return Ok(());
        }
        readings.retain(|source| source.label == label);
        self.replaced = None;
        let mut earlier_reading = None;
        if let [earlier @ .., latest] = &readings[..] {
            if latest.complete && latest.identity.is_some() && latest.identity == identity {
                return Ok(());
            }
            let earlier: Vec<SourceId> = earlier.iter().map(|source| source.id).collect();
            earlier_reading = Some(
                EarlierReading::new(self.rows.clone(), &earlier, latest.id, self.forgotten.clone())
                    .map_err(IntakeError::Spool)?,
            );
        }
        let mut source: Option<SourceId> = None;
        let mut new_rows = 0;
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
            if let Some(known) = &mut earlier_reading {
                if known.matches(&item).map_err(IntakeError::Spool)? {
                    continue;
                }
                // The list has grown beyond its rows, or is another list of the same name.
                source = known.continues().then(|| known.source());
                let first_line = if known.continues() { u64::MAX } else { item.position };
                self.replaced = earlier_reading.take().map(|reading| (reading, first_line));
            }
            let source = match source {
                Some(source) => source,
                None => *source.insert(self.write(|intake| intake.spool.append_source(&label)).await?),
            };
            self.append(source, item).await?;
            new_rows += 1;
        }
        let source = match (source, &earlier_reading) {
            (Some(source), _) => Some(source),
            (None, Some(earlier_reading)) => Some(earlier_reading.source()),
            (None, None) => None,
        };
        if let Some(source) = source {
            let (lines, ignored) = (reader.position(), reader.ignored());
            self.write(|intake| intake.spool.finish_source(source, identity, lines, ignored)).await?;
        }
        self.flush().await?;
        let lines = reader.position();
        tracing::debug!(label, lines, new_rows, "the list is read");
        self.observer.emit(&Event::ListRead { label: &label, lines, new_rows });
        Ok(())
    }

    async fn append(&mut self, source: SourceId, item: Item) -> Result<(), IntakeError> {
        let (entry, fields) = match item.content {
            ItemContent::Refused { text, reason } => (Entry::Refused { text, reason }, Fields::default()),
            ItemContent::Url { url, text, name, expected, fields } => {
                let entry = match self.write(|intake| intake.name(&url, name.as_deref(), &expected)).await? {
                    NamedRow::Duplicate { of } => Entry::Duplicate { url: text, of },
                    NamedRow::New { name } => Entry::Fetch { url: text, name, expected },
                };
                (entry, fields)
            }
        };
        let row = Row { source, line: item.position, entry, fields };
        self.write(|intake| intake.spool.append(&row).map(drop)).await?;
        self.unpublished += 1;
        Ok(())
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
            let is_superseded = |(reading, line): &(EarlierReading, u64)| reading.is_superseded(row, *line);
            states.state(owner) == RowState::Failed && replaced.as_ref().is_some_and(is_superseded)
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

/// Whether a list has the identity of one that was read to its end under another name: it was renamed since, and its rows are there.
fn is_renamed(sources: &[Source], label: &str, identity: Option<FileIdentity>) -> bool {
    let is_known = sources.iter().any(|source| source.label == label);
    let is_last = |at: usize| sources[at + 1..].iter().all(|later| later.label != sources[at].label);
    let is_it =
        |(at, source): (usize, &Source)| source.complete && source.identity == identity && is_last(at);
    !is_known && sources.iter().enumerate().any(is_it)
}

impl RetryTransient for Intake {
    fn disk_wait(&mut self) -> &mut DiskWait {
        &mut self.disk_wait
    }
}
