//! A haul: lists on one side, a directory of files on the other.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header;
use longhaul_http::redirect::Policy;
use longhaul_http::{Client, ClientOptions, HeaderMap, HeaderValue};
use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{Journal, JournalError, Opened, Outcome, Recovery};
use longhaul_socket::clock::WallClock;
use longhaul_socket::{Connector, Host, Network, SystemNetwork, TlsOptions};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::class::Class;
use crate::counters::Counters;
use crate::crew::{self, Crew};
use crate::dispatch::{Channels, DispatchError, Dispatcher, Unfinished};
use crate::event::{Event, Observer};
use crate::exchange::Context;
use crate::intake::{Intake, IntakeError, List, Published};
use crate::machine;
use crate::rate::RateLimit;
use crate::report::{Counts, Report};
use crate::settings::Settings;
use crate::shard::{Shard, ShardSettings};
use crate::sink::{self, Committer, Halt, Ledger, SinkHandle, Tally};
use crate::source::Source;
use crate::stop::Stopper;

/// Fields that do not follow a redirect to another origin, whoever set them.
const CONFIDENTIAL: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Why a run could not be made, or ended where it should not have.
///
/// Whatever it is, nothing that was reported is lost, and the same haul can be run again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HaulError {
    /// The haul's directory cannot be used.
    #[error("cannot use the directory {}", directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be opened.
    #[error("cannot open the journal")]
    Journal(#[source] JournalError),
    /// A list cannot be read.
    #[error("cannot read the list {label}")]
    List {
        /// Which.
        label: String,
        /// Why.
        source: io::Error,
    },
    /// A list broke off; the rows before that place are in the haul.
    #[error("the list {label} cannot be read beyond line {line}")]
    ListBroken {
        /// Which.
        label: String,
        /// The first line that is missing.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The directory cannot be written any more, and waiting does not change that.
    #[error("cannot write to the haul's directory")]
    Disk(#[source] io::Error),
    /// A request field of the user's is not valid.
    #[error("the user agent is not a valid field value")]
    UserAgent,
    /// The system refused a thread or a timer.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

/// Builds a [`Haul`].
///
/// ```no_run
/// use longhaul::{Event, Haul};
///
/// let report = Haul::builder("files")
///     .list("urls.txt")
///     .on_event(|event| {
///         if let Event::Failed { url, fault, .. } = event {
///             eprintln!("{url}: {}", fault.message);
///         }
///     })
///     .build()?
///     .run()?;
/// println!("{} done, {} failed", report.counts.done, report.counts.failed);
/// # Ok::<(), longhaul::HaulError>(())
/// ```
pub struct Builder {
    directory: PathBuf,
    storage: Option<Arc<dyn Storage>>,
    network: Option<Arc<dyn Network>>,
    tls: TlsOptions,
    sources: Vec<Source>,
    urls: Vec<String>,
    settings: Settings,
    observer: Observer,
    stopper: Stopper,
    start_unix_ms: Option<u64>,
    boot_id: Option<[u8; 16]>,
}

impl Builder {
    /// Adds a list: a file with one URL a line.
    #[must_use]
    pub fn list(self, path: impl Into<PathBuf>) -> Self {
        self.source(Source::File(path.into()))
    }

    /// Adds a list from anywhere.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Adds one URL.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// One deadline for every wait on a socket; 20 s (10 s to connect) unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.set_timeout(timeout);
        self
    }

    /// Changes what the haul may do.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Is called with every event, one at a time, on the thread where it happened. A callback that is slow slows the
    /// haul down.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.observer = Observer::new(callback);
        self
    }

    /// Certificates to be trusted, and hosts that are not checked.
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.tls = options;
        self
    }

    /// Another network than the system's: for simulations.
    #[must_use]
    pub fn network(mut self, network: Arc<dyn Network>) -> Self {
        self.network = Some(network);
        self
    }

    /// Another storage than the directory on disk: for simulations.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// The date and time at which the run begins, in milliseconds of Unix time: for simulations.
    #[must_use]
    pub fn starts_at(mut self, unix_ms: u64) -> Self {
        self.start_unix_ms = Some(unix_ms);
        self
    }

    /// The identity of the machine's boot, another one after each loss of power: for simulations.
    #[must_use]
    pub fn boot_id(mut self, id: [u8; 16]) -> Self {
        self.boot_id = Some(id);
        self
    }

    /// Opens the lists, so that one that cannot be read is known before anything is touched. Creates the directory.
    pub fn build(self) -> Result<Haul, HaulError> {
        let Self {
            directory,
            storage,
            network,
            tls,
            sources,
            urls,
            settings,
            observer,
            stopper,
            start_unix_ms,
            boot_id,
        } = self;
        let mut lists = Vec::with_capacity(sources.len() + 1);
        for source in sources {
            let label = match &source {
                Source::File(path) => path.display().to_string(),
                Source::Reader { label, .. } => label.clone(),
            };
            lists.push(source.open().map_err(|source| HaulError::List { label, source })?);
        }
        if !urls.is_empty() {
            let text = urls.join("\n");
            lists.push(List {
                label: "arguments".to_owned(),
                reader: Box::new(io::Cursor::new(text)),
                identity: None,
            });
        }
        let user_agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| HaulError::UserAgent)?;
        let (confidential, headers) =
            settings.headers.iter().cloned().partition(|(name, _)| CONFIDENTIAL.contains(name));
        let storage = match storage {
            Some(storage) => storage,
            None => match DiskStorage::open(&directory, true) {
                Ok(storage) => Arc::new(storage),
                Err(source) => return Err(HaulError::Directory { directory, source }),
            },
        };
        Ok(Haul {
            storage,
            network: network.unwrap_or_else(|| Arc::new(SystemNetwork::new())),
            tls,
            lists,
            settings,
            options: ClientOptions { user_agent, headers },
            confidential,
            observer: Arc::new(observer),
            stopper,
            start_unix_ms,
            boot_id,
        })
    }
}

