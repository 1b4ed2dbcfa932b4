//! The thin shell around the pure cores: one thread, the hosts that belong to it, their connections.
//!
//! A host belongs to exactly one shard, so its queue, its pace and its connections need no locks. The shard takes jobs
//! from the dispatcher, asks the frontier what to start and when, runs the exchanges, and has `retry` decide what
//! becomes of what failed. It refuses to touch the disk: everything that is to last goes to the sink.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::{Origin, Timeouts};
use longhaul_journal::{Failed, FaultRecord, Waiting};
use longhaul_socket::clock;
use longhaul_socket::{Host, is_public};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::counters::Counters;
use crate::crew::sleep_until;
use crate::event::Event;
use crate::exchange::{Context, Ended, Progress, attempt};
use crate::failure::Failure;
use crate::frontier::{Frontier, HostId, Next};
use crate::job::Job;
use crate::pace::{Limiter, Pace, Signal, Ticket, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC};
use crate::retry::{self, Attempt, Decision, Tries, Verdict, host_given_up};
use crate::sink::{Message, SinkGone};
use crate::stop::StopWatch;

/// How often exchanges under way are looked at for progress.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// A body that brings fewer bytes than this from one look to the next makes no progress worth the name.
const PROGRESS_BYTES_MIN: u64 = 256;

/// A job for a shard, to be started not before the given time.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) job: Box<Job>,
    pub(crate) not_before: Option<Instant>,
}

/// What a shard may do.
#[derive(Debug, Clone)]
pub(crate) struct ShardSettings {
    pub(crate) jobs_max: usize,
    pub(crate) jobs_per_host_max: Option<u32>,
    pub(crate) tries: Tries,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) timeouts: Timeouts,
    pub(crate) seed: u64,
}

/// The actor.
pub(crate) struct Shard {
    settings: ShardSettings,
    context: Rc<Context>,
    frontier: Frontier<Origin, Box<Job>>,
    exchanges: JoinSet<Finished>,
    /// What is known of each exchange under way, by its slot.
    active: BTreeMap<u64, Active>,
    next_slot: u64,
    /// Hosts that are not asked again in this run.
    closed: BTreeMap<Origin, Closed>,
    /// Jobs whose redirect led to a host which may belong to another shard.
    movers: mpsc::UnboundedSender<Box<Job>>,
    counters: Arc<Counters>,
    random: fastrand::Rng,
    stop: StopWatch,
}

/// Why a host is not asked again in this run.
enum Closed {
    /// It failed for too long; this was its last failure.
    GivenUp(FaultRecord),
    /// It asked for a longer pause than a run waits.
    Parked { failure: Failure, until: Instant },
}

/// An exchange that is over.
struct Finished {
    slot: u64,
    job: Box<Job>,
    ended: Result<Ended, SinkGone>,
}

/// An exchange under way.
struct Active {
    host: HostId,
    ticket: Ticket,
    progress: Rc<Progress>,
    begun_at: Instant,
    seen_bytes: u64,
    progress_at: Instant,
    is_stalled: bool,
    pauses_before: u64,
}

impl Shard {
    pub(crate) fn new(
        settings: ShardSettings,
        context: Context,
        movers: mpsc::UnboundedSender<Box<Job>>,
        counters: Arc<Counters>,
        stop: StopWatch,
    ) -> Self {
        Self {
            random: fastrand::Rng::with_seed(settings.seed),
            settings,
            context: Rc::new(context),
            frontier: Frontier::new(),
            exchanges: JoinSet::new(),
            active: BTreeMap::new(),
            next_slot: 0,
            closed: BTreeMap::new(),
            movers,
            counters,
            stop,
        }
    }

