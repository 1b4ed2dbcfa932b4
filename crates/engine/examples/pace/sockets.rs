//! The same runs with the whole engine: a haul into a temporary directory, over sockets of this machine, from the hosts that
//! the simulation models.
//!
//! This includes what the simulation leaves out: connections, timers of a millisecond, a busy machine, and the waits of
//! `retry`.

use std::io::{self, Cursor};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use longhaul::{Event, Haul, HaulError, Report, Source, Stopper};
use longhaul_origin::limit_model::{LimitModel, Treatment};
use longhaul_origin::{ExchangeRecord, LimitingServer, Options, Site, Sizes, VirtualHosts};
use longhaul_socket::{
    BoxFuture, Endpoint, HostName, Listener, LookupError, Network, Protocol, SystemNetwork, Transport, clock,
};
use tokio::sync::oneshot;

use crate::run::Run;
use crate::scenario::Scenario;

/// A run that takes longer has failed.
const RUN_MAX: Duration = Duration::from_mins(20);
/// The host waits longer than any client, so that the client closes first.
const HOST_TIMEOUT: Duration = Duration::from_mins(30);
/// The size of each file: only the rate of requests is of interest.
const FILE_BYTES: u64 = 100;

#[derive(Debug)]
pub(crate) enum RunError {
    Host(io::Error),
    Haul(HaulError),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(error) => write!(f, "the host cannot be started: {error}"),
            Self::Haul(error) => write!(f, "the haul failed: {error}"),
        }
    }
}

/// One run. With `is_traced` every exchange and every change of the pace is written to standard error.
pub(crate) fn run(scenario: &Scenario, seed: u64, speedup: f64, is_traced: bool) -> Result<Run, RunError> {
    let host = Host::start(scenario, seed, speedup, is_traced).map_err(RunError::Host)?;
    let name = format!("longhaul-pace-{}-{}-{seed}", std::process::id(), scenario.name);
    let directory = Directory(std::env::temp_dir().join(name));
    let report = haul(scenario, seed, host.endpoint, &directory.0, is_traced).map_err(RunError::Haul);
    let witnessed = host.stop();
    let report = report?;
    if report.counts.done != u64::from(scenario.urls) {
        eprintln!("{} {seed}: {:?}, {:?}", scenario.name, report.counts, report.failures);
    }
    Ok(result(scenario, &report, witnessed))
}

fn haul(
    scenario: &Scenario,
    seed: u64,
    endpoint: Endpoint,
    directory: &Path,
    is_traced: bool,
) -> Result<Report, HaulError> {
    let url = |number: u32| {
        let name = number as usize % scenario.names;
        format!("http://{}:{}/{number}\n", host_name(name), endpoint.port())
    };
    let list: String = (0..scenario.urls).map(url).collect();
    let start = clock::now();
    let haul = Haul::builder(directory)
        .network(Arc::new(LocalNetwork(SystemNetwork::new())))
        .source(Source::Reader { label: "urls".to_owned(), reader: Box::new(Cursor::new(list)) })
        .settings(|settings| {
            settings.jobs_per_host_max = Some(scenario.cap);
            settings.seed = seed;
            // The host answers 403 to clients that ask too often, and the user knows that.
            settings.retry_statuses = vec![403];
        })
        .on_event(move |event| {
            if let (true, Event::Paced { .. } | Event::Merged { .. }) = (is_traced, event) {
                eprintln!("haul {:9.3} {event:?}", start.elapsed().as_secs_f64());
            }
        })
        .build()?;
    let _watchdog = Watchdog::start(haul.stopper());
    haul.run()
}

fn result(scenario: &Scenario, report: &Report, witnessed: Observed) -> Run {
    let Observed { mut exchanges, banned } = witnessed;
    exchanges.sort_by_key(|(_, exchange)| exchange.ended);
    let names_per_host = if scenario.others.is_some() { 1 } else { scenario.names };
    let cap = scenario.cap * u32::try_from(names_per_host).expect("a few");
    let is_served = |exchange: &ExchangeRecord| exchange.is_whole && exchange.treatment == Treatment::Served;
    let mut run = Run {
        served: u32::try_from(report.counts.done).expect("as many as there are URLs"),
        banned,
        cap_reached: exchanges.iter().filter(|(_, e)| e.in_flight >= cap).map(|(_, e)| e.arrived).min(),
        ..Run::default()
    };
    for (name, exchange) in &exchanges {
        if !is_served(exchange) {
            run.rejections += 1;
            continue;
        }
        run.longest_gap = run.longest_gap.max(exchange.ended.saturating_sub(run.took));
        run.took = exchange.ended;
        if *name > 0 {
            run.others_took = exchange.ended;
        }
        run.latencies.push(exchange.took());
    }
    run
}

