//! The sink's actor: takes messages, writes, records, and commits in groups.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_journal::storage::Storage;
use longhaul_journal::{
    Failed, HostRecord, LockLost, LogWriter, Part, Record, RecordedPart, RowId, SpoolReader, Suspicion,
    read_suspicions, write_hosts,
};
use longhaul_socket::clock::{self, WallClock};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::disk_error::is_out_of_files;
use super::disk_wait::{DiskFailure, DiskWait, RetryTransient};
use super::group::{Entry, Group};
use super::parts::{Parts, checkpoint};
use super::room::{Room, is_full};
use super::store::{ResponseMeta, Store};
use super::suspects::Suspects;
use super::unstorable::UnstorableBodies;
use super::{Inbox, Message, OccupiedPolicy, RowSettled, SettledByList};
use crate::exchange::Class;
use crate::haul::run_context::RunContext;
use crate::pace::host_state_cache::HostStateUpdate;
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::report::suspect::SuspectPolicy;

/// Messages handled at once; the log is flushed after each such batch.
const BATCH_MAX: usize = 256;
/// After this long without a message the group is committed: keeping it open gains nothing.
const QUIET: Duration = Duration::from_millis(5);
/// The interval at which bodies under way are synced: a loss of power costs about a second of each.
const PART_SYNC_EVERY: Duration = Duration::from_secs(1);

/// What the sink uses of the journal.
pub(crate) struct JournalHandles {
    log: LogWriter,
    rows: SpoolReader,
    /// The unfinished bodies of earlier runs, and whether they can be resumed.
    parts: BTreeMap<RowId, bool>,
    /// Those of them whose whole length is not known.
    without_length: BTreeSet<RowId>,
    /// The states of hosts' paces that earlier runs remembered.
    hosts: Vec<HostRecord>,
}

impl JournalHandles {
    pub(crate) fn new(
        log: LogWriter,
        rows: SpoolReader,
        parts: &BTreeMap<RowId, RecordedPart>,
        hosts: Vec<HostRecord>,
    ) -> Self {
        let without_length = parts.iter().filter(|(_, recorded)| recorded.part.total.is_none());
        Self {
            log,
            rows,
            without_length: without_length.map(|(&row, _)| row).collect(),
            parts: parts.iter().map(|(&row, recorded)| (row, recorded.part.resumable)).collect(),
            hosts,
        }
    }
}

/// Rows that this run has settled, by outcome.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettledCounts {
    /// Adopted files included.
    pub(crate) done: u64,
    pub(crate) adopted: u64,
    /// Rows without content and duplicates included.
    pub(crate) skipped: u64,
    pub(crate) duplicates: u64,
    pub(crate) no_content: u64,
    pub(crate) failures: BTreeMap<Class, u64>,
    pub(crate) parked: u64,
    /// The patterns of soft failures that rows of this run fit.
    pub(crate) suspicions: Vec<Suspicion>,
}

/// The actor of the sink. There is one in a haul.
pub(crate) struct Committer {
    pub(super) store: Arc<dyn Store>,
    /// For what the haul remembers of hosts.
    storage: Arc<dyn Storage>,
    pub(super) log: LogWriter,
    pub(super) rows: SpoolReader,
    pub(super) parts: Parts,
    /// Rows whose unfinished body is in the log, and whether that can be resumed.
    pub(super) recorded: BTreeMap<RowId, bool>,
    /// Rows whose unfinished body may be endless.
    pub(super) without_length: BTreeSet<RowId>,
    /// `None` if no file is too large for the disk.
    pub(super) room: Option<Arc<Room>>,
    pub(super) group: Group,
    inbox: mpsc::Receiver<Message>,
    /// Permits of bodies that have been written and not flushed.
    pub(super) body_permits: Vec<OwnedSemaphorePermit>,
    settled_rows: mpsc::UnboundedSender<RowSettled>,
    pub(super) observer: Arc<Observer>,
    pub(super) clock: WallClock,
    disk_wait: DiskWait,
    pub(super) unstorable: UnstorableBodies,
    pub(super) occupied: OccupiedPolicy,
    pub(super) suspects: Suspects,
    pub(super) sync_failures: u32,
    parts_synced_at: Instant,
    hosts: BTreeMap<String, HostRecord>,
    pub(super) settled_counts: SettledCounts,
}

