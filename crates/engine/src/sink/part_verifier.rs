//! Verifies the unfinished bodies of earlier runs before they are resumed.
//!
//! Anybody may have written to an unfinished body since, and a loss of power may have taken some of it. Its prefix up to the last
//! checkpoint of the log that it matches is good. Reading takes as long as the disk takes, so an actor of its own does it: one body
//! at a time, in slices, the one with the least left to read first. No other row waits for it.
//!
//! It does not trust a length, and does not take an error of reading for a result: a body that cannot be read stays as it is, and
//! its row is left to a later run.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_journal::storage::Metadata;
use longhaul_journal::{Checkpoint, RecordedPart, RowId, Waiting};
use longhaul_socket::clock::{self, WallClock};
use tokio::sync::mpsc;

use crate::exchange::overlap::{OVERLAP_BYTES, Tail};
use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::list::listed_digests::ListedDigests;
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::schedule::job::Assignment;
use crate::sink::disk_wait::DiskWait;
use crate::sink::resume;
use crate::sink::store::Store;
use crate::sink::{Message, SinkHandle, VerifiedPart, checkpoint, part_fault, transient_cause};

/// Bytes read before the actor looks for other messages: about ten milliseconds of a good disk.
const SLICE_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Attempts to read a part: four seconds. An error that lasts longer is permanent. A lack of descriptors is waited out.
const ATTEMPTS_MAX: u32 = 8;

/// A row with an unfinished body of an earlier run.
#[derive(Debug)]
pub(crate) struct UnverifiedPart {
    pub(crate) assignment: Assignment,
    pub(crate) recorded: RecordedPart,
}

/// The actor that verifies unfinished bodies.
pub(crate) struct PartVerifier {
    store: Arc<dyn Store>,
    observer: Arc<Observer>,
    clock: WallClock,
    sink: SinkHandle,
    stop: StopWatch,
    disk_wait: DiskWait,
    /// Whether the bytes that the last run wrote must still be there.
    same_boot: bool,
    unverified: mpsc::UnboundedReceiver<UnverifiedPart>,
    /// To the dispatcher.
    verified: mpsc::UnboundedSender<Assignment>,
    /// By the bytes that are left to read.
    under_way: BTreeMap<(u64, RowId), PartReading>,
    buffer: Vec<u8>,
    /// The last body could not be read.
    is_in_trouble: bool,
}

impl PartVerifier {
    pub(crate) fn new(
        cx: RunContext,
        sink: SinkHandle,
        same_boot: bool,
        unverified: mpsc::UnboundedReceiver<UnverifiedPart>,
        verified: mpsc::UnboundedSender<Assignment>,
    ) -> Self {
        let RunContext { store, observer, clock, stopper, .. } = cx;
        Self {
            store,
            disk_wait: DiskWait::new(Arc::clone(&observer), stopper.watch(), Arc::default()),
            observer,
            clock,
            sink,
            stop: stopper.watch(),
            same_boot,
            unverified,
            verified,
            under_way: BTreeMap::new(),
            buffer: vec![0; READ_BYTES],
            is_in_trouble: false,
        }
    }

    /// Works until the dispatcher has gone or the haul is stopped.
    pub(crate) async fn run(mut self) {
        while !self.is_over() {
            if self.under_way.is_empty() {
                let unverified_part = tokio::select! {
                    biased;
                    () = self.stop.stopped() => return,
                    unverified_part = self.unverified.recv() => unverified_part,
                };
                let Some(unverified_part) = unverified_part else { return };
                self.begin(unverified_part).await;
            }
            while let Ok(unverified_part) = self.unverified.try_recv() {
                self.begin(unverified_part).await;
            }
            let Some(((_, row), mut reading)) = self.under_way.pop_first() else { continue };
            match self.retry(|part_verifier| part_verifier.read_on(&mut reading)).await {
                Ok(true) => {
                    self.under_way.insert((reading.bytes_left(), row), reading);
                }
                Ok(false) => {
                    let len = reading.proven_len();
                    match self.retry(|part_verifier| part_verifier.read_tail(row, len)).await {
                        Ok(tail) => {
                            if !self.conclude(reading, tail).await {
                                return;
                            }
                        }
                        Err(error) => self.leave(reading.assignment, &error).await,
                    }
                }
                Err(error) => self.leave(reading.assignment, &error).await,
            }
            // On one thread with the others, this lets them work.
            tokio::task::yield_now().await;
        }
    }

