//! Reads again what an earlier run kept of bodies, before any of it is believed.
//!
//! A part file has lain where anybody can write, and a power failure may have taken some of it. It is good as far as the
//! marks that the log has of it are met. Reading takes as long as the disk takes, so it is done here, by an actor of its
//! own: one file at a time, in slices, the one with the least left to read first. No other row waits for it.
//!
//! It refuses to believe a length, and to take trouble with reading for an answer: a part that cannot be read stays as it
//! is, and its row is left for a later run.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_journal::storage::{Metadata, Storage};
use longhaul_journal::{Kept, Mark, RowId, Waiting};
use longhaul_socket::clock::{self, WallClock};
use tokio::sync::mpsc;

use crate::event::{Event, Observer};
use crate::expectation::Sha256;
use crate::resume;
use crate::shard::Assignment;
use crate::sink::{Message, Proven, SinkHandle, mark, part_fault, part_path, passing_trouble};
use crate::stop::StopWatch;
use crate::surroundings::Surroundings;

/// So much is read before anything else is looked at: some ten milliseconds of a good disk.
const SLICE_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// After trouble with reading, it is tried again this often.
const PAUSE: Duration = Duration::from_millis(500);
/// Trouble that lasts for so many attempts, four seconds, lasts. Where only descriptors are missing, they are waited for.
const ATTEMPTS_MAX: u32 = 8;

/// A row of which something has been kept.
#[derive(Debug)]
pub(crate) struct Suspect {
    pub(crate) assignment: Assignment,
    pub(crate) kept: Kept,
}

/// The actor.
pub(crate) struct Examiner {
    storage: Arc<dyn Storage>,
    observer: Arc<Observer>,
    clock: WallClock,
    sink: SinkHandle,
    stop: StopWatch,
    /// Whether what was handed to the system in the last run must still be there.
    same_boot: bool,
    suspects: mpsc::UnboundedReceiver<Suspect>,
    /// To the dispatcher.
    examined: mpsc::UnboundedSender<Assignment>,
    /// By the bytes that are left to read.
    under_way: BTreeMap<(u64, RowId), Examination>,
    buffer: Vec<u8>,
    /// The last file could not be read.
    is_in_trouble: bool,
}

impl Examiner {
    pub(crate) fn new(
        around: Surroundings,
        sink: SinkHandle,
        same_boot: bool,
        suspects: mpsc::UnboundedReceiver<Suspect>,
        examined: mpsc::UnboundedSender<Assignment>,
    ) -> Self {
        let Surroundings { storage, observer, clock, stopper } = around;
        Self {
            storage,
            observer,
            clock,
            sink,
            stop: stopper.watch(),
            same_boot,
            suspects,
            examined,
            under_way: BTreeMap::new(),
            buffer: vec![0; READ_BYTES],
            is_in_trouble: false,
        }
    }

    /// Works until the dispatcher has gone or the haul is stopped.
    pub(crate) async fn run(mut self) {
        while !self.is_over() {
            if self.under_way.is_empty() {
                let suspect = tokio::select! {
                    biased;
                    () = self.stop.stopped() => return,
                    suspect = self.suspects.recv() => suspect,
                };
                let Some(suspect) = suspect else { return };
                self.begin(suspect).await;
            }
            while let Ok(suspect) = self.suspects.try_recv() {
                self.begin(suspect).await;
            }
            let Some(((_, row), mut examination)) = self.under_way.pop_first() else { continue };
            match self.patiently(|examiner| examiner.read_on(&mut examination)).await {
                Ok(true) => {
                    self.under_way.insert((examination.bytes_left(), row), examination);
                }
                Ok(false) => {
                    if !self.conclude(examination).await {
                        return;
                    }
                }
                Err(error) => self.leave(examination.assignment, &error).await,
            }
            // On one thread with the others, this lets them work.
            tokio::task::yield_now().await;
        }
    }

    async fn begin(&mut self, suspect: Suspect) {
        let path = part_path(suspect.assignment.job.row);
        let found = match self.patiently(|examiner| examiner.storage.metadata(&path)).await {
            Ok(found) => found,
            Err(error) => return self.leave(suspect.assignment, &error).await,
        };
        let examination = Examination::new(suspect, found);
        let Assignment { job, .. } = &examination.assignment;
        let bytes = examination.bytes_left();
        if bytes > 0 {
            self.observer.tell(&Event::Examining { row: job.row, url: job.url.as_str(), bytes });
        }
        self.under_way.insert((bytes, job.row), examination);
    }