/// A haul that is ready to run. Running it again later, with the same directory, goes on where it ended.
pub struct Haul {
    storage: Arc<dyn Storage>,
    network: Arc<dyn Network>,
    tls: TlsOptions,
    lists: Vec<List>,
    settings: Settings,
    options: ClientOptions,
    confidential: HeaderMap,
    observer: Arc<Observer>,
    stopper: Stopper,
    start_unix_ms: Option<u64>,
    boot_id: Option<[u8; 16]>,
}

impl Haul {
    /// A haul into this directory, with default settings and without lists: those of earlier runs are gone on with.
    pub fn builder(directory: impl Into<PathBuf>) -> Builder {
        Builder {
            directory: directory.into(),
            storage: None,
            network: None,
            tls: TlsOptions::system(),
            sources: Vec::new(),
            urls: Vec::new(),
            settings: Settings::default(),
            observer: Observer::new(|_| {}),
            stopper: Stopper::default(),
            start_unix_ms: None,
            boot_id: None,
        }
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

    async fn run_with(self, crew: Crew) -> Result<Report, HaulError> {
        let clock = self.start_unix_ms.map_or_else(WallClock::system, WallClock::starting_at);
        let boot_id = self.boot_id.unwrap_or_else(machine::boot_id);
        let opened = Journal::open(Arc::clone(&self.storage), clock.unix_ms(), boot_id, &machine::holder())
            .map_err(HaulError::Journal)?;
        let Opened { lock, spool, rows, mut log, recovery } = opened;
        let Recovery { states, in_doubt, waiting, parts, damage, .. } = recovery;
        for damage in &damage {
            self.observer.tell(&Event::Damaged { description: &damage.to_string() });
        }
        let settled =
            sink::settle_doubts(&self.storage, &mut log, &rows, &in_doubt).map_err(HaulError::Disk)?;
        let mut before = Counts::from(states.counts());
        before.done += settled.len() as u64;
        before.pending -= settled.len() as u64;
        self.observer.tell(&Event::Opened { counts: before });

        let (sink, inbox) = SinkHandle::new();
        let (verdicts, heard) = mpsc::unbounded_channel();
        let committer = {
            let (storage, observer) = (Arc::clone(&self.storage), Arc::clone(&self.observer));
            let (sink, stop) = (sink.clone(), self.stopper.watch());
            let no_clobber = self.settings.no_clobber;
            let kept = parts.iter().map(|(&row, &(_, synced_len))| (row, synced_len)).collect();
            let ledger = Ledger { log, rows: rows.clone(), parts: kept };
            crew.start("sink", move || {
                let committer = Committer::new(storage, ledger, &sink, verdicts, observer, clock, stop)
                    .with_no_clobber(no_clobber);
                drop(sink);
                committer.run(inbox)
            })
            .map_err(HaulError::Start)?
        };
        let (publish, published) = watch::channel(Published { rows: rows.published(), is_complete: false });
        let intake = {
            let (storage, observer) = (Arc::clone(&self.storage), Arc::clone(&self.observer));
            let (rows, stop, lists) = (rows.clone(), self.stopper.watch(), self.lists);
            crew.start("intake", move || {
                Intake::new(storage, spool, rows, publish, observer, stop).run(lists)
            })
            .map_err(HaulError::Start)?
        };
        let counters = Arc::new(Counters::default());
        let (movers, moved) = mpsc::unbounded_channel();
        let connector = Arc::new(Connector::new(self.network, tls_options(self.tls, &self.settings)));
        let rate = self.settings.rate_limit.map(|rate| Arc::new(RateLimit::new(rate)));
        let redirects = Policy { allow_downgrade: self.settings.allow_downgrade, ..Policy::default() };
        let mut shards = Vec::new();
        let mut shard_ends = Vec::new();
        for number in 0..self.settings.shards.max(1) {
            let (assign, assigned) = mpsc::unbounded_channel();
            shards.push(assign);
            let settings = shard_settings(&self.settings, number);
            let (connector, sink, rate) = (Arc::clone(&connector), sink.clone(), rate.clone());
            let (observer, counters, movers) =
                (Arc::clone(&self.observer), Arc::clone(&counters), movers.clone());
            let (stop, options, limits) = (self.stopper.watch(), self.options.clone(), self.settings.limits);
            let confidential = self.confidential.clone();
            let end = crew.start(&format!("shard-{number}"), move || {
                let client = Client::new(connector, limits, settings.timeouts, options);
                let context = Context { client, redirects, sink, observer, clock, rate, confidential };
                Shard::new(settings, context, movers, counters, stop).run(assigned)
            });
            shard_ends.push(end.map_err(HaulError::Start)?);
        }
        drop(movers);
        let dispatched = {
            let unfinished = Unfinished { states, settled, waiting, parts };
            let channels = Channels { shards, sink, verdicts: heard, movers: moved, published };
            let (storage, rows, stop) = (Arc::clone(&self.storage), rows.clone(), self.stopper.watch());
            let no_clobber = self.settings.no_clobber;
            crew.start("dispatch", move || {
                Dispatcher::new(storage, rows, unfinished, channels, no_clobber, clock, stop).run()
            })
            .map_err(HaulError::Start)?
            .await
        };
        if self.stopper.is_stopped() {
            self.observer.tell(&Event::Stopping);
        }
        for end in shard_ends {
            // A shard that lost the sink has nothing to add to what the sink will say.
            let _ = end.await;
        }
        let tally = match committer.await {
            Ok(tally) | Err(Halt::Stopped(tally)) => tally,
            Err(Halt::Disk(error)) => return Err(HaulError::Disk(error)),
        };
        if let Err(DispatchError::Spool(error)) = dispatched {
            return Err(HaulError::Disk(error));
        }
        // An intake that waits for a silent pipe is left to itself: it writes nothing once the haul is stopped.
        if !self.stopper.is_stopped() {
            intake.await.map_err(HaulError::from)?;
        }
        let mut report = report(before, rows.published(), tally, &counters);
        report.stopped = self.stopper.is_stopped();
        if before.failed > 0 {
            report.failures = failures_by_class(Arc::clone(&self.storage))?;
        }
        drop(lock);
        Ok(report)
    }
}

fn shard_settings(settings: &Settings, number: usize) -> ShardSettings {
    let jobs_max = usize::try_from(settings.jobs_max).unwrap_or(usize::MAX).div_ceil(settings.shards.max(1));
    ShardSettings {
        jobs_max: jobs_max.max(1),
        jobs_per_host_max: settings.jobs_per_host_max,
        tries: settings.tries,
        retry_statuses: settings.retry_statuses.clone(),
        timeouts: settings.timeouts,
        seed: settings.seed.wrapping_add(number as u64),
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

impl From<IntakeError> for HaulError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::List { label, line, source } => Self::ListBroken { label, line, source },
            IntakeError::Spool(source) => Self::Disk(source),
        }
    }
}

impl From<longhaul_journal::Counts> for Counts {
    fn from(counts: longhaul_journal::Counts) -> Self {
        let longhaul_journal::Counts { done, failed, skipped, pending, .. } = counts;
        Self { done, failed, skipped, pending }
    }
}
