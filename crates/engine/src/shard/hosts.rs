//! The hosts of a shard: their queues, their controllers, and what is remembered of them.
//!
//! It refuses to know why a host responded as it did: it gets a [`Signal`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::{HttpUrl, Origin};
use longhaul_journal::RowId;
use longhaul_socket::clock::{self, WallClock};
use tokio::time::Instant;

use super::host_groups::HostGroups;
use super::outbox::Outbox;
use super::settings::{ShardSettings, is_this_machine};
use super::trace;
use super::underway::Active;
use crate::exchange::failure::Failure;
use crate::haul::PacePer;
use crate::pace::host_state_cache::{HostStateCache, HostStateUpdate};
use crate::pace::{Belief, Controller, Denial, FirstByte, Limiter, Memory, NameAnswer, SendRecord, Signal};
use crate::report::event::Event;
use crate::report::observer::Observer;
use crate::schedule::frontier::{Frontier, HostId, Next};
use crate::schedule::host_routing::RouteChange;
use crate::schedule::job::{Assignment, Job};
use crate::schedule::retry::HostFailing;
use crate::schedule::router::FromShard;
use crate::sink::SinkGone;

/// How often the records of hosts are updated: `status` shows records of about this age.
const REMEMBER_EVERY: Duration = Duration::from_secs(5);

/// Rows that may be requested again as witnesses: about one for each host; beyond that a host is judged by other rows.
const WITNESSES_MAX: usize = 1024;

pub(super) struct Hosts {
    settings: ShardSettings,
    frontier: Frontier<Origin, Box<Job>>,
    groups: HostGroups,
    /// Messages for the dispatcher.
    outgoing: Vec<FromShard>,
    host_state_cache: HostStateCache,
    remembered_at: Option<Instant>,
    remember_at: Instant,
    /// Rows that were served and that their controllers may request again, with their URLs.
    witnesses: BTreeMap<u64, HttpUrl>,
    clock: WallClock,
    observer: Arc<Observer>,
}

impl Hosts {
    pub(super) fn new(
        settings: ShardSettings,
        host_state_cache: HostStateCache,
        clock: WallClock,
        observer: Arc<Observer>,
    ) -> Self {
        let groups = HostGroups::new(settings.shard, settings.pace_per, Arc::clone(&settings.pace));
        Self {
            settings,
            groups,
            outgoing: Vec::new(),
            frontier: Frontier::new(),
            host_state_cache,
            remembered_at: None,
            remember_at: clock::now() + REMEMBER_EVERY,
            witnesses: BTreeMap::new(),
            clock,
            observer,
        }
    }

    /// Puts a job into its host's queue, to be started not before the given time. `memory` is what another shard knows of
    /// the host.
    pub(super) fn push(
        &mut self,
        origin: &Origin,
        job: Box<Job>,
        not_before: Option<Instant>,
        memory: Option<&Memory>,
    ) {
        let now = clock::now();
        self.note_forgotten(now);
        if self.groups.is_elsewhere(origin) {
            let host = self.frontier.find(origin);
            let memory = host.and_then(|host| self.controller(host)).map(|known| Box::new(known.memory(now)));
            self.outgoing.push(FromShard::Reroute(Assignment { job, not_before, memory }));
            if let Some(host) = host {
                self.frontier.forget_if_idle(host);
            }
            return;
        }
        let is_known = self.frontier.find(origin).is_some();
        let left = self.groups.take_remembered(origin);
        let memory = memory.or(left.as_deref());
        let Self { frontier, host_state_cache, settings, .. } = self;
        frontier.push(origin, job, not_before, || match memory {
            Some(memory) => {
                settings.pace.build(settings.limits_of(origin), std::slice::from_ref(memory), now)
            }
            None => settings.controller_for(origin, host_state_cache, now),
        });
        if !is_known {
            self.groups.welcome(&mut self.frontier, origin, memory.is_some(), now);
        }
    }

