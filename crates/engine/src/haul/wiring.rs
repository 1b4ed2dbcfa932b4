//! A haul: lists on one side, a directory of files on the other, and the actors between them.
//!
//! This is where the actors are wired. What each of them does stands in its own module; none of them knows another but
//! by the channel between them.

use std::sync::Arc;

use longhaul_http::redirect::RedirectPolicy;
use longhaul_http::{Client, ClientOptions, HttpUrl};
use longhaul_journal::storage::Storage;
use longhaul_journal::{
    Damage, HostRecord, Journal, LogWriter, Opened, Recovery, SpoolReader, SpoolWriter, read_hosts,
};
use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Connector, Host, Network, TlsOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tracing::{Instrument as _, info_span};

use crate::connectivity::monitor::{ConnectivityMonitor, ConnectivityMonitorHandle};
use crate::exchange::byte_rate::ByteRateLimit;
use crate::exchange::context::ExchangeContext;
use crate::exchange::range_refusals::RangeRefusals;
use crate::exchange::size_limit::SizeLimit;
use crate::haul::HaulError;
use crate::haul::Settings;
use crate::haul::builder::{Builder, MakeHostRouting, OpenStore, open_store};
use crate::haul::closing;
use crate::haul::executor::{self, Executor};
use crate::haul::machine;
use crate::haul::run_context::RunContext;
use crate::haul::stop::Stopper;
use crate::list::intake::{Intake, List, Published};
use crate::pace::host_state_cache::HostStateCache;
use crate::report::counters::Counters;
use crate::report::event::Event;
use crate::report::observer::{Callback, RunningObserver};
use crate::report::summary::{Counts, Report, unread_lists};
use crate::schedule::dispatch::{Channels, DispatchError, Dispatcher, Unfinished};
use crate::schedule::host_routing::ShardId;
use crate::schedule::job::Assignment;
use crate::schedule::retry::RetryPolicy;
use crate::schedule::router::{FromShard, Router, ToShard};
use crate::shard::{Shard, ShardSettings};
use crate::sink::part_verifier::{PartVerifier, UnverifiedPart};
use crate::sink::room::Room;
use crate::sink::{self, Committer, JournalHandles, OccupiedPolicy, SettledDoubts, SinkGone, SinkHandle};
use crate::verify::presence::PresenceCheck;

/// A haul that is ready to run. Running it again later, with the same directory, goes on where it ended.
pub struct Haul {
    pub(crate) storage: Arc<dyn Storage>,
    /// `None`: a file for each body.
    pub(crate) store: Option<OpenStore>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) tls: TlsOptions,
    pub(crate) lists: Vec<List>,
    pub(crate) settings: Settings,
    pub(crate) options: ClientOptions,
    pub(crate) host_routing: MakeHostRouting,
    pub(crate) callback: Callback,
    pub(crate) stopper: Stopper,
    pub(crate) start_unix_ms: Option<u64>,
    pub(crate) boot_id: Option<[u8; 16]>,
}

impl Haul {
    /// A haul into this directory, with default settings and no lists of its own. It resumes the lists of earlier runs.
    pub fn builder(directory: impl Into<std::path::PathBuf>) -> Builder {
        Builder::new(directory.into())
    }

    /// Tells the haul to stop, from any thread.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Runs to the end on threads of its own; returns when every row has its outcome, or is parked for a later run, or
    /// when the haul was stopped.
    pub fn run(self) -> Result<Report, HaulError> {
        executor::run_alone(|| self.run_in_span(Executor::Threads)).map_err(HaulError::Start)?
    }

    /// Runs to the end on this thread, within a runtime of tokio with time and, for the system's network, I/O enabled.
    /// Lists are read on this thread too, so they should not block. With a paused clock, a simulated network and a
    /// simulated storage the run takes no real time.
    pub async fn run_here(self) -> Result<Report, HaulError> {
        LocalSet::new().run_until(self.run_in_span(Executor::CurrentThread)).await
    }

    fn run_in_span(self, executor: Executor) -> impl Future<Output = Result<Report, HaulError>> {
        let Settings { shards, seed, .. } = self.settings;
        self.run_with(executor).instrument(info_span!("haul", shards, seed))
    }

