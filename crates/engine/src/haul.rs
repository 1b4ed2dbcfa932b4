//! A haul: lists on one side, a directory of files on the other, and the actors between them.
//!
//! This is where the actors are wired. What each of them does stands in its own module; none of them knows another but
//! by the channel between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use longhaul_http::redirect::Policy;
use longhaul_http::{Client, ClientOptions, HeaderMap, HttpUrl};
use longhaul_journal::storage::Storage;
use longhaul_journal::{
    HostRecord, Journal, LogWriter, Opened, Outcome, Recovery, SpoolReader, SpoolWriter, read_hosts,
};
use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Connector, Host, Network, TlsOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::addresses::Addresses;
use crate::builder::Builder;
use crate::class::Class;
use crate::counters::Counters;
use crate::crew::{self, Crew};
use crate::dispatch::{Channels, DispatchError, Dispatcher, Unfinished};
use crate::error::HaulError;
use crate::event::{Event, Observer};
use crate::examiner::{Examiner, Suspect};
use crate::exchange::Context;
use crate::intake::{Intake, List, Published};
use crate::machine;
use crate::rate::RateLimit;
use crate::recollection::Recollections;
use crate::report::{Counts, Report, unread_lists};
use crate::retry::Patience;
use crate::sentinel::{Sentinel, SentinelHandle};
use crate::settings::Settings;
use crate::shard::{Assignment, Others, Shard, ShardSettings};
use crate::sink::{self, Committer, Halt, Ledger, SinkGone, SinkHandle, Tally};
use crate::stop::Stopper;
use crate::surroundings::Surroundings;

/// A haul that is ready to run. Running it again later, with the same directory, goes on where it ended.
pub struct Haul {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) tls: TlsOptions,
    pub(crate) lists: Vec<List>,
    pub(crate) settings: Settings,
    pub(crate) options: ClientOptions,
    /// Fields that do not follow a redirect to another origin.
    pub(crate) confidential: HeaderMap,
    pub(crate) observer: Arc<Observer>,
    pub(crate) stopper: Stopper,
    pub(crate) start_unix_ms: Option<u64>,
    pub(crate) boot_id: Option<[u8; 16]>,
}