    /// Messages for the dispatcher since the last call.
    pub(super) fn take_outgoing(&mut self) -> Vec<FromShard> {
        self.outgoing.extend(self.groups.take_evidence().map(FromShard::Heard));
        std::mem::take(&mut self.outgoing)
    }

    /// Evidence that was collected is reported with the next messages.
    pub(super) fn flush_evidence(&mut self) {
        self.groups.flush_evidence();
    }

    /// Keeps what another shard knew of a host that belongs here now.
    pub(super) fn remember_from_elsewhere(&mut self, host: Origin, memory: Box<Memory>) {
        self.groups.remember(host, memory);
    }

    /// Puts a failed job back, to be tried again not before the given time.
    pub(super) async fn again(
        &mut self,
        host: HostId,
        mut job: Box<Job>,
        failure: &Failure,
        at: Instant,
        charged: bool,
        outbox: &Outbox,
    ) -> Result<(), SinkGone> {
        outbox.again(&job, failure, at.saturating_duration_since(clock::now())).await?;
        if !charged {
            job.attempts -= 1;
        }
        job.leave_old_redirect(at);
        self.requeue(host, job, at);
        Ok(())
    }

    /// Gives a job to the host of its target, ahead of the jobs that have not begun. A redirect within a host takes this way, too:
    /// each request is one that the controller permits.
    pub(super) fn requeue(&mut self, host: HostId, job: Box<Job>, at: Instant) {
        let origin = job.target().origin().clone();
        if self.origin(host) == Some(&origin) {
            self.push(&origin, job, Some(at), None);
        } else {
            self.outgoing.push(FromShard::Reroute(Assignment { job, not_before: Some(at), memory: None }));
        }
    }

    /// What to start now. While the network is down, only hosts on this machine are asked.
    /// `connections_idle` counts the idle connections to a host.
    pub(super) fn next(
        &mut self,
        is_offline: bool,
        connections_idle: impl Fn(&Origin) -> usize,
    ) -> Next<Box<Job>> {
        let may_ask = |origin: &Origin| !is_offline || is_this_machine(origin);
        let witnesses = &self.witnesses;
        let witness = |row| Some(Box::new(Job::witness(RowId(row), witnesses.get(&row)?.clone())));
        self.frontier.next_where(clock::now(), may_ask, connections_idle, witness)
    }

    /// A row of the host was served: its controller may request it again, unless the host redirected it.
    pub(super) fn served(&mut self, host: HostId, job: &Job) {
        if job.redirected.is_some() {
            return;
        }
        if self.frontier.offer_witness(host, job.row.0) {
            if self.witnesses.len() >= WITNESSES_MAX {
                self.witnesses.pop_first();
            }
            self.witnesses.insert(job.row.0, job.url.clone());
        }
    }

    /// Holds a job that the host denied.
    pub(super) fn hold(&mut self, host: HostId, job: Box<Job>) {
        self.frontier.hold(host, job);
    }

    /// Takes every job of the host that is held.
    #[expect(clippy::vec_box, reason = "jobs are boxed wherever they go")]
    pub(super) fn take_held(&mut self, host: HostId) -> Vec<Box<Job>> {
        self.frontier.take_held(host)
    }

    /// Takes the held jobs that their controllers have settled.
    pub(super) fn take_settled(&mut self) -> Vec<(HostId, Box<Job>)> {
        self.frontier.take_settled()
    }

    /// Jobs that are held.
    pub(super) fn held(&self) -> usize {
        self.frontier.held()
    }

    /// The network is up again.
    pub(super) fn resume_suspended(&mut self) {
        self.frontier.resume_suspended();
    }

    /// Tells the controller that the response to an exchange has begun.
    pub(super) fn begun(&mut self, active: &Active) {
        if let Some((_, at)) = active.progress.heard() {
            let is_new_connection = active.progress.is_new_connection();
            let (status, body_bytes) = (active.progress.status(), active.progress.bytes());
            self.frontier.first_byte(active.sent, FirstByte { at, is_new_connection, status, body_bytes });
        }
    }

