//! The actor that takes rows from the spool and sends them to the shards of their hosts, so that memory holds a bounded part
//! of the list. It ends when every row is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use longhaul_http::{HttpUrl, Origin, redacted};
use longhaul_journal::storage::RelativePath;
use longhaul_journal::{
    BLOCK_ROWS, BlockId, Entry, Expectation, Failed, FaultRecord, Fields, RecordedPart, Row, RowId, RowSet,
    RowState, RowStates, SpoolReader, Waiting,
};
use longhaul_socket::clock::{self, WallClock};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::exchange::Class;
use crate::haul::executor::{Executor, sleep_until};
use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::list::expectation::ExpectedContent;
use crate::list::intake::Published;
use crate::names;
use crate::schedule::backlog::{Admission, Backlog, Read};
use crate::schedule::job::{Assignment, Job};
use crate::schedule::retry;
use crate::schedule::router::{FromShard, Router, ShardGone};
use crate::sink::adopter::AdopterHandle;
use crate::sink::part_verifier::UnverifiedPart;
use crate::sink::store::Store;
use crate::sink::{Message, Occupied, OccupiedPolicy, RowSettled, SettledByList, SinkGone, SinkHandle};

/// Settled rows that are received at once.
const BATCH_MAX: usize = 1024;

/// What earlier runs left: the states of all rows, and the details of unsettled ones.
pub(crate) struct Unfinished {
    pub(crate) states: RowStates,
    /// Rows that were in doubt after a crash and turned out to be done.
    pub(crate) settled: BTreeSet<RowId>,
    /// Rows in doubt whose files cannot be read: left to a later run.
    pub(crate) unreadable: BTreeMap<RowId, FaultRecord>,
    pub(crate) waiting: BTreeMap<RowId, Waiting>,
    pub(crate) parts: BTreeMap<RowId, RecordedPart>,
    /// Rows that are not part of the haul any more.
    pub(crate) forgotten: RowSet,
    /// Whether the machine has not been restarted since.
    pub(crate) same_boot: bool,
}

/// The dispatcher's ends of the channels.
pub(crate) struct Channels {
    pub(crate) router: Router,
    pub(crate) sink: SinkHandle,
    pub(crate) settled_rows: mpsc::UnboundedReceiver<RowSettled>,
    pub(crate) from_shards: mpsc::UnboundedReceiver<FromShard>,
    pub(crate) unverified: mpsc::UnboundedSender<UnverifiedPart>,
    pub(crate) verified: mpsc::UnboundedReceiver<Assignment>,
    pub(crate) published: watch::Receiver<Published>,
}

/// The actor.
pub(crate) struct Dispatcher {
    store: Arc<dyn Store>,
    rows: SpoolReader,
    unfinished: Unfinished,
    channels: Channels,
    backlog: Backlog<Origin>,
    /// The next row to be read in order.
    cursor: u64,
    /// The remaining rows of the block of `cursor`.
    ahead: std::vec::IntoIter<(RowId, Row)>,
    occupied: OccupiedPolicy,
    adopter: AdopterHandle,
    clock: WallClock,
    stop: StopWatch,
}

/// Why dispatching ended before everything was settled.
#[derive(Debug)]
pub(crate) enum DispatchError {
    Spool(io::Error),
    /// The system refused a thread.
    Start(io::Error),
    /// The sink or a shard has ended early, and reports why.
    Gone,
}

impl From<io::Error> for DispatchError {
    fn from(error: io::Error) -> Self {
        Self::Spool(error)
    }
}

impl From<SinkGone> for DispatchError {
    fn from(_: SinkGone) -> Self {
        Self::Gone
    }
}

impl From<ShardGone> for DispatchError {
    fn from(_: ShardGone) -> Self {
        Self::Gone
    }
}

impl Dispatcher {
    pub(crate) fn new(
        cx: RunContext,
        rows: SpoolReader,
        unfinished: Unfinished,
        channels: Channels,
        occupied: OccupiedPolicy,
        executor: Executor,
    ) -> Self {
        let adopter = AdopterHandle::new(executor, cx.clone(), channels.sink.clone(), occupied);
        let RunContext { store, clock, stopper, .. } = cx;
        Self {
            store,
            rows,
            unfinished,
            channels,
            backlog: Backlog::default(),
            cursor: 0,
            ahead: Vec::new().into_iter(),
            occupied,
            adopter,
            clock,
            stop: stopper.watch(),
        }
    }

