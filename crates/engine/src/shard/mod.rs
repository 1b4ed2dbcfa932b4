//! The actor that runs exchanges: one thread, the hosts that belong to it, and their connections.
//!
//! A host belongs to exactly one shard, so its queue, its controller and its connections need no locks. The shard refuses
//! to touch the disk: everything durable goes to the sink.
//!
//! This file follows a job from top to bottom: accepted, started, finished, judged, and then tried again, failed or
//! parked. Each other file holds one kind of state:
//!
//! - `hosts`: the queues and the controllers;
//! - `host_groups`: which hosts share a controller here, and which have moved to another shard;
//! - `underway`: the exchanges in progress;
//! - `pending_timeouts`: silent failures that may be caused by our own network;
//! - `held_denials`: denials that may concern the pace;
//! - `judge`: what a failed attempt means for its job and its host;
//! - `closed`: hosts that are not asked again in this run.
//!
//! What becomes of a job leaves through the `outbox`.

mod closed;
mod held_denials;
mod host_groups;
mod hosts;
mod judge;
mod outbox;
mod pending_timeouts;
mod settings;
mod trace;
mod underway;

pub(crate) use settings::ShardSettings;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::clock;
use tokio::sync::mpsc::{self, error::SendError};
use tokio::time::Instant;

use crate::connectivity::monitor::ConnectivityMonitorHandle;
use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::haul::executor::sleep_until;
use crate::haul::stop::StopWatch;
use crate::pace::host_state_cache::HostStateCache;
use crate::pace::{Controller, Signal};
use crate::report::Event;
use crate::report::counters::Counters;
use crate::schedule::frontier::{HostId, Next, Sent};
use crate::schedule::host_routing::RouteChange;
use crate::schedule::job::{Assignment, Job};
use crate::schedule::router::{FromShard, ToShard};
use crate::sink::SinkGone;
use closed::Closed;
use hosts::Hosts;
use outbox::Outbox;
use pending_timeouts::{PendingTimeout, PendingTimeouts, Reviewed};
use settings::is_this_machine;
use underway::{Active, Finished, Underway};

/// How often the progress of exchanges and the age of idle connections are checked.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// The actor.
pub(crate) struct Shard {
    settings: ShardSettings,
    context: Rc<ExchangeContext>,
    hosts: Hosts,
    underway: Underway,
    pending_timeouts: PendingTimeouts,
    closed: Closed,
    outbox: Outbox,
    /// The dispatcher, for jobs whose host belongs to another shard, and for evidence of which hosts are limited together.
    to_dispatcher: mpsc::UnboundedSender<FromShard>,
    counters: Arc<Counters>,
    /// Resource shortages of this machine that were handled.
    shortages_seen: u64,
    random: fastrand::Rng,
    stop: StopWatch,
}

impl Shard {
    pub(crate) fn new(
        settings: ShardSettings,
        context: ExchangeContext,
        connectivity_monitor: ConnectivityMonitorHandle,
        to_dispatcher: mpsc::UnboundedSender<FromShard>,
        counters: Arc<Counters>,
        stop: StopWatch,
        host_state_cache: HostStateCache,
    ) -> Self {
        let (clock, observer) = (context.clock, Arc::clone(&context.observer));
        Self {
            random: fastrand::Rng::with_seed(settings.seed),
            hosts: Hosts::new(settings.clone(), host_state_cache, clock, observer),
            outbox: Outbox::new(context.sink.clone(), clock, Arc::clone(&counters)),
            settings,
            context: Rc::new(context),
            underway: Underway::default(),
            pending_timeouts: PendingTimeouts::new(connectivity_monitor),
            closed: Closed::default(),
            to_dispatcher,
            counters,
            shortages_seen: 0,
            stop,
        }
    }

    /// Runs until the inbox is closed and each of its jobs is settled, or the haul is stopped.
    pub(crate) async fn run(mut self, inbox: mpsc::UnboundedReceiver<ToShard>) -> Result<(), SinkGone> {
        let worked = self.work(inbox).await;
        // A stop cuts off what is in progress: its bytes have come all the same.
        self.counters.received(std::mem::take(&mut self.underway).bytes());
        worked?;
        self.remember().await
    }