    /// How many idle connections the host's controller allows, if it limits them.
    pub(super) fn idle_max(&self, host: HostId) -> Option<(&Origin, usize)> {
        let controller = self.controller(host)?;
        let idle_max = controller.connections_max()?.saturating_sub(controller.in_flight());
        Some((self.origin(host)?, idle_max as usize))
    }

    /// Tells the controller how an exchange ended, and emits an event if its limiter or its pause changed.
    pub(super) fn answered(&mut self, active: &mut Active, signal: Signal, jitter: f64) {
        let _span = trace::host_span(self.origin(active.host)).entered();
        let before = self.belief(active.host);
        let now = clock::now();
        if active.first_byte_is_new() {
            self.begun(active);
        }
        if let Some(announcement) = active.progress.announced() {
            self.frontier.announced(active.sent, announcement);
        }
        self.frontier.ended(active.host, active.sent, signal, active.is_stalled(), now, jitter);
        let (Some(origin), Some(belief)) = (self.origin(active.host), self.belief(active.host)) else {
            return;
        };
        trace::pace_decision(active, signal, before, belief, now);
        let Belief { limiter, window, rate, blocked_until } = belief;
        let was_limiting = before.is_some_and(|before| before.limiter.is_limiting());
        let before = before.map(|before| (before.limiter, before.blocked_until));
        if before != Some((limiter, blocked_until)) && (limiter != Limiter::Growing || was_limiting) {
            self.observer.emit(&Event::Paced {
                host: &origin.to_string(),
                window,
                limiter,
                rate,
                blocked: blocked_until.map(|until| until.saturating_duration_since(now)),
            });
            // The first change is recorded at once and no other much later: the run may be killed.
            let due_at = self.remembered_at.map_or(now, |at| at + REMEMBER_EVERY);
            self.remember_at = self.remember_at.min(due_at);
        }
        self.report_evidence(active, signal, now);
    }

    /// Reports the response as evidence of which hosts are limited together.
    fn report_evidence(&mut self, active: &Active, signal: Signal, now: Instant) {
        let host_endpoint = active.progress.heard().and_then(|(peer, _)| peer.host_endpoint());
        // Behind a proxy nobody can tell which hosts share an address.
        let (Some(from), Some(controller)) = (host_endpoint, self.controller(active.host)) else { return };
        let is_refused = match signal {
            Signal::Throttle { .. } => true,
            Signal::Denied { .. } => controller.denial(active.sent.record(), false) == Denial::OfPace,
            _ => false,
        };
        if !controller.learns() && self.settings.pace_per == PacePer::Host {
            return;
        }
        let is_limited = controller.belief().is_limited();
        let answer = NameAnswer { sent_at: active.begun_at, is_refused, is_limited };
        if let Some(origin) = self.frontier.key(active.host) {
            self.groups.heard(origin, from, answer, now);
        }
    }

    /// Follows a change of the map of hosts. Returns the hosts that have left for other shards.
    pub(super) fn follow(&mut self, change: &RouteChange) -> Vec<HostId> {
        let hosts = self.groups.apply(change, &mut self.frontier, clock::now());
        for &host in &hosts {
            self.move_out(host);
        }
        hosts
    }

    fn move_out(&mut self, host: HostId) {
        let now = clock::now();
        let mut memory = self.controller(host).map(|known| Box::new(known.memory(now)));
        for (not_before, job) in self.frontier.take(host) {
            self.outgoing.push(FromShard::Reroute(Assignment { job, not_before, memory: memory.take() }));
        }
        if let (Some(memory), Some(origin)) = (memory, self.origin(host)) {
            self.outgoing.push(FromShard::Left { host: origin.clone(), memory });
        }
    }

    /// A storm of denials outlasted the user's patience: each is charged to its URL from now on.
    pub(super) fn charge_denials_to_urls(&mut self, host: HostId) {
        let now = clock::now();
        self.frontier.correct(host, |controller| controller.charge_denials_to_urls(now));
    }

    /// Whether the host belongs to another shard.
    pub(super) fn is_elsewhere(&self, host: HostId) -> bool {
        self.origin(host).is_some_and(|origin| self.groups.is_elsewhere(origin))
    }