    async fn begin(&mut self, unverified_part: UnverifiedPart) {
        let row = unverified_part.assignment.job.row;
        let state = match self.retry(|verifier| verifier.store.unfinished(row)).await {
            Ok(state) => state,
            Err(error) => return self.leave(unverified_part.assignment, &error).await,
        };
        let reading = PartReading::new(unverified_part, state);
        let Assignment { job, .. } = &reading.assignment;
        let bytes = reading.bytes_left();
        if bytes > 0 {
            self.observer.emit(&Event::VerifyingPart { row: job.row, url: job.url.as_str(), bytes });
        }
        self.under_way.insert((bytes, job.row), reading);
    }

    /// Reads a slice; false when nothing more can be verified. May be called again after an error.
    fn read_on(&mut self, reading: &mut PartReading) -> io::Result<bool> {
        // Opened for each slice: however many are under way, they hold no descriptors.
        let row = reading.assignment.job.row;
        let Some(part) = self.store.read_unfinished(row)? else { return Ok(false) };
        let mut budget = SLICE_BYTES;
        while budget > 0 {
            let Some(wanted) = reading.wanted() else { return Ok(false) };
            let wanted = usize::try_from(wanted).map_or(READ_BYTES, |wanted| wanted.min(READ_BYTES));
            let count = part.read_at(&mut self.buffer[..wanted], reading.read.len)?;
            budget = budget.saturating_sub(count as u64);
            if count == 0 || !reading.take(&self.buffer[..count]) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the row to the dispatcher with its verified prefix, which ends like this; false if the dispatcher or the sink has
    /// ended.
    async fn conclude(&mut self, reading: PartReading, tail: Option<Tail>) -> bool {
        let len = reading.proven_len();
        let PartReading { mut assignment, recorded, state, proven, .. } = reading;
        let job = &mut assignment.job;
        // A journal of version 1 has no checkpoints: nothing can be verified, and no change can be found.
        let marked = recorded.checkpoints.last().map_or(0, |checkpoint| checkpoint.len);
        let must_be_there = if self.same_boot { marked } else { recorded.synced_len.min(marked) };
        if len < must_be_there {
            let lost = must_be_there - len;
            self.observer.emit(&Event::PartChanged { row: job.row, url: job.url.as_str(), kept: len, lost });
        }
        job.partial = resume::partial(&recorded.part, len);
        let row = job.row;
        let is_strong = job.partial.as_ref().is_some_and(|partial| partial.validator.is_strong());
        if !is_strong {
            job.tail = tail;
            if job.tail.is_none() && !job.expected.can_prove_joins() {
                job.partial = None;
            }
        }
        let part = match (&job.partial, proven, state) {
            (Some(_), Some(Reached { len, hasher, listed_digests }), Some(state)) => {
                job.listed_digests = listed_digests;
                Some(Box::new(VerifiedPart { len, hasher, state }))
            }
            _ => None,
        };
        let message = Message::PartVerified { row, part };
        self.sink.send(message).await.is_ok() && self.verified.send(assignment).is_ok()
    }

    /// The end of the verified bytes of a body, for a comparison with what its host sends; `None` if they are too few or are no
    /// longer there.
    fn read_tail(&mut self, row: RowId, len: u64) -> io::Result<Option<Tail>> {
        let Some(mut offset) = len.checked_sub(OVERLAP_BYTES) else { return Ok(None) };
        let Some(part) = self.store.read_unfinished(row)? else { return Ok(None) };
        let mut bytes = Vec::new();
        while offset < len {
            let wanted = usize::try_from(len - offset).map_or(READ_BYTES, |wanted| wanted.min(READ_BYTES));
            let count = part.read_at(&mut self.buffer[..wanted], offset)?;
            if count == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(&self.buffer[..count]);
            offset += count as u64;
        }
        Ok(Tail::of(&bytes))
    }

    /// Parks a row whose unfinished body cannot be read; the body and its record stay. Does nothing once the haul is over.
    async fn leave(&self, assignment: Assignment, error: &io::Error) {
        if self.is_over() {
            return;
        }
        let Assignment { job, not_before, .. } = assignment;
        // The pause that its host asked for still holds.
        let wait = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(clock::now()));
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let waiting = Waiting {
            attempts: job.attempts,
            until_unix_ms: self.clock.unix_ms().saturating_add(wait_ms),
            parked: true,
            fault: part_fault(&self.store.unfinished_place(job.row), error),
        };
        // The dispatcher notices that the sink has ended.
        let _ = self.sink.send(Message::Park { job, waiting }).await;
    }

    /// Does an operation and repeats it: for as long as only descriptors are missing, and a few times after any other error. Once
    /// that has been of no use for one part, the next ones have one attempt.
    async fn retry<T>(&mut self, mut operation: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let attempts_max = if self.is_in_trouble { 1 } else { ATTEMPTS_MAX };
        let mut attempts = 0;
        let result = loop {
            let error = match operation(self) {
                Ok(done) => break Ok(done),
                Err(error) => error,
            };
            let is_transient = transient_cause(&error).is_some();
            attempts += u32::from(!is_transient);
            if attempts == attempts_max {
                break Err(error);
            }
            let wait = &mut self.disk_wait;
            let waited = tokio::select! {
                biased;
                () = self.verified.closed() => break Err(io::ErrorKind::Interrupted.into()),
                waited = async { if is_transient { wait.wait(error).await } else { wait.sleep(error).await } } => waited,
            };
            if let Err(failure) = waited {
                break Err(failure.into());
            }
        };
        self.disk_wait.end();
        self.is_in_trouble = result.is_err();
        result
    }

    /// Whether nobody waits for results any more. Checked for each slice, because a large body takes minutes.
    fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.verified.is_closed()
    }
}