    /// Works until the inbox is closed and everything in it is settled, or the haul is stopped.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Assignment>,
    ) -> Result<(), SinkGone> {
        let mut is_open = true;
        let mut watch_at = clock::now() + WATCH_EVERY;
        loop {
            let wake_at = self.start_ready();
            let is_idle = self.active.is_empty();
            if !is_open && is_idle && self.frontier.waiting() == 0 {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(()),
                () = self.context.sink.gone() => return Err(SinkGone),
                Some(finished) = self.exchanges.join_next(), if !is_idle => {
                    // An exchange that panicked took its job along: the run must not go on as if nothing had happened.
                    let finished = finished.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    self.finish(finished).await?;
                }
                assignment = inbox.recv(), if is_open => match assignment {
                    Some(assignment) => self.accept(assignment).await?,
                    None => is_open = false,
                },
                () = tokio::time::sleep_until(watch_at), if !is_idle => {
                    self.watch_progress();
                    watch_at = clock::now() + WATCH_EVERY;
                }
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
    }

    async fn accept(&mut self, Assignment { job, not_before }: Assignment) -> Result<(), SinkGone> {
        let origin = job.target().origin();
        match self.closed.get(origin) {
            Some(Closed::GivenUp(last)) => {
                let failure = Failure::of_host_given_up(last);
                return self.fail(job, failure).await;
            }
            Some(Closed::Parked { failure, until }) => {
                let waiting =
                    self.waiting(&job, failure, until.saturating_duration_since(clock::now()), true);
                return self.context.sink.send(Message::Park { job, waiting }).await;
            }
            None => {}
        }
        let origin = origin.clone();
        let cap = self.settings.jobs_per_host_max.unwrap_or_else(|| default_cap(&origin));
        self.frontier.push(&origin, job, not_before, || Pace::new(cap));
        Ok(())
    }

    /// Starts what may start now; returns when to look again.
    fn start_ready(&mut self) -> Option<Instant> {
        while self.active.len() < self.settings.jobs_max {
            match self.frontier.next(clock::now()) {
                Next::Start { host, ticket, job } => self.start(host, ticket, job),
                Next::WaitUntil(at) => return Some(at),
                Next::Idle => return None,
            }
        }
        None
    }

    fn start(&mut self, host: HostId, ticket: Ticket, mut job: Box<Job>) {
        job.attempts += 1;
        if job.started_unix_ms == 0 {
            job.started_unix_ms = self.context.clock.unix_ms();
        }
        self.counters.request();
        self.context.observer.tell(&Event::Started {
            row: job.row,
            url: job.target().as_str(),
            attempt: job.attempts,
        });
        let progress = Progress::new();
        let slot = self.next_slot;
        self.next_slot += 1;
        let now = clock::now();
        self.active.insert(
            slot,
            Active {
                host,
                ticket,
                progress: Rc::clone(&progress),
                begun_at: now,
                seen_bytes: 0,
                progress_at: now,
                is_stalled: false,
                pauses_before: self.context.sink.pauses(),
            },
        );
        let context = Rc::clone(&self.context);
        self.exchanges.spawn_local(async move {
            let ended = attempt(&context, &mut job, &progress).await;
            Finished { slot, job, ended }
        });
    }

    async fn finish(&mut self, Finished { slot, mut job, ended }: Finished) -> Result<(), SinkGone> {
        let Some(active) = self.active.remove(&slot) else { return Ok(()) };
        self.counters.received(active.progress.bytes());
        // Where no head has come it would have taken at least as long as this.
        let latency = active.progress.latency().unwrap_or_else(|| active.begun_at.elapsed());
        match ended? {
            Ended::Complete(piece, completion) => {
                self.answered(&active, Signal::Success { latency });
                self.frontier.forget_if_idle(active.host);
                self.context.sink.send(Message::Complete { job, piece, completion }).await
            }
            Ended::Moved => {
                self.answered(&active, Signal::Success { latency });
                self.frontier.forget_if_idle(active.host);
                // The next host's answer is part of the same attempt.
                job.attempts -= 1;
                self.movers.send(job).map_err(|_| SinkGone)
            }
            Ended::Failed(failure) => self.failed(&active, job, failure, latency).await,
        }
    }

    async fn failed(
        &mut self,
        active: &Active,
        mut job: Box<Job>,
        failure: Failure,
        latency: Duration,
    ) -> Result<(), SinkGone> {
        let mut verdict =
            Verdict::of(failure.class, failure.status, failure.name_missing, &self.settings.retry_statuses);
        if self.context.sink.pauses() != active.pauses_before && verdict == Verdict::Transient {
            // While nothing could be written, bodies were not read: that the host lost patience is our own doing.
            verdict = Verdict::Local;
        }
        let retry_after = failure.retry_after.map(|wait| wait.min(retry::RETRY_AFTER_MAX));
        self.answered(active, verdict.signal(failure.class, latency, retry_after));
        let now = clock::now();
        let failing = self.frontier.pace(active.host).and_then(Pace::failing);
        let host_failing = failing.map(|(failures, since)| (failures, now - since));
        let attempt = Attempt {
            verdict,
            attempts: job.attempts,
            alike: job.note_failure(failure.class),
            retry_after: failure.retry_after,
            host_failing,
            made_progress: failure.made_progress,
        };
        match retry::decide(&attempt, self.settings.tries, now, self.random.f64()) {
            Decision::Again { at, charged } => {
                self.counters.retry();
                let wait = at.saturating_duration_since(now);
                let waiting = self.waiting(&job, &failure, wait, false);
                if !charged {
                    job.attempts -= 1;
                }
                let (row, url) = (job.row, job.target().clone());
                self.push_back(active.host, job, at);
                self.context.sink.send(Message::Retry { row, url, waiting, wait }).await
            }
            Decision::Park { until } => self.park(active.host, job, failure, until - now).await,
            Decision::GiveUp => {
                if host_given_up(host_failing, self.settings.tries) {
                    self.give_up(active.host, &failure).await?;
                }
                self.frontier.forget_if_idle(active.host);
                self.fail(job, failure).await
            }
        }
    }

    fn push_back(&mut self, host: HostId, job: Box<Job>, at: Instant) {
        let Some(origin) = self.frontier.key(host).cloned() else { return };
        let cap = self.settings.jobs_per_host_max.unwrap_or_else(|| default_cap(&origin));
        self.frontier.push(&origin, job, Some(at), || Pace::new(cap));
    }

    /// The host asked for a longer pause than the run will wait: all its rows wait for a later run.
    async fn park(
        &mut self,
        host: HostId,
        job: Box<Job>,
        failure: Failure,
        wait: Duration,
    ) -> Result<(), SinkGone> {
        let origin = self.frontier.key(host).cloned();
        let mut jobs = self.frontier.drain(host);
        jobs.push(job);
        for job in jobs {
            let waiting = self.waiting(&job, &failure, wait, true);
            self.context.sink.send(Message::Park { job, waiting }).await?;
        }
        if let Some(origin) = origin {
            self.closed.insert(origin, Closed::Parked { failure, until: clock::now() + wait });
        }
        self.frontier.forget_if_idle(host);
        Ok(())
    }

    /// The host has failed for too long: its other rows are not tried any more in this run.
    async fn give_up(&mut self, host: HostId, failure: &Failure) -> Result<(), SinkGone> {
        let Some(origin) = self.frontier.key(host).cloned() else { return Ok(()) };
        for job in self.frontier.drain(host) {
            self.fail(job, Failure::of_host_given_up(&failure.record)).await?;
        }
        self.closed.insert(origin, Closed::GivenUp(failure.record.clone()));
        Ok(())
    }

    async fn fail(&mut self, job: Box<Job>, failure: Failure) -> Result<(), SinkGone> {
        let finished_unix_ms = self.context.clock.unix_ms();
        let failed = Failed {
            fault: failure.record,
            status: failure.status,
            attempts: job.attempts,
            started_unix_ms: if job.started_unix_ms == 0 { finished_unix_ms } else { job.started_unix_ms },
            finished_unix_ms,
        };
        self.context.sink.send(Message::Fail { job, failed }).await
    }

    fn waiting(&self, job: &Job, failure: &Failure, wait: Duration, parked: bool) -> Waiting {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Waiting {
            attempts: job.attempts,
            until_unix_ms: self.context.clock.unix_ms().saturating_add(wait_ms),
            parked,
            fault: failure.record.clone(),
        }
    }

    /// Tells the pace, and everyone if that changed it in kind.
    fn answered(&mut self, active: &Active, signal: Signal) {
        let before = self.frontier.pace(active.host).map(|pace| (pace.limiter(), pace.blocked_until()));
        let now = clock::now();
        let jitter = self.random.f64();
        self.frontier.answered(active.host, active.ticket, signal, active.is_stalled, now, jitter);
        let (Some(origin), Some(pace)) = (self.frontier.key(active.host), self.frontier.pace(active.host))
        else {
            return;
        };
        if before != Some((pace.limiter(), pace.blocked_until())) && pace.limiter() != Limiter::Growing {
            self.context.observer.tell(&Event::Paced {
                host: &origin.to_string(),
                window: pace.window(),
                limiter: pace.limiter(),
                blocked: pace.blocked_until().map(|until| until.saturating_duration_since(now)),
            });
        }
    }

    /// Takes the places of exchanges that make no progress, and gives them back to those that do again.
    fn watch_progress(&mut self) {
        let now = clock::now();
        for active in self.active.values_mut() {
            let bytes = active.progress.bytes();
            let has_progressed = bytes >= active.seen_bytes + PROGRESS_BYTES_MIN;
            if has_progressed || active.progress.is_held_up() {
                active.seen_bytes = bytes;
                active.progress_at = now;
            }
            let Some(stall_after) = self.frontier.pace(active.host).and_then(Pace::stall_after) else {
                continue;
            };
            let is_stalled = now - active.progress_at >= stall_after;
            if is_stalled != active.is_stalled {
                active.is_stalled = is_stalled;
                self.frontier.set_stalled(active.host, active.ticket, is_stalled);
            }
        }
        self.context.client.close_idle(now);
    }
}

/// Browsers' manners for strangers, more for machines of one's own.
fn default_cap(origin: &Origin) -> u32 {
    let is_private = match origin.host() {
        Host::Ip(ip) => !is_public(*ip),
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
    };
    if is_private { WINDOW_CAP_PRIVATE } else { WINDOW_CAP_PUBLIC }
}