    /// This shard turns away the jobs of this host from now on, so they must be sent here.
    pub(super) fn settle(&mut self, origin: &Origin) {
        self.observer.emit(&Event::HostIdle { host: &origin.to_string() });
        self.outgoing.push(FromShard::Settled { host: origin.clone(), shard: self.settings.shard });
    }

    /// An exchange has stalled and frees its slot, or makes progress again and takes it back.
    pub(super) fn stall_changed(&mut self, active: &Active) {
        self.frontier.set_stalled(active.host, active.sent, active.is_stalled(), clock::now());
    }

    /// Whether to abort and repeat a stalled exchange.
    pub(super) fn cuts_short(&mut self, active: &Active) -> bool {
        self.frontier.cuts_short(active.sent, active.silent_for())
    }

    /// Takes every job that waits for the host.
    pub(super) fn drain(&mut self, host: HostId) -> impl Iterator<Item = Box<Job>> + use<> {
        self.frontier.drain(host).into_iter()
    }

    pub(super) fn forget_if_idle(&mut self, host: HostId) {
        self.frontier.forget_if_idle(host);
    }

    pub(super) fn is_idle(&self, host: HostId) -> bool {
        self.frontier.is_idle(host)
    }

    /// Jobs that wait, for whatever reason.
    pub(super) fn waiting(&self) -> usize {
        self.frontier.waiting()
    }

    pub(super) fn origin(&self, host: HostId) -> Option<&Origin> {
        self.frontier.key(host)
    }

    pub(super) fn controller(&self, host: HostId) -> Option<&dyn Controller> {
        self.frontier.controller(host)
    }

    fn belief(&self, host: HostId) -> Option<Belief> {
        self.controller(host).map(Controller::belief)
    }

    /// The host's consecutive failures, if it fails.
    pub(super) fn failing(&self, host: HostId, signal: Signal, now: Instant) -> Option<HostFailing> {
        let controller = self.controller(host)?;
        // Hosts that share a controller fail each by itself; but a storm of denials concerns the controller.
        let is_own = self.frontier.sharing(host) > 1 && !matches!(signal, Signal::Denied { .. });
        let (failures, since) = if is_own { self.frontier.failing(host)? } else { controller.failing()? };
        Some(HostFailing { failures, lasted: now - since, served_well: controller.has_served_well() })
    }

    /// What a denial means, as far as the host's controller can tell. See [`Controller::denial`].
    pub(super) fn denial(&self, host: HostId, sent: SendRecord, served_since: bool) -> Denial {
        self.controller(host).map_or(Denial::OfUrl, |controller| controller.denial(sent, served_since))
    }

    /// When [`remember`](Self::remember) is due.
    pub(super) fn remember_at(&self) -> Instant {
        self.remember_at
    }

    /// Updates of the records of hosts since the last call.
    pub(super) fn remember(&mut self) -> Vec<HostStateUpdate> {
        let (now, now_unix_ms) = (clock::now(), self.clock.unix_ms());
        self.note_forgotten(now);
        self.remembered_at = Some(now);
        self.remember_at = now + REMEMBER_EVERY;
        for (origin, controller, waiting) in self.frontier.hosts() {
            let sharing = self.frontier.find(origin).map_or(1, |host| self.frontier.sharing(host));
            self.host_state_cache.note(origin, (controller, sharing), waiting, now, now_unix_ms);
        }
        self.host_state_cache.take_updates()
    }

    /// Notes what hosts had shown that have no job any more.
    fn note_forgotten(&mut self, now: Instant) {
        let now_unix_ms = self.clock.unix_ms();
        for (origin, controller, sharing) in self.frontier.take_forgotten() {
            if controller.belief().limiter.is_limiting() {
                self.observer.emit(&Event::HostIdle { host: &origin.to_string() });
            }
            self.host_state_cache.note(&origin, (&*controller, sharing), 0, now, now_unix_ms);
        }
    }
}