    /// Reads a slice; false when there is nothing more to be proven. After an error it may be called again.
    fn read_on(&mut self, examination: &mut Examination) -> io::Result<bool> {
        let path = part_path(examination.assignment.job.row);
        // Opened for each slice: however many are under way, they hold no descriptors.
        let file = match self.storage.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let mut budget = SLICE_BYTES;
        while budget > 0 {
            let Some(wanted) = examination.wanted() else { return Ok(false) };
            let wanted = usize::try_from(wanted).map_or(READ_BYTES, |wanted| wanted.min(READ_BYTES));
            let count = file.read_at(&mut self.buffer[..wanted], examination.read.len)?;
            budget = budget.saturating_sub(count as u64);
            if count == 0 || !examination.take(&self.buffer[..count]) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the row on its way with what is proven; false if nobody is left to take it.
    async fn conclude(&mut self, examination: Examination) -> bool {
        let Examination { mut assignment, kept, found, proven, .. } = examination;
        let job = &mut assignment.job;
        let len = proven.as_ref().map_or(0, |proven| proven.len);
        // A version that made no marks left nothing that could be proven, or be found to have changed.
        let marked = kept.marks.last().map_or(0, |mark| mark.len);
        let must_be_there = if self.same_boot { marked } else { kept.synced_len.min(marked) };
        if len < must_be_there {
            let lost = must_be_there - len;
            self.observer.tell(&Event::PartChanged { row: job.row, url: job.url.as_str(), kept: len, lost });
        }
        job.partial = resume::partial(&kept.part, len);
        let row = job.row;
        let proven = match (&job.partial, proven, found) {
            (Some(_), Some(Reached { len, hasher, sha256 }), Some(found)) => {
                job.sha256 = sha256;
                Some(Box::new(Proven { len, hasher, found }))
            }
            _ => None,
        };
        let message = Message::Examined { row, proven };
        self.sink.send(message).await.is_ok() && self.examined.send(assignment).is_ok()
    }

    /// The row's part cannot be read: it stays as it is, and so does what the log says of it. Unless the haul is over
    /// anyway.
    async fn leave(&self, assignment: Assignment, error: &io::Error) {
        if self.is_over() {
            return;
        }
        let Assignment { job, not_before, .. } = assignment;
        // What its host has asked for holds all the same.
        let wait = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(clock::now()));
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let waiting = Waiting {
            attempts: job.attempts,
            until_unix_ms: self.clock.unix_ms().saturating_add(wait_ms),
            parked: true,
            fault: part_fault(job.row, error),
        };
        // A sink that has gone is noticed by the dispatcher, which knows why.
        let _ = self.sink.send(Message::Park { job, waiting }).await;
    }

    /// Does it, and does it again: for as long as only descriptors are missing, and a few times after other trouble. Where
    /// that has lasted for one file it is not waited for with the next ones.
    async fn patiently<T>(&mut self, mut operation: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let attempts_max = if self.is_in_trouble { 1 } else { ATTEMPTS_MAX };
        let mut attempts = 0;
        let mut is_paused = false;
        let outcome = loop {
            let error = match operation(self) {
                Ok(done) => break Ok(done),
                Err(error) => error,
            };
            match passing_trouble(&error) {
                Some(reason) if !std::mem::replace(&mut is_paused, true) => self.observer.pause(reason),
                Some(_) => {}
                None => attempts += 1,
            }
            if attempts == attempts_max {
                break Err(error);
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => break Err(error),
                () = self.examined.closed() => break Err(error),
                () = tokio::time::sleep(PAUSE) => {}
            }
        };
        if is_paused {
            self.observer.resume();
        }
        self.is_in_trouble = outcome.is_err();
        outcome
    }

    /// Whether nobody waits for what is proven: looked at for each slice, since the first proof can take minutes.
    fn is_over(&self) -> bool {
        self.stop.is_stopped() || self.examined.is_closed()
    }
}

/// A part file that is being read.
struct Examination {
    assignment: Assignment,
    kept: Kept,
    /// The file as it was before it was read.
    found: Option<Metadata>,
    /// The marks that it is long enough for, from the next one on.
    marks: std::vec::IntoIter<Mark>,
    next: Option<Mark>,
    /// The last mark that can be met, in bytes.
    end: u64,
    read: Reached,
    /// The longest mark that was met.
    proven: Option<Reached>,
}

/// A length, and the digests up to there.
#[derive(Clone)]
struct Reached {
    len: u64,
    hasher: blake3::Hasher,
    /// Where the list expects one.
    sha256: Option<Sha256>,
}

impl Examination {
    fn new(suspect: Suspect, found: Option<Metadata>) -> Self {
        let Suspect { assignment, kept } = suspect;
        let len = found.map_or(0, |found| found.len);
        let marks: Vec<Mark> =
            kept.marks.iter().copied().filter(|mark| (1..=len).contains(&mark.len)).collect();
        let end = marks.last().map_or(0, |mark| mark.len);
        let mut marks = marks.into_iter();
        let next = marks.next();
        let sha256 = Sha256::wanted(&assignment.job.expected);
        let read = Reached { len: 0, hasher: blake3::Hasher::new(), sha256 };
        Self { assignment, kept, found, marks, next, end, read, proven: None }
    }

    fn bytes_left(&self) -> u64 {
        self.end - self.read.len
    }

    /// The bytes up to the next mark.
    fn wanted(&self) -> Option<u64> {
        self.next.map(|next| next.len - self.read.len)
    }

    /// Takes the next bytes, none of them beyond the next mark; false if that is not met.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Self { read, .. } = self;
        read.hasher.update(bytes);
        if let Some(sha256) = &mut read.sha256 {
            sha256.update(bytes);
        }
        read.len += bytes.len() as u64;
        if let Some(next) = self.next.filter(|next| next.len == read.len) {
            if mark(&read.hasher, read.len) != next {
                return false;
            }
            self.proven = Some(read.clone());
            self.next = self.marks.next();
        }
        true
    }
}
