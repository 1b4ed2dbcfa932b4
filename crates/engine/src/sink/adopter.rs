//! Compares files that were there before their rows with what the list says of them. A file that is the content of its row becomes its
//! file without a request.
//!
//! It changes no file. A digest of the list decides; a size alone does so only if the user wants that. What contradicts the list is a
//! failure, whatever else the user wants to be skipped: a row that is skipped counts as a row that needs nothing.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_journal::storage::{File, RelativePath};
use longhaul_journal::{ContentFormat, Done, Failed, FaultRecord, Location, Verification};
use longhaul_socket::clock::WallClock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::store::{Store, file_content};
use super::{Message, Occupied, OccupiedPolicy, SinkGone, SinkHandle};
use crate::haul::executor::{self, Executor};
use crate::haul::run_context::RunContext;
use crate::haul::stop::StopWatch;
use crate::haul::{Stopper, parallel};
use crate::list::expectation::ExpectedContent;
use crate::list::listed_digests::{self, ListedDigests};
use crate::schedule::job::Job;

/// Rows that are taken from the dispatcher before their files are compared.
const WAITING_MAX: usize = 256;

/// The dispatcher's end. It starts the actor when the first row needs it: most hauls have none.
pub(crate) struct AdopterHandle {
    executor: Executor,
    cx: RunContext,
    sink: SinkHandle,
    policy: OccupiedPolicy,
    started: Option<Started>,
}

struct Started {
    candidates: mpsc::UnboundedSender<Box<Job>>,
    absent: mpsc::UnboundedReceiver<Box<Job>>,
    end: executor::Result<()>,
}

impl AdopterHandle {
    pub(crate) fn new(executor: Executor, cx: RunContext, sink: SinkHandle, policy: OccupiedPolicy) -> Self {
        Self { executor, cx, sink, policy, started: None }
    }

    /// Has the file that stands at the row's name compared; the row's outcome goes to the sink.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn judge(&mut self, job: Box<Job>) -> io::Result<()> {
        let started = match self.started.take() {
            Some(started) => started,
            None => self.start()?,
        };
        // Fails only once the haul is stopped.
        let _ = started.candidates.send(job);
        self.started = Some(started);
        Ok(())
    }

    /// The next row whose file has disappeared before it was compared. Cancel safe.
    pub(crate) async fn absent(&mut self) -> Box<Job> {
        let Some(Started { absent, end, .. }) = &mut self.started else { return pending().await };
        tokio::select! {
            biased;
            Some(job) = absent.recv() => job,
            // Passes on a panic. Otherwise the haul is stopped, and the dispatcher is about to notice.
            () = &mut *end => {
                *end = Box::pin(pending());
                pending().await
            }
        }
    }

    fn start(&self) -> io::Result<Started> {
        let (candidates, to_judge) = mpsc::unbounded_channel();
        let (send_absent, absent) = mpsc::unbounded_channel();
        let (cx, sink, policy) = (self.cx.clone(), self.sink.clone(), self.policy);
        let threads = match self.executor {
            // A simulation makes the same calls in the same order each time.
            Executor::CurrentThread => 1,
            Executor::Threads => parallel::readers(),
        };
        let make = move || {
            let RunContext { store, clock, stopper, .. } = cx;
            let stop = stopper.watch();
            let judge = Arc::new(Judge { store, clock, stopper, policy, is_over: AtomicBool::new(false) });
            let candidates = Candidates { judge, waiting: Arc::default(), readers: JoinSet::new(), threads };
            Adopter { candidates, stop, sink, to_judge, absent: send_absent }.run()
        };
        let end = self.executor.start("adopter", make)?;
        Ok(Started { candidates, absent, end })
    }
}

/// The actor.
struct Adopter {
    candidates: Candidates,
    stop: StopWatch,
    sink: SinkHandle,
    to_judge: mpsc::UnboundedReceiver<Box<Job>>,
    /// Rows whose file has disappeared, back to the dispatcher.
    absent: mpsc::UnboundedSender<Box<Job>>,
}

