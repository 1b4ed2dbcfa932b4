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
use longhaul_socket::{Endpoint, Host, is_public};
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
use crate::outage::Sky;
use crate::pace::{Limiter, Pace, Signal, Terms, Ticket, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC};
use crate::recollection::Recollections;
use crate::retry::{self, Attempt, Decision, Denial, HostFailing, Patience, Verdict, host_given_up};
use crate::sentinel::SentinelHandle;
use crate::sink::{Message, SinkGone};
use crate::stop::StopWatch;

/// How often exchanges under way are looked at for progress.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// What is remembered of hosts is kept up to date this often: a look at it from outside is about as old.
const REMEMBER_EVERY: Duration = Duration::from_secs(5);
/// A word of one host is worth a notice to the sentinel this often.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// Hosts of which it is remembered when they were last noticed; more only means a few notices more.
const NOTICED_MAX: usize = 1024;
/// An attempt during which the machine was suspended for longer than this may have failed of that.
const SUSPENSION_MIN: Duration = Duration::from_secs(1);
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
    pub(crate) terms: Terms,
    pub(crate) spacings: Vec<(Host, Duration)>,
    pub(crate) patience: Patience,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) timeouts: Timeouts,
    pub(crate) seed: u64,
}

impl ShardSettings {
    /// The pace that a host starts with: what is remembered of it, if anything is.
    fn pace_for(&self, origin: &Origin, recollections: &Recollections, now: Instant) -> Pace {
        let cap = self.jobs_per_host_max.unwrap_or_else(|| default_cap(origin));
        let own = self.spacings.iter().find(|(host, _)| host == origin.host());
        let terms = Terms { spacing: own.map_or(self.terms.spacing, |(_, spacing)| *spacing), ..self.terms };
        match recollections.of(origin, now) {
            Some(memory) => Pace::recalling(cap, terms, &memory, now),
            None => Pace::on(cap, terms),
        }
    }
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
    /// What failed without a word from its peer, until it is known whose fault that is.
    held: Vec<Held>,
    /// What was denied by hosts that had served well, until it is known whether that was for the URL or for the pace.
    denied: BTreeMap<HostId, Vec<(Box<Job>, Failure)>>,
    sentinel: SentinelHandle,
    /// When the sentinel was last told of a host.
    noticed: BTreeMap<Endpoint, Instant>,
    /// The end of the last outage that has been dealt with.
    outage_seen: Option<Instant>,
    /// Jobs whose redirect led to a host which may belong to another shard.
    movers: mpsc::UnboundedSender<Box<Job>>,
    counters: Arc<Counters>,
    random: fastrand::Rng,
    stop: StopWatch,
    recollections: Recollections,
    remembered_at: Option<Instant>,
    remember_at: Instant,
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

/// A failed attempt that waits for judgement.
struct Held {
    active: Active,
    job: Box<Job>,
    failure: Failure,
    latency: Duration,
    failed_at: Instant,
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
    suspended_before: Duration,
}

impl Shard {
    pub(crate) fn new(
        settings: ShardSettings,
        context: Context,
        sentinel: SentinelHandle,
        movers: mpsc::UnboundedSender<Box<Job>>,
        counters: Arc<Counters>,
        stop: StopWatch,
        recollections: Recollections,
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
            held: Vec::new(),
            denied: BTreeMap::new(),
            sentinel,
            noticed: BTreeMap::new(),
            outage_seen: None,
            movers,
            counters,
            stop,
            recollections,
            remembered_at: None,
            remember_at: clock::now() + REMEMBER_EVERY,
        }
    }

    /// Works until the inbox is closed and everything in it is settled, or the haul is stopped.
    pub(crate) async fn run(mut self, inbox: mpsc::UnboundedReceiver<Assignment>) -> Result<(), SinkGone> {
        self.work(inbox).await?;
        self.remember().await
    }