impl Haul {
    /// A haul into this directory, with default settings and without lists: those of earlier runs are gone on with.
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
        crew::run_alone(|| self.run_with(Crew::Threads)).map_err(HaulError::Start)?
    }

    /// Runs to the end on this thread, within a runtime of tokio with time and, for the system's network, I/O enabled.
    /// Lists are read on this thread too, so they should not block. With a paused clock, a simulated network and a
    /// simulated storage the run takes no real time.
    pub async fn run_here(self) -> Result<Report, HaulError> {
        LocalSet::new().run_until(self.run_with(Crew::Here)).await
    }

    async fn run_with(mut self, crew: Crew) -> Result<Report, HaulError> {
        let around = Surroundings {
            storage: Arc::clone(&self.storage),
            observer: Arc::clone(&self.observer),
            clock: self.start_unix_ms.map_or_else(WallClock::system, WallClock::starting_at),
            stopper: self.stopper.clone(),
        };
        let boot_id = self.boot_id.unwrap_or_else(machine::boot_id);
        let opened =
            Journal::open(Arc::clone(&self.storage), around.clock.unix_ms(), boot_id, &machine::holder())
                .map_err(HaulError::Journal)?;
        let Opened { lock, spool, rows, mut log, recovery } = opened;
        let (before, unfinished) = take_up(&around, &mut log, &rows, recovery)?;
        around.observer.tell(&Event::Opened { counts: before });

        let hosts = read_hosts(&around.storage);
        let (sink, inbox) = SinkHandle::new();
        let (verdicts, heard) = mpsc::unbounded_channel();
        let committer = {
            let (around, no_clobber) = (around.clone(), self.settings.no_clobber);
            let parts = unfinished.parts.iter().map(|(&row, kept)| (row, kept.part.resumable)).collect();
            let ledger = Ledger { log, rows: rows.clone(), parts, hosts: hosts.clone() };
            crew.start("sink", move || Committer::new(around, ledger, inbox, verdicts, no_clobber).run())
                .map_err(HaulError::Start)?
        };
        let (published, intake) = self.start_intake(crew, &around, spool, &rows)?;
        let counters = Arc::new(Counters::default());
        let (movers, moved) = mpsc::unbounded_channel();
        let tls = tls_options(std::mem::take(&mut self.tls), &self.settings);
        let connector = Arc::new(Connector::new(Arc::clone(&self.network), tls));
        let (sentinel, sentinel_handle) = {
            let (network, connector) = (Arc::clone(&self.network), Arc::clone(&connector));
            let canary = self.settings.canary.as_ref().map(HttpUrl::origin);
            Sentinel::new(network, connector, canary, Arc::clone(&around.observer))
        };
        let watched = crew.start("sentinel", move || sentinel.run()).map_err(HaulError::Start)?;
        let addresses = Arc::new(Addresses::new(self.settings.pace_per));
        let company = Company {
            connector,
            sink: sink.clone(),
            sentinel: sentinel_handle,
            addresses: Arc::clone(&addresses),
            movers,
            counters,
        };
        let (shards, shard_ends) = self.start_shards(crew, &around, &company, &Arc::from(hosts))?;
        let counters = Arc::clone(&company.counters);
        drop(company);
        let (suspects, to_assign, examining) = start_examiner(crew, &around, &sink, &unfinished)?;
        let dispatched = {
            let channels = Channels {
                shards,
                sink,
                verdicts: heard,
                movers: moved,
                addresses,
                suspects,
                examined: to_assign,
                published,
            };
            let (around, rows, no_clobber) = (around.clone(), rows.clone(), self.settings.no_clobber);
            crew.start("dispatch", move || {
                Dispatcher::new(around, rows, unfinished, channels, no_clobber).run()
            })
            .map_err(HaulError::Start)?
            .await
        };
        let stopped = self.stopper.is_stopped();
        if stopped {
            around.observer.tell(&Event::Stopping);
        }
        for end in shard_ends {
            // A shard that lost the sink has nothing to add to what the sink will say.
            let _ = end.await;
        }
        watched.await;
        examining.await;
        let tally = match committer.await {
            Ok(tally) | Err(Halt::Stopped(tally)) => tally,
            Err(Halt::Disk(error)) => return Err(HaulError::Disk(error)),
        };
        if let Err(DispatchError::Spool(error)) = dispatched {
            return Err(HaulError::Disk(error));
        }
        // An intake that waits for a silent pipe is left to itself: it writes nothing once the haul is stopped.
        if !stopped {
            intake.await.map_err(HaulError::from)?;
        }
        let mut report = report(before, rows.published(), tally, &counters);
        report.stopped = stopped;
        report.unread_lists = unread_lists(&rows.sources());
        if before.failed > 0 {
            report.failures = failures_by_class(self.storage)?;
        }
        drop(lock);
        Ok(report)
    }

    fn start_intake(
        &mut self,
        crew: Crew,
        around: &Surroundings,
        spool: SpoolWriter,
        rows: &SpoolReader,
    ) -> Result<(watch::Receiver<Published>, IntakeEnd), HaulError> {
        let (publish, published) = watch::channel(Published { rows: rows.published(), is_complete: false });
        let (around, rows, lists) = (around.clone(), rows.clone(), std::mem::take(&mut self.lists));
        let end = crew.start("intake", move || Intake::new(around, spool, rows, publish).run(lists));
        Ok((published, end.map_err(HaulError::Start)?))
    }

    fn start_shards(
        &mut self,
        crew: Crew,
        around: &Surroundings,
        company: &Company,
        hosts: &Arc<[HostRecord]>,
    ) -> Result<(Vec<mpsc::UnboundedSender<Assignment>>, Vec<ShardEnd>), HaulError> {
        let rate = self.settings.rate_limit.map(|rate| Arc::new(RateLimit::new(rate)));
        let redirects = Policy { allow_downgrade: self.settings.allow_downgrade, ..Policy::default() };
        let (mut shards, mut ends) = (Vec::new(), Vec::new());
        for number in 0..self.settings.shards.max(1) {
            let (assign, assigned) = mpsc::unbounded_channel();
            shards.push(assign);
            let settings = shard_settings(&self.settings, number);
            let (options, limits) = (self.options.clone(), self.settings.limits);
            let (rate, confidential) = (rate.clone(), self.confidential.clone());
            let (around, company, hosts) = (around.clone(), company.clone(), Arc::clone(hosts));
            let end = crew.start(&format!("shard-{number}"), move || {
                let Company { connector, sink, sentinel, addresses, movers, counters } = company;
                let client = Client::new(connector, limits, settings.timeouts, options);
                let Surroundings { observer, clock, stopper, .. } = around;
                let context = Context { client, redirects, sink, observer, clock, rate, confidential };
                let recollections = Recollections::of_records(&hosts, clock::now(), clock.unix_ms());
                let others = Others { addresses, movers };
                Shard::new(settings, context, sentinel, others, counters, stopper.watch(), recollections)
                    .run(assigned)
            });
            ends.push(end.map_err(HaulError::Start)?);
        }
        Ok((shards, ends))
    }
}

/// Whom every shard works with.
#[derive(Clone)]
struct Company {
    connector: Arc<Connector>,
    sink: SinkHandle,
    sentinel: SentinelHandle,
    addresses: Arc<Addresses>,
    movers: mpsc::UnboundedSender<Assignment>,
    counters: Arc<Counters>,
}