/// The rows whose files wait to be compared, and the threads that compare them. Each outcome is sent as soon as it is known: one file may
/// take as long as a thousand others.
struct Candidates {
    judge: Arc<Judge>,
    waiting: Arc<Mutex<VecDeque<Box<Job>>>>,
    readers: JoinSet<()>,
    /// 1 compares on the thread of the actor.
    threads: usize,
}

/// What a comparison needs.
struct Judge {
    store: Arc<dyn Store>,
    clock: WallClock,
    stopper: Stopper,
    policy: OccupiedPolicy,
    /// The sink has ended.
    is_over: AtomicBool,
}

type JudgedRow = (Box<Job>, Judged);

/// What a comparison has found out.
enum Judged {
    /// The file is the row's content.
    Adopted(Box<Done>),
    /// It is not, for this reason.
    Contradicted(String),
    /// Nothing on the list proves that it is.
    Undecided,
    /// Nothing stands at the name any more.
    Absent,
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The haul was stopped before the end of the file.
    Stopped,
}

impl Candidates {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Box<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts threads for the rows that wait; the results go to `judged`.
    fn start_readers(&mut self, judged: &mpsc::UnboundedSender<JudgedRow>) {
        let waiting = self.waiting().len();
        if self.threads <= 1 {
            read(&self.judge, &self.waiting, judged);
            return;
        }
        for _ in self.readers.len()..self.threads.min(self.readers.len() + waiting) {
            let (judge, waiting, judged) =
                (Arc::clone(&self.judge), Arc::clone(&self.waiting), judged.clone());
            self.readers.spawn_blocking(move || read(&judge, &waiting, &judged));
        }
    }

    fn is_idle(&self) -> bool {
        self.readers.is_empty() && self.waiting().is_empty()
    }
}

impl Drop for Candidates {
    fn drop(&mut self) {
        self.judge.is_over.store(true, Ordering::Relaxed);
    }
}

/// Compares the files of the rows that wait, until none does.
fn read(judge: &Judge, waiting: &Mutex<VecDeque<Box<Job>>>, judged: &mpsc::UnboundedSender<JudgedRow>) {
    let mut buffer = Vec::new();
    loop {
        // The lock is not held while a file is compared.
        let Some(job) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return };
        let result = judge.judge(&job.name, &job.expected, &mut buffer);
        // Fails only if the actor has ended.
        let _ = judged.send((job, result));
    }
}

impl Adopter {
    /// Works until the dispatcher has gone and everything is compared, or until the haul is stopped: then what is known by that time is
    /// sent to the sink, and the next run compares the rest.
    async fn run(mut self) {
        let (judged, mut results) = mpsc::unbounded_channel();
        let (mut jobs, mut is_ending) = (Vec::new(), false);
        loop {
            let has_room = !is_ending && self.candidates.waiting().len() < WAITING_MAX;
            tokio::select! {
                biased;
                () = self.stop.stopped(), if !is_ending => {
                    is_ending = true;
                    self.candidates.waiting().clear();
                }
                Some((job, judged)) = results.recv() => {
                    if self.settle(job, judged).await.is_err() {
                        return;
                    }
                }
                Some(read) = self.candidates.readers.join_next() => {
                    read.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                }
                count = self.to_judge.recv_many(&mut jobs, WAITING_MAX), if has_room => {
                    is_ending = count == 0;
                    self.candidates.waiting().extend(jobs.drain(..));
                }
                else => {}
            }
            self.candidates.start_readers(&judged);
            if is_ending && self.candidates.is_idle() && results.is_empty() {
                return;
            }
        }
    }