impl Committer {
    pub(crate) fn new(
        cx: RunContext,
        journal: JournalHandles,
        inbox: Inbox,
        settled_rows: mpsc::UnboundedSender<RowSettled>,
        occupied: OccupiedPolicy,
        suspect: SuspectPolicy,
        room: Option<Arc<Room>>,
    ) -> Self {
        let RunContext { storage, store, observer, clock, stopper } = cx;
        let JournalHandles { log, rows, parts, without_length, hosts } = journal;
        Self {
            parts: Parts::new(Arc::clone(&store)),
            store,
            log,
            rows,
            recorded: parts,
            without_length,
            room,
            group: Group::default(),
            inbox: inbox.messages,
            body_permits: Vec::new(),
            settled_rows,
            unstorable: inbox.unstorable,
            disk_wait: DiskWait::new(Arc::clone(&observer), stopper.watch(), inbox.pauses),
            observer,
            clock,
            occupied,
            suspects: Suspects::new(read_suspicions(&storage), suspect, Arc::clone(&storage)),
            sync_failures: 0,
            parts_synced_at: clock::now(),
            hosts: hosts.into_iter().map(|record| (record.host.clone(), record)).collect(),
            settled_counts: SettledCounts::default(),
            storage,
        }
    }

    /// Works until every handle of the sink is gone and everything is committed, or until the haul is stopped while nothing can
    /// be written. Returns what was settled, and the log.
    ///
    /// # Errors
    /// The directory cannot be written, and waiting will not change that.
    pub(crate) async fn run(mut self) -> io::Result<(SettledCounts, LogWriter)> {
        let worked = self.work().await;
        self.settled_counts.suspicions = self.suspects.finish();
        match worked {
            Ok(()) | Err(DiskFailure::Stopped(_)) => Ok((self.settled_counts, self.log)),
            Err(DiskFailure::Permanent(error)) => Err(error),
        }
    }