    /// Works until every row is settled or parked, or the haul is stopped.
    pub(crate) async fn run(mut self) -> Result<(), DispatchError> {
        let mut settled_rows = Vec::new();
        loop {
            if self.stop.is_stopped() {
                return Ok(());
            }
            while let Ok(settled) = self.channels.settled_rows.try_recv() {
                self.hear(settled)?;
            }
            let published = *self.channels.published.borrow_and_update();
            if self.read_on(published.rows).await? {
                continue;
            }
            let everything_is_read = published.is_complete && self.cursor == published.rows;
            if everything_is_read && self.backlog.in_memory() == 0 && !self.backlog.has_left() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(()),
                count = self.channels.settled_rows.recv_many(&mut settled_rows, BATCH_MAX) => {
                    if count == 0 {
                        return Err(DispatchError::Gone);
                    }
                    for settled in settled_rows.drain(..) {
                        self.hear(settled)?;
                    }
                }
                message = self.channels.from_shards.recv() => {
                    self.channels.router.take(message.ok_or(DispatchError::Gone)?)?;
                }
                verified = self.channels.verified.recv() => {
                    self.channels.router.assign(verified.ok_or(DispatchError::Gone)?)?;
                }
                job = self.adopter.absent() => self.begin_where_it_was(job).await?,
                () = sleep_until(self.backlog.look_again_at()) => {}
                changed = self.channels.published.changed(), if !published.is_complete => {
                    // An intake that ended early leaves lists unread, so this run would not end.
                    changed.map_err(|_| DispatchError::Gone)?;
                }
            }
        }
    }

    fn hear(&mut self, settled: RowSettled) -> Result<(), DispatchError> {
        match settled {
            RowSettled::Settled(job) => {
                self.backlog.settled(job.home(), clock::now());
                Ok(())
            }
            RowSettled::Again(job) => self.assign(job, None),
        }
    }

    fn assign(&self, job: Box<Job>, not_before: Option<Instant>) -> Result<(), DispatchError> {
        Ok(self.channels.router.assign(Assignment { job, not_before, memory: None })?)
    }

    /// Reads a block of the spool, or a part of it; returns false if there is nothing to read or no room for it.
    async fn read_on(&mut self, published: u64) -> Result<bool, DispatchError> {
        match self.backlog.next_read(clock::now()) {
            Read::Nothing => Ok(false),
            Read::Next => self.read_next(published).await,
            Read::Again { host, block, from_row } => {
                self.read_again(&host, block, from_row).await?;
                Ok(true)
            }
        }
    }

    async fn read_next(&mut self, published: u64) -> Result<bool, DispatchError> {
        if self.ahead.len() == 0 {
            if self.cursor >= published {
                return Ok(false);
            }
            let mut rows = Vec::new();
            self.rows.read_block(BlockId(self.cursor / BLOCK_ROWS), &mut rows)?;
            rows.retain(|(id, _)| id.0 >= self.cursor && id.0 < published);
            self.ahead = rows.into_iter();
        }
        while self.backlog.next_read(clock::now()) == Read::Next {
            let Some((id, row)) = self.ahead.next() else { break };
            self.cursor = id.0 + 1;
            self.offer(id, row).await?;
        }
        Ok(true)
    }

    /// Takes a row that was read in order.
    async fn offer(&mut self, id: RowId, row: Row) -> Result<(), DispatchError> {
        if !self.is_pending(id) {
            return Ok(());
        }
        match row.entry {
            Entry::Fetch { url, name, expected } => match url.parse::<HttpUrl>() {
                Ok(url) => {
                    let block = id.0 / BLOCK_ROWS;
                    if self.backlog.admit(url.origin(), id.0, block) == Admission::Take {
                        self.begin(id, url, name, expected, row.fields).await?;
                    }
                }
                Err(error) => {
                    let fault = list_fault(error.to_string());
                    let text = redacted(&url).into_owned();
                    self.listed(SettledByList::Refused { row: id, text, fault, is_unreadable: true }).await?;
                }
            },
            Entry::Duplicate { url, of } => {
                let url = url.parse::<HttpUrl>().map_or(String::new(), |url| url.as_str().to_owned());
                self.listed(SettledByList::Duplicate { row: id, url, of, fields: row.fields }).await?;
            }
            Entry::Refused { text, reason } => {
                let fault = list_fault(format!("line {}: {reason}", row.line));
                // Earlier versions recorded the line as it was.
                let text = redacted(&text).into_owned();
                self.listed(SettledByList::Refused { row: id, text, fault, is_unreadable: false }).await?;
            }
            Entry::Lost => {
                let fault = list_fault("the journal's record of this row is damaged".to_owned());
                self.listed(SettledByList::Refused {
                    row: id,
                    text: String::new(),
                    fault,
                    is_unreadable: false,
                })
                .await?;
            }
        }
        Ok(())
    }

    fn is_pending(&self, row: RowId) -> bool {
        let Unfinished { states, settled, unreadable, .. } = &self.unfinished;
        states.state(row) == RowState::Pending && !settled.contains(&row) && !unreadable.contains_key(&row)
    }

    async fn listed(&self, listed: SettledByList) -> Result<(), DispatchError> {
        Ok(self.channels.sink.send(Message::SettledByList(listed)).await?)
    }

    /// Reads a block again, for the rows of one host that were left in it.
    async fn read_again(&mut self, host: &Origin, block: u64, from_row: u64) -> Result<(), DispatchError> {
        let mut rows = Vec::new();
        self.rows.read_block(BlockId(block), &mut rows)?;
        let mut is_exhausted = true;
        for (id, row) in rows {
            if id.0 < from_row || id.0 >= self.cursor || !self.is_pending(id) {
                continue;
            }
            let Entry::Fetch { url, name, expected } = row.entry else { continue };
            let Ok(url) = url.parse::<HttpUrl>() else { continue };
            if url.origin() != host {
                continue;
            }
            if self.backlog.admit_again(host, id.0) == Admission::Leave {
                is_exhausted = false;
                break;
            }
            self.begin(id, url, name, expected, row.fields).await?;
        }
        self.backlog.read_again(host, block, is_exhausted);
        Ok(())
    }

    /// Sends a row that was admitted to memory to its shard.
    async fn begin(
        &mut self,
        row: RowId,
        url: HttpUrl,
        name: Option<String>,
        expected: Expectation,
        fields: Fields,
    ) -> Result<(), DispatchError> {
        let expected = match ExpectedContent::of(&expected) {
            Ok(expected) => expected,
            // Written by another version of this program.
            Err(reason) => {
                let (text, fault) = (url.as_str().to_owned(), list_fault(reason));
                self.backlog.settled(url.origin(), clock::now());
                return self.listed(SettledByList::Refused { row, text, fault, is_unreadable: true }).await;
            }
        };
        let name = names::final_name(&url, name);
        let job = Box::new(Job::new(row, url, name, expected, fields));
        if self.is_taken(&job.name) {
            // What the list says of the bytes decides whose file it is.
            return if job.expected.describes_bytes() {
                self.adopter.judge(job).map_err(DispatchError::Start)
            } else {
                self.refuse_taken(job).await
            };
        }
        self.begin_where_it_was(job).await
    }

    /// Sends a row to its shard with what an earlier run left of it: its attempts, its wait, its part.
    async fn begin_where_it_was(&mut self, mut job: Box<Job>) -> Result<(), DispatchError> {
        let row = job.row;
        let now_unix_ms = self.clock.unix_ms();
        let waiting = self.unfinished.waiting.remove(&row);
        let wait =
            waiting.as_ref().and_then(|waiting| retry::remaining_wait(waiting.until_unix_ms, now_unix_ms));
        if let Some(waiting) = waiting {
            job.attempts = waiting.attempts;
            if waiting.parked && wait.is_some() {
                return Ok(self.channels.sink.send(Message::Park { job, waiting }).await?);
            }
        }
        let not_before = wait.map(|wait| clock::now() + wait);
        match self.unfinished.parts.remove(&row).filter(|recorded| recorded.part.resumable) {
            Some(recorded) => {
                let unverified_part =
                    UnverifiedPart { assignment: Assignment { job, not_before, memory: None }, recorded };
                self.channels.unverified.send(unverified_part).map_err(|_| DispatchError::Gone)
            }
            None => self.assign(job, not_before),
        }
    }

    /// Whether something exists under the row's name. It is not of this haul, whose files all have outcomes. This check only
    /// saves a useless download: the store never replaces a file anyway.
    fn is_taken(&self, name: &str) -> bool {
        name.parse::<RelativePath>().is_ok_and(|name| self.store.is_occupied(&name))
    }

    async fn refuse_taken(&self, job: Box<Job>) -> Result<(), DispatchError> {
        let message = match self.occupied.decide(&job, &io::ErrorKind::AlreadyExists.into()) {
            Occupied::Skip { reason } => Message::Skip { job, reason },
            Occupied::Fail { fault } => {
                let failed = Failed::without_attempt(fault, self.clock.unix_ms());
                Message::Fail { job, failed, keeps_part: true }
            }
        };
        Ok(self.channels.sink.send(message).await?)
    }
}

fn list_fault(message: String) -> FaultRecord {
    FaultRecord {
        class: Class::List.as_str().to_owned(),
        phase: "list".to_owned(),
        endpoint: String::new(),
        elapsed_ms: 0,
        message,
    }
}