    async fn settle(&self, job: Box<Job>, judged: Judged) -> Result<(), SinkGone> {
        let message = match judged {
            Judged::Adopted(done) => Message::Adopt { job, done },
            Judged::Contradicted(what) => self.fail(job, |name| OccupiedPolicy::contradiction(name, &what)),
            Judged::Unreadable(error) => self.fail(job, |name| OccupiedPolicy::unreadable(name, &error)),
            Judged::Undecided => {
                match self
                    .candidates
                    .judge
                    .policy
                    .decide_compared(&job.name, &io::ErrorKind::AlreadyExists.into())
                {
                    Occupied::Skip { reason } => Message::Skip { job, reason },
                    Occupied::Fail { fault } => self.fail(job, |_| fault),
                }
            }
            Judged::Absent => {
                return self.absent.send(job).map_err(|_| SinkGone);
            }
            // The next run judges it.
            Judged::Stopped => return Ok(()),
        };
        self.sink.send(message).await
    }

    fn fail(&self, job: Box<Job>, fault: impl FnOnce(&str) -> FaultRecord) -> Message {
        let failed = Failed::without_attempt(fault(&job.name), self.candidates.judge.clock.unix_ms());
        Message::Fail { job, failed, keeps_part: true }
    }
}

impl Judge {
    fn is_stopped(&self) -> bool {
        self.stopper.is_stopped() || self.is_over.load(Ordering::Relaxed)
    }

    fn judge(&self, name: &str, expected: &ExpectedContent, buffer: &mut Vec<u8>) -> Judged {
        if self.is_stopped() {
            return Judged::Stopped;
        }
        let Ok(path) = name.parse() else { return Judged::Undecided };
        self.try_judge(&path, expected, buffer).unwrap_or_else(Judged::Unreadable)
    }

    fn try_judge(
        &self,
        path: &RelativePath,
        expected: &ExpectedContent,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Judged> {
        let Some(mut file) = self.store.open_occupant(path)? else {
            return Ok(if self.store.is_occupied(path) { Judged::Undecided } else { Judged::Absent });
        };
        let state = file.metadata()?;
        if let Some(other) = expected.wrong_size(state.len) {
            return Ok(Judged::Contradicted(other));
        }
        let mut digests = ListedDigests::wanted(expected);
        if digests.is_none() && !(self.policy.adopts_by_size && expected.size.is_some()) {
            return Ok(Judged::Undecided);
        }
        let mut blake3 = blake3::Hasher::new();
        let is_whole = file_content::read(&*file, state.len, buffer, |bytes| {
            blake3.update(bytes);
            if let Some(digests) = &mut digests {
                digests.update(bytes);
            }
            !self.is_stopped()
        })?;
        if self.is_stopped() {
            return Ok(Judged::Stopped);
        }
        // Whoever copied the file may have done so a moment ago.
        file.sync()?;
        if !is_whole || file.metadata()? != state {
            return Ok(Judged::Contradicted("it changed while it was read".to_owned()));
        }
        if !self.leads_to(path, &*file)? {
            return Ok(Judged::Contradicted("it was replaced while it was read".to_owned()));
        }
        if let Some(other) = listed_digests::mismatch(expected, state.len, digests.as_ref()) {
            return Ok(Judged::Contradicted(other));
        }
        let now_unix_ms = self.clock.unix_ms();
        Ok(Judged::Adopted(Box::new(Done {
            status: 0,
            size: state.len,
            blake3: blake3.finalize().into(),
            validator: None,
            verification: match digests.as_ref().and_then(ListedDigests::strongest) {
                Some(algorithm) => Verification::Digest(algorithm.to_string()),
                None => Verification::Length,
            },
            attempts: 0,
            started_unix_ms: now_unix_ms,
            finished_unix_ms: now_unix_ms,
            name: None,
            final_url: None,
            location: Location::File,
            format: ContentFormat::default(),
            redirect_statuses: Vec::new(),
            modified_unix_ms: Some(state.modified_unix_ms),
            is_adopted: true,
        })))
    }

    /// Whether the name still leads to the file that was read.
    fn leads_to(&self, path: &RelativePath, file: &dyn File) -> io::Result<bool> {
        let Some(named) = self.store.open_occupant(path)? else { return Ok(false) };
        Ok(named.identity()? == file.identity()?)
    }
}