type Suspects = mpsc::UnboundedSender<Suspect>;
type IntakeEnd = crew::Result<Result<(), crate::intake::IntakeError>>;
type ShardEnd = crew::Result<Result<(), SinkGone>>;

/// Takes up what an earlier run left: tells of damage, settles what is in doubt. Returns the counts and what is to do.
fn take_up(
    around: &Surroundings,
    log: &mut LogWriter,
    rows: &SpoolReader,
    recovery: Recovery,
) -> Result<(Counts, Unfinished), HaulError> {
    let Recovery { states, in_doubt, waiting, mut parts, damage, same_boot, .. } = recovery;
    for damage in &damage {
        around.observer.tell(&Event::Damaged { description: &damage.to_string() });
    }
    let settled = sink::settle_doubts(&around.storage, log, rows, &in_doubt).map_err(HaulError::Disk)?;
    for (row, _) in &in_doubt {
        parts.remove(row);
    }
    let mut before = Counts::from(states.counts());
    before.done += settled.len() as u64;
    before.pending -= settled.len() as u64;
    Ok((before, Unfinished { states, settled, waiting, parts, same_boot }))
}

/// Starts who reads again what an earlier run has kept, if there is any. Returns whom to send it to, where it comes back,
/// and the end.
fn start_examiner(
    crew: Crew,
    around: &Surroundings,
    sink: &SinkHandle,
    unfinished: &Unfinished,
) -> Result<(Suspects, mpsc::UnboundedReceiver<Assignment>, crew::Result<()>), HaulError> {
    let (suspects, to_examine) = mpsc::unbounded_channel();
    let (examined, to_assign) = mpsc::unbounded_channel();
    let end: crew::Result<()> = if unfinished.parts.is_empty() {
        // A thread that has nothing to do would cost descriptors. Its ends of the channels stay open all the same.
        Box::pin(async move { drop((to_examine, examined)) })
    } else {
        let (around, sink, same_boot) = (around.clone(), sink.clone(), unfinished.same_boot);
        crew.start("examiner", move || Examiner::new(around, sink, same_boot, to_examine, examined).run())
            .map_err(HaulError::Start)?
    };
    Ok((suspects, to_assign, end))
}

fn shard_settings(settings: &Settings, number: usize) -> ShardSettings {
    let jobs_max = usize::try_from(settings.jobs_max).unwrap_or(usize::MAX).div_ceil(settings.shards.max(1));
    ShardSettings {
        jobs_max: jobs_max.max(1),
        jobs_per_host_max: settings.jobs_per_host_max,
        terms: settings.pace,
        spacings: settings.spacings.clone(),
        patience: Patience { tries: settings.tries, host: settings.host_patience },
        retry_statuses: settings.retry_statuses.clone(),
        timeouts: settings.timeouts,
        seed: settings.seed.wrapping_add(number as u64),
        pace_per: settings.pace_per,
        number,
    }
}

fn tls_options(options: TlsOptions, settings: &Settings) -> TlsOptions {
    let hosts = settings.insecure_hosts.iter().filter_map(|host| host.parse::<Host>().ok());
    hosts.fold(options, TlsOptions::insecure_for)
}

fn report(before: Counts, rows: u64, tally: Tally, counters: &Counters) -> Report {
    let Tally { done, skipped, failures, parked } = tally;
    let done = before.done + done;
    let skipped = before.skipped + skipped;
    let failed = before.failed + failures.values().sum::<u64>();
    Report {
        counts: Counts { done, failed, skipped, pending: rows.saturating_sub(done + skipped + failed) },
        failures,
        bytes_received: counters.bytes_received(),
        requests: counters.requests(),
        retries: counters.retries(),
        parked,
        stopped: false,
        unread_lists: Vec::new(),
    }
}

/// The failures of all runs, by class.
pub(crate) fn failures_by_class(storage: Arc<dyn Storage>) -> Result<BTreeMap<Class, u64>, HaulError> {
    let mut failures = BTreeMap::new();
    let journal = Journal::read(storage).map_err(HaulError::Journal)?;
    journal
        .for_each_outcome(|_, _, outcome| {
            let class = match outcome {
                Outcome::Failed(failed) => Class::of_record(&failed.fault),
                Outcome::Refused(_) | Outcome::Lost => Class::List,
                _ => return,
            };
            *failures.entry(class).or_default() += 1;
        })
        .map_err(HaulError::Journal)?;
    Ok(failures)
}

impl From<longhaul_journal::Counts> for Counts {
    fn from(counts: longhaul_journal::Counts) -> Self {
        let longhaul_journal::Counts { done, failed, skipped, pending, .. } = counts;
        Self { done, failed, skipped, pending }
    }
}