    async fn run_with(mut self, executor: Executor) -> Result<Report, HaulError> {
        let callback = std::mem::replace(&mut self.callback, Box::new(|_| {}));
        // Dropped last, when every actor has ended: the run ends after its last event has been handed over.
        let observer =
            RunningObserver::start(executor, callback, self.stopper.clone()).map_err(HaulError::Start)?;
        let clock = self.start_unix_ms.map_or_else(WallClock::system, WallClock::starting_at);
        let boot_id = self.boot_id.unwrap_or_else(machine::boot_id);
        let has_own_store = self.store.is_some();
        let opened = Journal::open(Arc::clone(&self.storage), clock.unix_ms(), boot_id, &machine::holder())
            .map_err(HaulError::Journal)?;
        let Opened { lock, spool, rows, mut log, recovery } = opened;
        let cx = RunContext {
            storage: Arc::clone(&self.storage),
            store: open_store(self.store.take(), &self.storage)?,
            observer: observer.observer(),
            clock,
            stopper: self.stopper.clone(),
        };
        let (before, unfinished) = recover(&cx, &mut log, &rows, recovery)?;
        let parked = closing::report_opened(&cx, &rows, before, &unfinished.unreadable)?;

        let present = start_presence_check(executor, &cx, &rows, &unfinished, has_own_store)?;

        let room = measure_room(&cx, &unfinished, has_own_store);
        let hosts = read_hosts(&cx.storage);
        let (sink, inbox) = SinkHandle::new();
        let (settled_rows, heard) = mpsc::unbounded_channel();
        let occupied = OccupiedPolicy {
            no_clobber: self.settings.no_clobber,
            adopts_by_size: self.settings.adopt_by_size,
        };
        let suspect = self.settings.suspect;
        let committer = {
            let cx = cx.clone();
            let journal = JournalHandles::new(log, rows.clone(), &unfinished.parts, hosts.clone());
            let room = room.clone();
            executor
                .start("sink", move || {
                    Committer::new(cx, journal, inbox, settled_rows, occupied, suspect, room).run()
                })
                .map_err(HaulError::Start)?
        };
        let (published, intake) = self.start_intake(executor, &cx, spool, &rows, &unfinished)?;
        let counters = Arc::new(Counters::default());
        let (to_dispatcher, from_shards) = mpsc::unbounded_channel();
        let tls = tls_options(std::mem::take(&mut self.tls), &self.settings);
        let connector = Arc::new(Connector::new(Arc::clone(&self.network), tls));
        let (monitor_handle, watched) = self.start_connectivity_monitor(executor, &cx, &connector)?;
        let deps = ShardDeps {
            connector,
            sink: sink.clone(),
            connectivity_monitor: monitor_handle,
            to_dispatcher,
            counters,
        };
        let (shards, shard_ends) = self.start_shards(executor, &cx, &deps, &Arc::from(hosts), room)?;
        let router = {
            let routing = (self.host_routing)(shards.len());
            Router::new(routing, shards, Arc::clone(&cx.observer))
        };
        let counters = Arc::clone(&deps.counters);
        drop(deps);
        let (unverified, to_assign, verifying) = start_part_verifier(executor, &cx, &sink, &unfinished)?;
        let dispatched = {
            let channels = Channels {
                router,
                sink,
                settled_rows: heard,
                from_shards,
                unverified,
                verified: to_assign,
                published,
            };
            let (cx, rows) = (cx.clone(), rows.clone());
            let make = move || Dispatcher::new(cx, rows, unfinished, channels, occupied, executor).run();
            executor.start("dispatch", make).map_err(HaulError::Start)?.await
        };
        let stopped = self.stopper.is_stopped();
        if stopped {
            cx.observer.emit(&Event::Stopping);
        }
        for end in shard_ends {
            // A shard that lost the sink has nothing to add to what the sink will say.
            let _ = end.await;
        }
        watched.await;
        verifying.await;
        present.await;
        let (settled_counts, mut log) = committer.await.map_err(HaulError::of_disk)?;
        match dispatched {
            Err(DispatchError::Spool(error)) => return Err(HaulError::Disk(error)),
            Err(DispatchError::Start(error)) => return Err(HaulError::Start(error)),
            Err(DispatchError::Gone) | Ok(()) => {}
        }
        // An intake that waits for a silent pipe is left to itself: it writes nothing once the haul is stopped.
        if !stopped {
            intake.await.map_err(HaulError::from)?;
        }
        let report = closing::report(before, rows.published(), settled_counts, &counters, parked);
        let report = Report { stopped, unread_lists: unread_lists(&rows.sources()), ..report };
        let report = closing::of_the_lists_as_they_are(report, before, &self.storage, &rows, &mut log)?;
        let report = closing::with_suspects(report, suspect, &self.storage)?;
        drop(lock);
        Ok(report)
    }