    async fn work(&mut self) -> Result<(), DiskFailure> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let now = clock::now();
            let tick = self.group.due().map_or(now + PART_SYNC_EVERY, |due| due.min(now + QUIET));
            let mut is_quiet = false;
            tokio::select! {
                biased;
                count = self.inbox.recv_many(&mut batch, BATCH_MAX) => {
                    if count == 0 {
                        break;
                    }
                    for message in batch.drain(..) {
                        self.take(message).await?;
                    }
                    self.flush().await?;
                }
                () = tokio::time::sleep_until(tick) => is_quiet = true,
            }
            self.disk_wait.end();
            let now = clock::now();
            if is_quiet || self.group.is_due(now) {
                self.commit().await?;
            }
            // Also when it is not quiet: a large body on a fast line leaves no pause.
            if now.saturating_duration_since(self.parts_synced_at) >= PART_SYNC_EVERY {
                self.parts_synced_at = now;
                // A commit notices that by itself; between two of them nothing may be written for long.
                if let Err(error) = self.log.check_lock()
                    && LockLost::is_cause_of(&error)
                {
                    return Err(DiskFailure::Permanent(error));
                }
                self.sync_parts().await?;
                self.log.note_extent();
            }
        }
        self.commit().await?;
        // Records that are no outcomes (waits, parts) become durable at the end of the run.
        self.retry_transient(|sink| sink.log.commit()).await?;
        self.log.note_extent();
        Ok(())
    }

    async fn take(&mut self, message: Message) -> Result<(), DiskFailure> {
        match message {
            Message::PartVerified { row, part: Some(part) } => {
                // Recorded again: the verified prefix may be shorter than the log says.
                let checkpoint = checkpoint(&part.hasher, part.len);
                self.parts.resume(row, *part);
                self.record(Record::PartCheckpoint(row, checkpoint)).await
            }
            Message::PartVerified { row, part: None } => {
                self.retry_transient(|sink| sink.parts.discard(row)).await?;
                self.recorded.insert(row, false);
                self.record(Record::Part(row, Part::default())).await
            }
            Message::Begin { row, part, response } => {
                let meta = ResponseMeta { validator: part.validator.clone(), length: part.total, response };
                self.begin(row, part, &meta).await
            }
            Message::Body { row, piece } => {
                let meta = ResponseMeta { response: piece.response.clone(), ..ResponseMeta::default() };
                let is_written = self.write(row, &piece, &meta).await?;
                let can_resume = self.recorded.get(&row) == Some(&true);
                match self.parts.checkpoint(row).filter(|_| is_written && can_resume) {
                    Some(checkpoint) => self.record(Record::PartCheckpoint(row, checkpoint)).await,
                    None => Ok(()),
                }
            }
            Message::Complete { job, piece, completion } => self.complete(job, &piece, completion).await,
            Message::Retry { row, url, waiting, wait } => {
                self.parts.close(row);
                let (fault, attempts) = (waiting.fault.clone(), waiting.attempts);
                self.record(Record::Waiting(row, waiting)).await?;
                let url = url.as_str();
                self.observer.emit(&Event::Retrying { row, url, fault: &fault, attempts, wait });
                Ok(())
            }
            Message::Park { job, waiting } => {
                self.parts.close_for_good(job.row);
                let (fault, until_unix_ms) = (waiting.fault.clone(), waiting.until_unix_ms);
                self.record(Record::Waiting(job.row, waiting)).await?;
                let url = job.url.as_str();
                self.observer.emit(&Event::Parked { row: job.row, url, fault: &fault, until_unix_ms });
                self.settled_counts.parked += 1;
                self.notify_dispatcher(RowSettled::Settled(job));
                Ok(())
            }
            Message::Fail { job, failed, keeps_part } => {
                self.unstorable.remove(job.row);
                let keeps_part = keeps_part && self.recorded.get(&job.row) == Some(&true);
                if keeps_part {
                    self.parts.close_for_good(job.row);
                } else {
                    self.discard_for_good(job.row).await?;
                }
                self.record(Record::Failed(job.row, failed.clone())).await?;
                self.group.push(Entry::Failed { job, failed }, clock::now());
                Ok(())
            }
            Message::Skip { job, reason } => {
                self.retry_transient(|sink| sink.parts.discard(job.row)).await?;
                self.record(Record::Skipped(job.row, reason.clone())).await?;
                self.group.push(Entry::Skipped { job, reason }, clock::now());
                Ok(())
            }
            Message::Adopt { job, done } => {
                self.retry_transient(|sink| sink.parts.discard(job.row)).await?;
                self.group.push(Entry::Adopted { job, done }, clock::now());
                Ok(())
            }
            Message::NoContent { job, none } => {
                self.retry_transient(|sink| sink.parts.discard(job.row)).await?;
                self.record(Record::NoContent(job.row, none.clone())).await?;
                self.group.push(Entry::NoContent { job, none }, clock::now());
                Ok(())
            }
            Message::SettledByList(listed) => {
                if let SettledByList::Refused { row, fault, is_unreadable: true, .. } = &listed {
                    let (row, failed) = (*row, Failed::without_attempt(fault.clone(), self.clock.unix_ms()));
                    self.record(Record::Failed(row, failed)).await?;
                }
                self.group.push(Entry::SettledByList(listed), clock::now());
                Ok(())
            }
            Message::Hosts(notes) => {
                self.remember(notes);
                Ok(())
            }
        }
    }

    /// Nothing depends on it: the next run learns anew what cannot be written.
    fn remember(&mut self, notes: Vec<HostStateUpdate>) {
        for (host, record) in notes {
            match record {
                Some(record) => self.hosts.insert(host, record),
                None => self.hosts.remove(&host),
            };
        }
        let _ = write_hosts(&self.storage, self.hosts.values());
    }

    pub(super) async fn record(&mut self, record: Record) -> Result<(), DiskFailure> {
        self.retry_transient(|sink| sink.log.record(&record)).await
    }

    /// Flushes the log, and releases the permits of what has been written.
    pub(super) async fn flush(&mut self) -> Result<(), DiskFailure> {
        self.retry_transient(|sink| sink.log.flush()).await?;
        self.body_permits.clear();
        Ok(())
    }

    /// Handles the messages that have arrived, as far as they fit into the next group, so that a long commit holds up no body.
    pub(super) async fn catch_up(&mut self) -> Result<(), DiskFailure> {
        let mut is_anything_new = false;
        while !self.group.is_full()
            && let Ok(message) = self.inbox.try_recv()
        {
            self.take(message).await?;
            is_anything_new = true;
        }
        if is_anything_new { self.flush().await } else { Ok(()) }
    }

    pub(super) fn notify_dispatcher(&self, settled: RowSettled) {
        // Fails only if the dispatcher has ended: the run is over.
        let _ = self.settled_rows.send(settled);
    }
}

impl RetryTransient for Committer {
    fn disk_wait(&mut self) -> &mut DiskWait {
        &mut self.disk_wait
    }

    /// The bodies that wait for the commit are synced and closed early, rather than kept from those that are to come; and a body
    /// that may be endless gives its room back.
    fn relieve(&mut self, error: &io::Error) -> bool {
        is_out_of_files(error) && self.group.close_bodies() || is_full(error) && self.give_back()
    }
}
