//! Reads the lists into the spool: line, URL, name, row.
//!
//! Lists are streamed: a row can be fetched as soon as the lines before it have been read, however long the list is and
//! however slowly it comes. What has been read is handed to the system before the reader waits for more.
//!
//! A line that cannot be fetched is refused here, with its number, and costs nothing else. A URL that the haul knows
//! already becomes a duplicate of its first row. Running the same list again finds its rows by walking along them; from
//! the first line that differs on, lines are new.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::HttpUrl;
use longhaul_journal::{Entry, Expectation, FileIdentity, Row, RowId, SourceId, SpoolReader, SpoolWriter};
use tokio::sync::watch;

use super::lines::{Line, Lines};
use super::naming::{Naming, Placed};
use super::walk::Walk;
use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::list::expectation;
use crate::report::event::{Event, Observer};
use crate::sink::passing_trouble;

/// Rows are published at the latest after so many: the first request need not wait for the rest of the buffer.
const ROWS_PER_FLUSH: u64 = 1024;
/// While the disk is full, writing is tried again this often.
const PAUSE: Duration = Duration::from_millis(500);

/// One list to be read.
pub(crate) struct List {
    /// What the user called it.
    pub(crate) label: String,
    pub(crate) reader: Box<dyn Read + Send>,
    /// What tells one state of the list from another, where it is a file.
    pub(crate) identity: Option<FileIdentity>,
}

/// How far the lists have been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) rows: u64,
    /// Nothing more will come.
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

/// The actor.
pub(crate) struct Intake {
    spool: SpoolWriter,
    rows: SpoolReader,
    naming: Naming,
    published: watch::Sender<Published>,
    observer: Arc<Observer>,
    stop: StopWatch,
    unpublished: u64,
}

impl Intake {
    pub(crate) fn new(
        cx: RunContext,
        spool: SpoolWriter,
        rows: SpoolReader,
        published: watch::Sender<Published>,
    ) -> Self {
        let RunContext { storage, observer, stopper, .. } = cx;
        let naming = Naming::new(storage, rows.clone());
        Self { spool, rows, naming, published, observer, stop: stopper.watch(), unpublished: 0 }
    }