    fn start_connectivity_monitor(
        &self,
        executor: Executor,
        cx: &RunContext,
        connector: &Arc<Connector>,
    ) -> Result<(ConnectivityMonitorHandle, executor::Result<()>), HaulError> {
        let canary = self.settings.canary.as_ref().map(HttpUrl::origin);
        // Behind a proxy our own network reaches as far as the proxy.
        let first_hop = canary.map(|origin| self.options.router.route(origin).first_hop().clone());
        let (network, connector) = (Arc::clone(&self.network), Arc::clone(connector));
        let observer = Arc::clone(&cx.observer);
        let (monitor, handle) = ConnectivityMonitor::new(network, connector, first_hop.as_ref(), observer);
        let watched = executor.start("connectivity", move || monitor.run()).map_err(HaulError::Start)?;
        Ok((handle, watched))
    }

    fn start_intake(
        &mut self,
        executor: Executor,
        cx: &RunContext,
        spool: SpoolWriter,
        rows: &SpoolReader,
        unfinished: &Unfinished,
    ) -> Result<(watch::Receiver<Published>, IntakeEnd), HaulError> {
        let (publish, published) = watch::channel(Published { rows: rows.published(), is_complete: false });
        let (cx, rows, lists) = (cx.clone(), rows.clone(), std::mem::take(&mut self.lists));
        let (states, forgotten) = (unfinished.states.clone(), unfinished.forgotten.clone());
        let end = executor
            .start("intake", move || Intake::new(cx, spool, rows, publish, states, forgotten).run(lists));
        Ok((published, end.map_err(HaulError::Start)?))
    }

    fn start_shards(
        &mut self,
        executor: Executor,
        cx: &RunContext,
        deps: &ShardDeps,
        hosts: &Arc<[HostRecord]>,
        room: Option<Arc<Room>>,
    ) -> Result<(Vec<mpsc::UnboundedSender<ToShard>>, Vec<ShardEnd>), HaulError> {
        let rate = self.settings.rate_limit.map(|rate| Arc::new(ByteRateLimit::new(rate)));
        let size_limit = SizeLimit::new(self.settings.file_bytes_max, room);
        let redirects =
            RedirectPolicy { allow_downgrade: self.settings.allow_downgrade, ..RedirectPolicy::default() };
        let (mut shards, mut ends) = (Vec::new(), Vec::new());
        for number in 0..self.settings.shards.max(1) {
            let (assign, assigned) = mpsc::unbounded_channel();
            shards.push(assign);
            let settings = shard_settings(&self.settings, number);
            let (options, limits) = (self.options.clone(), self.settings.limits);
            let (rate, expected_types) = (rate.clone(), self.settings.expected_types.clone());
            let size_limit = size_limit.clone();
            let head_timeouts = (self.settings.timeouts.head, self.settings.head_timeout_max);
            let (cx, deps, hosts) = (cx.clone(), deps.clone(), Arc::clone(hosts));
            let end = executor.start(&format!("shard-{number}"), move || {
                let ShardDeps { connector, sink, connectivity_monitor, to_dispatcher, counters } = deps;
                let client = Client::new(connector, limits, settings.timeouts, options);
                let RunContext { observer, clock, stopper, store, .. } = cx;
                let records_responses = store.records_responses();
                let context = ExchangeContext {
                    client,
                    redirects,
                    head_timeouts,
                    range_refusals: RangeRefusals::default(),
                    sink,
                    observer,
                    clock,
                    rate,
                    size_limit,
                    expected_types,
                    records_responses,
                };
                let host_state_cache = HostStateCache::of_records(&hosts, clock::now(), clock.unix_ms());
                Shard::new(
                    settings,
                    context,
                    connectivity_monitor,
                    to_dispatcher,
                    counters,
                    stopper.watch(),
                    host_state_cache,
                )
                .run(assigned)
            });
            ends.push(end.map_err(HaulError::Start)?);
        }
        Ok((shards, ends))
    }
}

/// What every shard works with.
#[derive(Clone)]
struct ShardDeps {
    connector: Arc<Connector>,
    sink: SinkHandle,
    connectivity_monitor: ConnectivityMonitorHandle,
    to_dispatcher: mpsc::UnboundedSender<FromShard>,
    counters: Arc<Counters>,
}