    async fn work(&mut self, mut inbox: mpsc::UnboundedReceiver<Assignment>) -> Result<(), SinkGone> {
        let mut is_open = true;
        let mut watch_at = clock::now() + WATCH_EVERY;
        loop {
            let wake_at = self.start_ready();
            let is_idle = self.active.is_empty();
            if !is_open
                && is_idle
                && self.frontier.waiting() == 0
                && self.held.is_empty()
                && self.denied.is_empty()
            {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(()),
                () = self.context.sink.gone() => return Err(SinkGone),
                () = self.sentinel.changed() => self.look_up().await?,
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
                () = tokio::time::sleep_until(self.remember_at), if !is_idle || wake_at.is_some() => {
                    self.remember().await?;
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
        self.push(&origin, job, not_before);
        Ok(())
    }

    /// Notes what hosts had shown that have no job here any more.
    fn note_forgotten(&mut self, now: Instant) {
        let now_unix_ms = self.context.clock.unix_ms();
        for (origin, pace) in self.frontier.take_forgotten() {
            self.recollections.note(&origin, &pace, 0, now, now_unix_ms);
        }
    }

    /// Has what is worth it remembered of the hosts that are known now.
    async fn remember(&mut self) -> Result<(), SinkGone> {
        let (now, now_unix_ms) = (clock::now(), self.context.clock.unix_ms());
        self.note_forgotten(now);
        self.remembered_at = Some(now);
        self.remember_at = now + REMEMBER_EVERY;
        for (origin, pace, waiting) in self.frontier.hosts() {
            self.recollections.note(origin, pace, waiting, now, now_unix_ms);
        }
        let notes = self.recollections.take_notes();
        if notes.is_empty() { Ok(()) } else { self.context.sink.send(Message::Hosts(notes)).await }
    }

    /// Starts what may start now; returns when to look again.
    fn start_ready(&mut self) -> Option<Instant> {
        let is_offline = self.sentinel.is_listening() && self.sentinel.outlook().sky == Sky::Down;
        while self.active.len() < self.settings.jobs_max {
            // What is on this machine is there although the network is not.
            match self.frontier.next_where(clock::now(), |origin| !is_offline || is_this_machine(origin)) {
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
                suspended_before: clock::suspended(),
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
        let heard = active.progress.heard();
        if let Some((endpoint, at)) = heard {
            self.notice(endpoint, at);
        }
        // Where no head has come it would have taken at least as long as this.
        let latency = active.progress.latency().unwrap_or_else(|| active.begun_at.elapsed());
        let host = active.host;
        let ended = ended?;
        let is_served = matches!(ended, Ended::Complete(..) | Ended::Moved);
        match ended {
            Ended::Complete(piece, completion) => {
                self.answered(&active, Signal::Success { latency });
                self.frontier.forget_if_idle(active.host);
                self.context.sink.send(Message::Complete { job, piece, completion }).await?;
            }
            Ended::Moved => {
                self.answered(&active, Signal::Success { latency });
                self.frontier.forget_if_idle(active.host);
                // The next host's answer is part of the same attempt.
                job.attempts -= 1;
                self.movers.send(job).map_err(|_| SinkGone)?;
            }
            Ended::Failed(failure) if failure.is_silence() => {
                let failed_at = clock::now();
                let since = heard.map_or(active.progress_at, |(_, at)| at.max(active.progress_at));
                self.sentinel.silent(failure.endpoint, since, failure.says_network_is_down());
                self.held.push(Held { active, job, failure, latency, failed_at });
            }
            Ended::Failed(failure) => self.failed(&active, job, failure, latency).await?,
        }
        self.settle_denied(host, is_served).await
    }

    /// Denials of the host are judged as soon as it has served another request, or denies them all, or has none left.
    async fn settle_denied(&mut self, host: HostId, is_served: bool) -> Result<(), SinkGone> {
        if !self.denied.contains_key(&host) {
            return Ok(());
        }
        let is_storm = self.frontier.pace(host).is_some_and(Pace::is_denying);
        if !is_storm && !is_served && !self.frontier.is_idle(host) {
            return Ok(());
        }
        for (job, failure) in self.denied.remove(&host).unwrap_or_default() {
            if is_storm {
                self.try_again(host, job, &failure, clock::now(), false).await?;
            } else {
                self.fail(job, failure).await?;
            }
        }
        self.frontier.forget_if_idle(host);
        Ok(())
    }

    /// Tells the sentinel that somebody was heard, if that is news.
    fn notice(&mut self, endpoint: Endpoint, at: Instant) {
        if endpoint.ip().is_loopback() {
            return;
        }
        let earlier = self.noticed.get(&endpoint);
        let is_known = earlier.is_some_and(|&earlier| at.saturating_duration_since(earlier) < NOTICE_EVERY);
        if is_known && !self.sentinel.is_listening() {
            return;
        }
        if self.noticed.len() >= NOTICED_MAX {
            self.noticed.clear();
        }
        self.noticed.insert(endpoint, at);
        self.sentinel.heard(endpoint, at);
    }

    /// The sentinel has something to say: judges what can be judged now.
    async fn look_up(&mut self) -> Result<(), SinkGone> {
        let outlook = self.sentinel.outlook();
        if outlook.sky == Sky::InDoubt {
            return Ok(());
        }
        if outlook.sky == Sky::Clear {
            self.frontier.thaw();
        }
        if outlook.last_outage_end > self.outage_seen {
            self.outage_seen = outlook.last_outage_end;
            // They lead from an address that may not be ours any more.
            self.context.client.close_all_idle();
        }
        let is_judged =
            |held: &mut Held| outlook.sky == Sky::Down || held.failed_at <= outlook.judged_through;
        let judged: Vec<Held> = self.held.extract_if(.., is_judged).collect();
        for Held { active, job, failure, latency, .. } in judged {
            self.failed(&active, job, failure, latency).await?;
            self.settle_denied(active.host, false).await?;
        }
        Ok(())
    }

    /// Whose trouble a failed attempt was. What our own machine may have caused is charged to nobody.
    fn verdict(&self, active: &Active, failure: &Failure) -> Verdict {
        let verdict =
            Verdict::of(failure.class, failure.status, failure.name_missing, &self.settings.retry_statuses);
        if verdict != Verdict::Transient {
            return verdict;
        }
        let outlook = self.sentinel.outlook();
        // While nothing could be written, bodies were not read, and the host may have lost patience.
        let was_paused = self.context.sink.pauses() != active.pauses_before;
        let was_suspended = clock::suspended().saturating_sub(active.suspended_before) > SUSPENSION_MIN;
        let is_offline = outlook.sky == Sky::Down && failure.is_silence();
        let was_offline = outlook.last_outage_end.is_some_and(|end| active.begun_at <= end);
        if was_paused || was_suspended || is_offline || was_offline { Verdict::Local } else { verdict }
    }

    async fn failed(
        &mut self,
        active: &Active,
        mut job: Box<Job>,
        failure: Failure,
        latency: Duration,
    ) -> Result<(), SinkGone> {
        let verdict = self.verdict(active, &failure);
        let retry_after = failure.retry_after.map(|wait| wait.min(retry::RETRY_AFTER_MAX));
        let signal = verdict.signal(failure.class, failure.status, latency, retry_after);
        self.answered(active, signal);
        let now = clock::now();
        let pace = self.frontier.pace(active.host);
        let host_failing = pace.and_then(|pace| host_failing(pace, now));
        let denial = if matches!(signal, Signal::Denied { .. }) { denial(pace) } else { Denial::None };
        let attempt = Attempt {
            verdict,
            attempts: job.attempts,
            alike: job.note_failure(failure.class),
            retry_after: failure.retry_after,
            host_failing,
            denial,
            made_progress: failure.made_progress,
        };
        match retry::decide(&attempt, self.settings.patience, now, self.random.f64()) {
            Decision::Again { at, charged } => self.try_again(active.host, job, &failure, at, charged).await,
            Decision::Doubt => {
                self.denied.entry(active.host).or_default().push((job, failure));
                Ok(())
            }
            Decision::Park { until } => self.park(active.host, job, failure, until - now).await,
            Decision::GiveUp => {
                if host_given_up(host_failing, self.settings.patience) {
                    self.give_up(active.host, &failure).await?;
                }
                self.frontier.forget_if_idle(active.host);
                self.fail(job, failure).await
            }
        }
    }

    async fn try_again(
        &mut self,
        host: HostId,
        mut job: Box<Job>,
        failure: &Failure,
        at: Instant,
        charged: bool,
    ) -> Result<(), SinkGone> {
        self.counters.retry();
        let wait = at.saturating_duration_since(clock::now());
        let waiting = self.waiting(&job, failure, wait, false);
        if !charged {
            job.attempts -= 1;
        }
        let (row, url) = (job.row, job.target().clone());
        self.push_back(host, job, at);
        self.context.sink.send(Message::Retry { row, url, waiting, wait }).await
    }

    fn push_back(&mut self, host: HostId, job: Box<Job>, at: Instant) {
        let Some(origin) = self.frontier.key(host).cloned() else { return };
        self.push(&origin, job, Some(at));
    }

    fn push(&mut self, origin: &Origin, job: Box<Job>, not_before: Option<Instant>) {
        let now = clock::now();
        self.note_forgotten(now);
        let Self { frontier, recollections, settings, .. } = self;
        frontier.push(origin, job, not_before, || settings.pace_for(origin, recollections, now));
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
            // The first pause is remembered at once, and none much later: the run may be killed.
            let due_at = self.remembered_at.map_or(now, |at| at + REMEMBER_EVERY);
            self.remember_at = self.remember_at.min(due_at);
            self.context.observer.tell(&Event::Paced {
                host: &origin.to_string(),
                window: pace.window(),
                limiter: pace.limiter(),
                rate: pace.rate(),
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
                if is_stalled && !self.frontier.key(active.host).is_some_and(is_this_machine) {
                    // Long before its deadline passes it may be found out whose silence this is.
                    let endpoint = active.progress.heard().map(|(endpoint, _)| endpoint);
                    self.sentinel.silent(endpoint, active.progress_at, false);
                }
            }
        }
        self.context.client.close_idle(now);
    }
}

fn is_this_machine(origin: &Origin) -> bool {
    match origin.host() {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
    }
}

/// Browsers' manners for strangers, more for machines of one's own.
fn default_cap(origin: &Origin) -> u32 {
    let is_private = is_this_machine(origin) || matches!(origin.host(), Host::Ip(ip) if !is_public(*ip));
    if is_private { WINDOW_CAP_PRIVATE } else { WINDOW_CAP_PUBLIC }
}

fn host_failing(pace: &Pace, now: Instant) -> Option<HostFailing> {
    let (failures, since) = pace.failing()?;
    Some(HostFailing { failures, lasted: now - since, served_well: pace.has_served_well() })
}

fn denial(pace: Option<&Pace>) -> Denial {
    match pace {
        Some(pace) if pace.is_denying() => Denial::Storm,
        Some(pace) if pace.has_served_well() => Denial::Doubtful,
        _ => Denial::None,
    }
}