/// An unfinished body that is being read.
struct PartReading {
    assignment: Assignment,
    recorded: RecordedPart,
    /// The state of the body before it was read.
    state: Option<Metadata>,
    /// The checkpoints within its length, from the next one on.
    checkpoints: std::vec::IntoIter<Checkpoint>,
    next: Option<Checkpoint>,
    /// The length at the last checkpoint within the body.
    end: u64,
    read: Reached,
    /// The prefix at the last checkpoint that matched.
    proven: Option<Reached>,
}

/// A prefix and its digests.
#[derive(Clone)]
struct Reached {
    len: u64,
    hasher: blake3::Hasher,
    /// If the list gives any to compare with.
    listed_digests: Option<ListedDigests>,
}

impl PartReading {
    fn new(unverified_part: UnverifiedPart, state: Option<Metadata>) -> Self {
        let UnverifiedPart { assignment, recorded } = unverified_part;
        let len = state.map_or(0, |state| state.len);
        let checkpoints: Vec<Checkpoint> = recorded
            .checkpoints
            .iter()
            .copied()
            .filter(|checkpoint| (1..=len).contains(&checkpoint.len))
            .collect();
        let end = checkpoints.last().map_or(0, |checkpoint| checkpoint.len);
        let mut checkpoints = checkpoints.into_iter();
        let next = checkpoints.next();
        let listed_digests = ListedDigests::wanted(&assignment.job.expected);
        let read = Reached { len: 0, hasher: blake3::Hasher::new(), listed_digests };
        Self { assignment, recorded, state, checkpoints, next, end, read, proven: None }
    }

    fn bytes_left(&self) -> u64 {
        self.end - self.read.len
    }

    /// The length of the prefix that is verified.
    fn proven_len(&self) -> u64 {
        self.proven.as_ref().map_or(0, |proven| proven.len)
    }

    /// The bytes up to the next checkpoint.
    fn wanted(&self) -> Option<u64> {
        self.next.map(|next| next.len - self.read.len)
    }

    /// Takes the next bytes, none of them beyond the next checkpoint; false if the checkpoint does not match.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Self { read, .. } = self;
        read.hasher.update(bytes);
        if let Some(digests) = &mut read.listed_digests {
            digests.update(bytes);
        }
        read.len += bytes.len() as u64;
        if let Some(next) = self.next.filter(|next| next.len == read.len) {
            if checkpoint(&read.hasher, read.len) != next {
                return false;
            }
            self.proven = Some(read.clone());
            self.next = self.checkpoints.next();
        }
        true
    }
}
