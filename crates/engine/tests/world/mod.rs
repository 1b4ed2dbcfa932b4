//! A small world for simulations: one host on a network in memory, a storage in memory, virtual time, one seed.
#![allow(dead_code, reason = "each test file uses its part of the world")]

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::{Event, Haul, Report, Source, Stopper};
use longhaul_journal::storage::{MemoryStorage, RelativePath, Storage as _};
use longhaul_origin::{FaultMix, Options, Origin, Site, Stats};
use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Endpoint, Host, Network};

/// 2026-01-01T00:00:00Z.
const START_UNIX_MS: u64 = 1_767_225_600_000;
/// No simulation here takes longer than this in virtual time; one that does hangs.
const RUN_MAX: Duration = Duration::from_hours(6);

/// Everything but the haul.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) site: Arc<Site>,
    pub(crate) faults: FaultMix,
    pub(crate) storage: MemoryStorage,
    pub(crate) network: MemoryNetwork,
}

/// What one run left behind.
pub(crate) struct Run {
    pub(crate) report: Report,
    /// Every event with its time since the start, in milliseconds.
    pub(crate) trace: Vec<String>,
    pub(crate) origin: Stats,
    pub(crate) elapsed: Duration,
}

impl World {
    pub(crate) fn new(seed: u64, site: Site, faults: FaultMix) -> Self {
        let network = MemoryNetwork::new();
        network.name("origin.test", [IpAddr::from([10, 0, 0, 1])]).latency(Duration::from_millis(5));
        Self { seed, site: Arc::new(site), faults, storage: MemoryStorage::new(seed), network }
    }

    /// URLs of the files 0 to `count` of the host, one a line.
    pub(crate) fn list(count: usize) -> String {
        (0..count)
            .flat_map(|number| ["http://origin.test/".to_owned(), path(number), "\n".to_owned()])
            .collect()
    }

    /// Runs a haul of this list to its end.
    pub(crate) fn run(&self, list: String, timeout: Duration) -> Run {
        self.run_until(list, timeout, |_, _| {})
    }

    /// Runs a haul of this list; `watch` sees every event and may stop it.
    pub(crate) fn run_until(
        &self,
        list: String,
        timeout: Duration,
        mut watch: impl FnMut(&Event<'_>, &Stopper) + Send + 'static,
    ) -> Run {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime without I/O").block_on(async {
            let options = Options {
                clock: WallClock::starting_at(START_UNIX_MS),
                latency: Duration::from_millis(1),
                ..Options::default()
            };
            let endpoint = Endpoint::tcp(([10, 0, 0, 1], 80).into());
            let running =
                Origin::start(&self.network, endpoint, Arc::clone(&self.site), self.faults.clone(), options);
            let running = running.expect("nobody else listens there");
            let trace = Arc::new(Mutex::new(Vec::new()));
            let started = clock::now();
            let stopper: Arc<Mutex<Option<Stopper>>> = Arc::default();
            let haul = Haul::builder("unused")
                .storage(Arc::new(self.storage.clone()))
                .network(Arc::new(self.network.clone()) as Arc<dyn Network>)
                .source(Source::Reader {
                    label: "list".to_owned(),
                    reader: Box::new(std::io::Cursor::new(list)),
                })
                .starts_at(START_UNIX_MS)
                .settings(|settings| {
                    settings.seed = self.seed;
                    settings.shards = 1;
                })
                .timeout(timeout)
                .on_event({
                    let (trace, stopper) = (Arc::clone(&trace), Arc::clone(&stopper));
                    move |event| {
                        let line = format!("{} {event:?}", started.elapsed().as_millis());
                        trace.lock().expect("no test panics within").push(line);
                        if let Some(stopper) = &*stopper.lock().expect("no test panics within") {
                            watch(event, stopper);
                        }
                    }
                })
                .build()
                .expect("the settings are valid");
            *stopper.lock().expect("no test panics within") = Some(haul.stopper());
            let report = tokio::time::timeout(RUN_MAX, haul.run_here()).await.expect("the haul hangs");
            let elapsed = started.elapsed();
            let origin = running.stop().await;
            let trace = std::mem::take(&mut *trace.lock().expect("no test panics within"));
            Run { report: report.expect("the run is made"), trace, origin, elapsed }
        })
    }

    /// The bytes of a file of the haul, if it is there.
    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        let path: RelativePath = name.parse().expect("a valid name");
        let file = self.storage.open_read(&path).ok()?;
        let mut bytes = vec![0; usize::try_from(file.len().expect("a length")).expect("it fits")];
        let mut at = 0;
        while at < bytes.len() {
            at += file.read_at(&mut bytes[at..], at as u64).expect("a readable file");
        }
        Some(bytes)
    }

    /// Each of the files 0 to `count` that the host has is there and has the host's bytes; the others are not there.
    pub(crate) fn assert_every_file_is_right(&self, count: usize) {
        for number in 0..count {
            let path = path(number);
            let expected = self
                .site
                .exists(&format!("/{path}"))
                .then(|| self.site.content(&format!("/{path}")).to_vec());
            let found = self.file(&format!("origin.test/{path}"));
            assert!(
                found == expected,
                "{path}: {:?} bytes for {:?}",
                found.map(|f| f.len()),
                expected.map(|f| f.len())
            );
        }
    }
}

/// The path of a file, without its leading slash.
pub(crate) fn path(number: usize) -> String {
    format!("files/{number:05}.bin")
}

/// The host, as the engine knows it.
pub(crate) fn host() -> Host {
    "origin.test".parse().expect("a valid name")
}