type UnverifiedParts = mpsc::UnboundedSender<UnverifiedPart>;
type IntakeEnd = executor::Result<Result<(), crate::list::intake::IntakeError>>;
type ShardEnd = executor::Result<Result<(), SinkGone>>;

/// Takes up what an earlier run left: tells of damage, settles what is in doubt. Returns the counts and what is to do.
fn recover(
    cx: &RunContext,
    log: &mut LogWriter,
    rows: &SpoolReader,
    recovery: Recovery,
) -> Result<(Counts, Unfinished), HaulError> {
    let Recovery { states, in_doubt, waiting, mut parts, forgotten, mut damage, torn, same_boot, .. } =
        recovery;
    if same_boot {
        // Without a loss of power, everything that a process has written is there.
        damage.extend(torn.iter().map(Damage::from));
    }
    for damage in &damage {
        cx.observer.emit(&Event::Damaged { description: &damage.to_string() });
    }
    let settled = sink::resolve_doubts(&*cx.store, log, rows, &in_doubt).map_err(HaulError::of_disk)?;
    for (row, _) in &in_doubt {
        parts.remove(row);
    }
    let SettledDoubts { done: settled, unreadable } = settled;
    let mut before = Counts::from(states.counts());
    before.done += settled.len() as u64;
    before.pending -= settled.len() as u64;
    Ok((before, Unfinished { states, settled, unreadable, waiting, parts, forgotten, same_boot }))
}

/// The room that files may take. A store of the user's may keep its bodies anywhere.
fn measure_room(cx: &RunContext, unfinished: &Unfinished, has_own_store: bool) -> Option<Arc<Room>> {
    let kept = unfinished.parts.keys().copied();
    if has_own_store { None } else { Room::measure(&cx.storage, &*cx.store, kept) }
}

/// Starts to look for the finished files of earlier runs, if there are any.
fn start_presence_check(
    executor: Executor,
    cx: &RunContext,
    rows: &SpoolReader,
    unfinished: &Unfinished,
    has_own_store: bool,
) -> Result<executor::Result<()>, HaulError> {
    let check = PresenceCheck::new(cx.clone(), rows.clone(), &unfinished.states);
    // A store of the user's keeps its bodies where only it can look.
    match check.filter(|_| !has_own_store) {
        Some(check) => executor.start("presence", move || check.run()).map_err(HaulError::Start),
        None => Ok(Box::pin(async {})),
    }
}

/// Starts the verifier of kept parts, if there are any. Returns the channel to it, the channel back, and its end.
fn start_part_verifier(
    executor: Executor,
    cx: &RunContext,
    sink: &SinkHandle,
    unfinished: &Unfinished,
) -> Result<(UnverifiedParts, mpsc::UnboundedReceiver<Assignment>, executor::Result<()>), HaulError> {
    let (unverified, to_verify) = mpsc::unbounded_channel();
    let (verified, to_assign) = mpsc::unbounded_channel();
    let end: executor::Result<()> = if unfinished.parts.is_empty() {
        // A thread that has nothing to do would cost descriptors. Its ends of the channels stay open all the same.
        Box::pin(async move { drop((to_verify, verified)) })
    } else {
        let (cx, sink, same_boot) = (cx.clone(), sink.clone(), unfinished.same_boot);
        executor
            .start("part_verifier", move || PartVerifier::new(cx, sink, same_boot, to_verify, verified).run())
            .map_err(HaulError::Start)?
    };
    Ok((unverified, to_assign, end))
}

fn shard_settings(settings: &Settings, number: usize) -> ShardSettings {
    let jobs_max = usize::try_from(settings.jobs_max).unwrap_or(usize::MAX).div_ceil(settings.shards.max(1));
    ShardSettings {
        jobs_max: jobs_max.max(1),
        jobs_per_host_max: settings.jobs_per_host_max,
        pace: Arc::clone(&settings.pace),
        spacing: settings.spacing,
        spacings: settings.spacings.clone(),
        retry_policy: RetryPolicy {
            tries: settings.tries,
            host: settings.host_patience,
            ready: settings.ready_patience,
        },
        retry_statuses: settings.retry_statuses.clone(),
        timeouts: settings.timeouts,
        seed: settings.seed.wrapping_add(number as u64),
        pace_per: settings.pace_per,
        shard: ShardId(number),
    }
}

fn tls_options(options: TlsOptions, settings: &Settings) -> TlsOptions {
    let hosts = settings.insecure_hosts.iter().filter_map(|host| host.parse::<Host>().ok());
    hosts.fold(options, TlsOptions::insecure_for)
}