    /// Reads every list to its end, or until the haul is stopped.
    pub(crate) async fn run(mut self, lists: Vec<List>) -> Result<(), IntakeError> {
        let read = self.read_all(lists).await;
        if !self.stop.is_stopped() {
            // Also after an error: what has been read is fetched before it is told.
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
        let List { label, reader, identity } = list;
        let readings: Vec<_> =
            self.rows.sources().into_iter().filter(|source| source.label == label).collect();
        let mut walk = None;
        if let [earlier @ .., latest] = &readings[..] {
            if latest.complete && latest.identity.is_some() && latest.identity == identity {
                return Ok(());
            }
            let earlier: Vec<SourceId> = earlier.iter().map(|source| source.id).collect();
            walk = Some(Walk::along(self.rows.clone(), &earlier, latest.id).map_err(IntakeError::Spool)?);
        }
        let mut source: Option<SourceId> = None;
        let mut new_rows = 0;
        let mut lines = Lines::new(reader);
        loop {
            if lines.would_read() || self.unpublished >= ROWS_PER_FLUSH {
                self.flush().await?;
                tokio::task::yield_now().await;
            }
            let line = match lines.next_line() {
                Ok(Some(line)) => Parsed::of(&line),
                Ok(None) => break,
                Err(source) => {
                    self.flush().await?;
                    return Err(IntakeError::List { label, line: lines.number() + 1, source });
                }
            };
            if self.stop.is_stopped() {
                // The haul may be closed by now: what was read last is left to the next run.
                return Ok(());
            }
            let number = lines.number();
            if let Some(known) = &mut walk {
                if known.matches(number, &line).map_err(IntakeError::Spool)? {
                    continue;
                }
                // The walk is over: the list goes on beyond its rows, or is another list by the same name.
                source = known.continues().then(|| known.source());
                walk = None;
            }
            let source = match source {
                Some(source) => source,
                None => *source.insert(self.patiently_append_source(&label).await?),
            };
            self.append(source, number, line).await?;
            new_rows += 1;
        }
        let source = match (source, &walk) {
            (Some(source), _) => Some(source),
            (None, Some(walk)) => Some(walk.source()),
            (None, None) => None,
        };
        if let Some(source) = source {
            let (numbers, ignored) = (lines.number(), lines.ignored());
            self.retry_transient(|intake| intake.spool.finish_source(source, identity, numbers, ignored))
                .await?;
        }
        self.flush().await?;
        tracing::debug!(label, lines = lines.number(), new_rows, "the list is read");
        self.observer.emit(&Event::ListRead { label: &label, lines: lines.number(), new_rows });
        Ok(())
    }

    async fn append(&mut self, source: SourceId, line: u64, parsed: Parsed) -> Result<(), IntakeError> {
        let entry = match parsed {
            Parsed::Refused { text, reason } => Entry::Refused { text, reason },
            Parsed::Url { url, text, expected } => {
                let mut placed = None;
                self.retry_transient(|intake| {
                    placed = Some(intake.place(&url, &expected)?);
                    Ok(())
                })
                .await?;
                match placed {
                    Some(Placed::Duplicate { of }) => Entry::Duplicate { url: text, of },
                    Some(Placed::New { name }) => Entry::Fetch { url: text, name, expected },
                    None => Entry::Fetch { url: text, name: None, expected },
                }
            }
        };
        let row = Row { source, line, entry };
        self.retry_transient(|intake| intake.spool.append(&row).map(drop)).await?;
        self.unpublished += 1;
        Ok(())
    }

    fn place(&mut self, url: &HttpUrl, expected: &Expectation) -> io::Result<Placed> {
        let Self { spool, rows, naming, unpublished, .. } = self;
        let row = RowId(rows.published() + *unpublished);
        naming.place(url, expected, row, |earlier| {
            if earlier.0 >= rows.published() {
                spool.flush()?;
                *unpublished = 0;
            }
            rows.row(earlier)
        })
    }

    async fn patiently_append_source(&mut self, label: &str) -> Result<SourceId, IntakeError> {
        let mut id = None;
        self.retry_transient(|intake| {
            id = Some(intake.spool.append_source(label)?);
            Ok(())
        })
        .await?;
        id.ok_or_else(|| IntakeError::Spool(io::ErrorKind::Interrupted.into()))
    }

    /// Hands the rows to the system and tells the dispatcher.
    async fn flush(&mut self) -> Result<(), IntakeError> {
        self.retry_transient(|intake| intake.spool.flush()).await?;
        self.unpublished = 0;
        let rows = self.rows.published();
        self.published.send_if_modified(|published| std::mem::replace(&mut published.rows, rows) != rows);
        Ok(())
    }

    async fn retry_transient(
        &mut self,
        mut operation: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> Result<(), IntakeError> {
        let mut is_paused = false;
        let outcome = loop {
            let Err(error) = operation(self) else { break Ok(()) };
            let Some(reason) = passing_trouble(&error) else { break Err(error) };
            if !std::mem::replace(&mut is_paused, true) {
                self.observer.pause(reason);
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => break Err(error),
                () = tokio::time::sleep(PAUSE) => {}
            }
        };
        if is_paused {
            self.observer.resume();
        }
        outcome.map_err(IntakeError::Spool)
    }
}

/// A line as it is understood.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Something to fetch, and what is said of its content. `text` is what is stored: normalised, except where it carries
    /// credentials.
    Url { url: Box<HttpUrl>, text: String, expected: Expectation },
    /// Nothing that can be fetched.
    Refused { text: String, reason: String },
}

impl Parsed {
    fn of(line: &Line<'_>) -> Self {
        match line {
            Line::Text(text) => Self::of_text(text).unwrap_or_else(|reason| Self::Refused {
                text: super::lines::excerpt(text.as_bytes()),
                reason,
            }),
            Line::Refused { excerpt, reason } => {
                Self::Refused { text: excerpt.clone(), reason: (*reason).to_owned() }
            }
        }
    }

    /// A URL, and behind a tab what is said of its content.
    fn of_text(text: &str) -> Result<Self, String> {
        let (address, fields) = text.split_once('\t').unwrap_or((text, ""));
        let url = address.parse::<HttpUrl>().map_err(|error| error.to_string())?;
        let expected = expectation::parse(fields)?;
        let text =
            if url.credentials().is_some() { address.trim_end().to_owned() } else { url.as_str().to_owned() };
        Ok(Self::Url { url: Box::new(url), text, expected })
    }
}