/// The system's network, in which every name resolves to this machine.
struct LocalNetwork(SystemNetwork);

impl Network for LocalNetwork {
    fn lookup<'a>(&'a self, _name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(async { Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]) })
    }

    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> {
        self.0.dial(endpoint)
    }

    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> {
        self.0.listen(endpoint)
    }
}

/// What the hosts have seen.
struct Observed {
    /// The exchanges, with the name where names have hosts of their own. Times count from a host's first request; all names
    /// are asked from the start.
    exchanges: Vec<(usize, ExchangeRecord)>,
    banned: Duration,
}

/// The scenario's hosts, on a thread of their own and at one address.
struct Host {
    endpoint: Endpoint,
    exchanges: Arc<Mutex<Vec<(usize, ExchangeRecord)>>>,
    /// The host of the first name.
    first: LimitingServer,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Host {
    fn start(scenario: &Scenario, seed: u64, speedup: f64, is_traced: bool) -> io::Result<Self> {
        let exchanges: Arc<Mutex<Vec<(usize, ExchangeRecord)>>> = Arc::default();
        let site = Arc::new(Site::new(seed).with_sizes(Sizes::fixed(FILE_BYTES)));
        let host = |name: usize, limit_model: Box<dyn LimitModel>| {
            let options = Options { head_time: HOST_TIMEOUT, stall: HOST_TIMEOUT, ..Options::default() };
            let book = Arc::clone(&exchanges);
            LimitingServer::new(limit_model, Arc::clone(&site), options, move |exchange| {
                if is_traced {
                    tell(name, exchange);
                }
                book.lock().unwrap_or_else(PoisonError::into_inner).push((name, *exchange));
            })
        };
        let first = host(0, scenario.host(seed, speedup));
        let mut hosts = VirtualHosts::new(first.clone());
        for name in 1..scenario.names {
            if let Some(limit_model) = scenario.other(name, seed, speedup) {
                hosts = hosts.with(&host_name(name), host(name, limit_model));
            }
        }
        let (stop, stopped) = oneshot::channel();
        let (started, listening) = mpsc::channel();
        let thread = thread::Builder::new().name("host".to_owned()).spawn(move || {
            let served = serve(&hosts, &started, stopped);
            if let Err(error) = served {
                let _ = started.send(Err(error));
            }
        })?;
        let endpoint = listening.recv().map_err(io::Error::other)??;
        Ok(Self { endpoint, exchanges, first, stop, thread })
    }

    fn stop(self) -> Observed {
        let Self { exchanges, first, stop, thread, .. } = self;
        let banned = first.stats().banned;
        drop(stop);
        // What it has seen is returned even if it panicked.
        let _ = thread.join();
        let exchanges = std::mem::take(&mut *exchanges.lock().unwrap_or_else(PoisonError::into_inner));
        Observed { exchanges, banned }
    }
}

/// The name with this number.
fn host_name(name: usize) -> String {
    format!("name-{name}.test")
}

fn serve(
    hosts: &VirtualHosts,
    started: &mpsc::Sender<io::Result<Endpoint>>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let network = SystemNetwork::new();
        let listener = hosts.listen(&network, Endpoint::new(Ipv4Addr::LOCALHOST.into(), Protocol::Tcp, 0))?;
        started.send(Ok(listener.endpoint())).map_err(io::Error::other)?;
        let _ = stopped.await;
        listener.stop().await;
        Ok(())
    })
}

fn tell(name: usize, exchange: &ExchangeRecord) {
    let ExchangeRecord { arrived, ended, treatment, is_whole, in_flight } = exchange;
    let (arrived, ended) = (arrived.as_secs_f64(), ended.as_secs_f64());
    eprintln!("host {name} {arrived:9.3} {ended:9.3} {in_flight:3} {treatment:?} {is_whole}");
}

/// Stops a haul that takes too long.
struct Watchdog {
    /// Nothing is ever sent: dropping it is the signal.
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    fn start(stopper: Stopper) -> Self {
        let (alive, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            if ended.recv_timeout(RUN_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
                stopper.stop();
            }
        });
        Self { _alive: alive }
    }
}

/// A directory that is removed when it is dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    #[expect(clippy::disallowed_methods, reason = "the files of a trial")]
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