    async fn work(&mut self, mut inbox: mpsc::UnboundedReceiver<ToShard>) -> Result<(), SinkGone> {
        let mut is_open = true;
        let mut watch_at = clock::now() + WATCH_EVERY;
        loop {
            for message in self.hosts.take_outgoing() {
                self.send(message)?;
            }
            let wake_at = self.start_ready();
            held_denials::settle(&mut self.hosts, &self.outbox).await?;
            let is_idle = self.underway.is_empty();
            if !is_open && is_idle && self.nothing_waits() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(()),
                () = self.context.sink.gone() => return Err(SinkGone),
                () = self.pending_timeouts.changed() => self.review().await?,
                Some(finished) = self.underway.next_finished(), if !is_idle => self.finish(finished).await?,
                message = inbox.recv(), if is_open => match message {
                    Some(message) => self.take(message).await?,
                    None => is_open = false,
                },
                () = tokio::time::sleep_until(watch_at), if !is_idle || self.context.client.has_idle() => {
                    self.watch_progress();
                    self.close_idle();
                    watch_at = clock::now() + WATCH_EVERY;
                }
                () = tokio::time::sleep_until(self.hosts.remember_at()), if !is_idle || wake_at.is_some() => {
                    self.remember().await?;
                }
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
    }

    fn nothing_waits(&self) -> bool {
        self.hosts.waiting() == 0 && self.pending_timeouts.is_empty() && self.hosts.held() == 0
    }

    async fn remember(&mut self) -> Result<(), SinkGone> {
        self.outbox.remember(self.hosts.remember()).await
    }

    /// A dispatcher that has gone needs no evidence, but the job of a reroute would be lost.
    fn send(&self, message: FromShard) -> Result<(), SinkGone> {
        match self.to_dispatcher.send(message) {
            Err(SendError(FromShard::Reroute(_))) => Err(SinkGone),
            _ => Ok(()),
        }
    }

    async fn take(&mut self, message: ToShard) -> Result<(), SinkGone> {
        match message {
            ToShard::Assign(assignment) => self.accept(assignment).await,
            ToShard::Route(change) => self.follow(&change).await,
            ToShard::Remember { host, memory } => {
                self.hosts.remember_from_elsewhere(host, memory);
                Ok(())
            }
        }
    }

    async fn accept(&mut self, Assignment { job, not_before, memory }: Assignment) -> Result<(), SinkGone> {
        if let Some(job) = self.closed.turn_away(job, &self.outbox).await? {
            let origin = job.target().origin().clone();
            self.hosts.push(&origin, job, not_before, memory.as_deref());
        }
        Ok(())
    }

    /// Starts what may start now; returns when to look again.
    fn start_ready(&mut self) -> Option<Instant> {
        let is_offline = self.pending_timeouts.is_offline();
        while self.underway.len() < self.settings.jobs_max {
            let client = &self.context.client;
            match self.hosts.next(is_offline, |origin| client.idle_connections(origin)) {
                Next::Start { host, sent, job } => self.start(host, sent, job),
                Next::WaitUntil(at) => return Some(at),
                Next::Idle => return None,
            }
        }
        None
    }

    fn start(&mut self, host: HostId, sent: Sent, mut job: Box<Job>) {
        job.attempts += 1;
        if job.started_unix_ms == 0 {
            job.started_unix_ms = self.context.clock.unix_ms();
        }
        self.counters.request();
        // The row of a witness is done already.
        if !job.is_witness {
            self.context.observer.emit(&Event::Started {
                row: job.row,
                url: job.target().as_str(),
                attempt: job.attempts,
            });
        }
        let span = trace::attempt_span(self.hosts.origin(host), &job);
        let tries = self.settings.retry_policy.tries;
        let may_repeat = !tries.are_spent(job.attempts, job.uncharged);
        self.underway.start(&self.context, host, sent, job, may_repeat, span);
    }

    /// Frees the slots of stalled exchanges, and takes those of exchanges that make progress again. Aborts the stalled
    /// exchanges that their controllers want repeated.
    fn watch_progress(&mut self) {
        let Self { underway, hosts, pending_timeouts, .. } = self;
        for active in underway.begun() {
            hosts.begun(active);
        }
        let stall_after = |host| hosts.controller(host).and_then(Controller::stall_after);
        for active in underway.check_progress(stall_after) {
            hosts.stall_changed(active);
            if active.is_stalled() && !hosts.origin(active.host).is_some_and(is_this_machine) {
                pending_timeouts.stalled(active);
            }
        }
        for active in underway.stalled() {
            if !active.is_decisive() && hosts.cuts_short(active) {
                active.cut_short();
            }
        }
        hosts.flush_evidence();
    }

    /// Closes the connections that have been idle for too long; all idle ones after a shortage of descriptors: a shard could
    /// not connect, or the sink could not write.
    fn close_idle(&mut self) {
        let shortages = self.counters.shortages() + self.context.sink.pauses();
        if std::mem::replace(&mut self.shortages_seen, shortages) == shortages {
            self.context.client.close_idle(clock::now());
        } else {
            self.context.client.close_all_idle();
        }
    }

    async fn finish(&mut self, Finished { mut active, mut job, ended }: Finished) -> Result<(), SinkGone> {
        self.counters.received(active.progress.bytes());
        if let Some((peer, at)) = active.progress.heard() {
            self.pending_timeouts.heard(peer, at);
        }
        let (host, latency) = (active.host, active.latency());
        let ended = ended?;
        let is_served = matches!(
            ended,
            Ended::Complete(..) | Ended::NoContent(_) | Ended::Redirected { .. } | Ended::Served
        );
        match ended {
            Ended::Served => {
                self.answered(&mut active, Signal::Success { latency });
                self.hosts.forget_if_idle(host);
            }
            Ended::Complete(piece, completion) => {
                self.answered(&mut active, Signal::Success { latency });
                self.hosts.served(host, &job);
                self.hosts.forget_if_idle(host);
                self.outbox.complete(job, piece, completion).await?;
            }
            Ended::NoContent(status) => {
                self.answered(&mut active, Signal::Success { latency });
                self.hosts.served(host, &job);
                self.hosts.forget_if_idle(host);
                self.outbox.no_content(job, status).await?;
            }
            Ended::Redirected { wait } => {
                self.answered(&mut active, Signal::Success { latency });
                // The next response is part of the same attempt.
                job.attempts -= 1;
                self.hosts.requeue(host, job, clock::now() + wait);
                self.hosts.forget_if_idle(host);
            }
            Ended::Failed(failure) if failure.is_silence() => {
                self.pending_timeouts.hold(active, job, failure);
            }
            Ended::Failed(failure) => self.judge(&mut active, job, failure, latency).await?,
        }
        held_denials::review(host, is_served, &mut self.hosts, &self.outbox).await
    }

    /// Hosts belong to other shards than before, or share a controller.
    async fn follow(&mut self, change: &RouteChange) -> Result<(), SinkGone> {
        if let RouteChange::Grouped { owner, hosts, .. } = change
            && *owner != self.settings.shard
        {
            for host in hosts.iter().filter(|host| self.closed.turns_away(host)) {
                self.hosts.settle(host);
            }
        }
        for host in self.hosts.follow(change) {
            held_denials::review(host, false, &mut self.hosts, &self.outbox).await?;
            self.hosts.forget_if_idle(host);
        }
        Ok(())
    }

    /// The connectivity monitor has decided: judges the failures that waited for that.
    async fn review(&mut self) -> Result<(), SinkGone> {
        let Some(Reviewed { is_clear, outage_ended, judged }) = self.pending_timeouts.review() else {
            return Ok(());
        };
        if is_clear {
            self.hosts.resume_suspended();
        }
        if outage_ended {
            // Our own address may have changed.
            self.context.client.close_all_idle();
        }
        for PendingTimeout { mut active, job, failure, latency, .. } in judged {
            self.judge(&mut active, job, failure, latency).await?;
            held_denials::review(active.host, false, &mut self.hosts, &self.outbox).await?;
        }
        Ok(())
    }

    fn answered(&mut self, active: &mut Active, signal: Signal) {
        self.hosts.answered(active, signal, self.random.f64());
        if let Some((origin, idle_max)) = self.hosts.idle_max(active.host) {
            self.context.client.trim_idle(origin, idle_max);
        }
    }
}
