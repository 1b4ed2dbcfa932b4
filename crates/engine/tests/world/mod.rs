//! A small world for simulations: hosts on a network in memory, a storage in memory, virtual time, one seed.
//!
//! A scenario runs within [`simulate`]. It makes a [`World`], puts hosts into it (seeded sites with faults, or hosts
//! that follow a script), and runs hauls, one after the other over the same storage; a haul can be stopped, or its
//! process killed, or its machine cut from power, at any of its events or storage calls.
#![allow(dead_code, unused_imports, reason = "each test file uses its part of the world")]

mod plan;
mod recorded_event;
mod scripted;
mod trapped;

pub(crate) use plan::{Crash, Plan, Run};
pub(crate) use recorded_event::{EventKind, RecordedEvent};
pub(crate) use scripted::{End, Reply, Request, Scripted};

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use longhaul_journal::PARTS_DIRECTORY;
use longhaul_journal::storage::{MemoryStorage, RelativePath, Storage as _};
use longhaul_origin::{FaultMix, HostileServer, Options, RunningHostileServer, Site};
use longhaul_socket::Endpoint;
use longhaul_socket::clock::WallClock;
use longhaul_socket::memory::MemoryNetwork;

/// 2026-01-01T00:00:00Z.
const START_UNIX_MS: u64 = 1_767_225_600_000;
/// The latency of every path on the network, one way.
const LATENCY: Duration = Duration::from_millis(5);
/// The host of [`World::serving`].
pub(crate) const ORIGIN: &str = "origin.test";

/// Runs a scenario in virtual time, on one thread.
pub(crate) fn simulate<T>(scenario: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(scenario)
}

/// The network, the hosts and the storage of hauls.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) network: MemoryNetwork,
    pub(crate) clock: WallClock,
    storage: RefCell<MemoryStorage>,
    hosts: RefCell<Vec<RunningHostileServer>>,
    addresses: Cell<u8>,
    /// How often the machine has lost power.
    boots: Cell<u8>,
}

impl World {
    /// A world without hosts, to be made within [`simulate`].
    pub(crate) fn new(seed: u64) -> Self {
        let network = MemoryNetwork::new();
        network.latency(LATENCY);
        Self {
            seed,
            network,
            clock: WallClock::starting_at(START_UNIX_MS),
            storage: RefCell::new(MemoryStorage::new(seed)),
            hosts: RefCell::default(),
            addresses: Cell::new(0),
            boots: Cell::new(0),
        }
    }

    /// A world with one host, [`ORIGIN`].
    pub(crate) fn serving(seed: u64, site: Site, faults: FaultMix) -> (Self, HostileServer) {
        let world = Self::new(seed);
        let origin = world.host(ORIGIN, site, faults);
        (world, origin)
    }

    /// Adds a host that serves a site, with a millisecond of thought for each answer.
    pub(crate) fn host(&self, name: &str, site: Site, faults: FaultMix) -> HostileServer {
        let options = Options { latency: Duration::from_millis(1), clock: self.clock, ..Options::default() };
        self.host_with(name, site, faults, options)
    }

    /// Adds a host that serves a site in this limit model.
    pub(crate) fn host_with(
        &self,
        name: &str,
        site: Site,
        faults: FaultMix,
        options: Options,
    ) -> HostileServer {
        let endpoint = self.endpoint(name);
        let running = HostileServer::start(&self.network, endpoint, Arc::new(site), faults, options);
        let running = running.expect("nobody else listens there");
        let origin = running.server().clone();
        self.hosts.borrow_mut().push(running);
        origin
    }

    /// Gives a name an address on which nobody listens, and the endpoint of http there.
    pub(crate) fn endpoint(&self, name: &str) -> Endpoint {
        self.addresses.set(self.addresses.get() + 1);
        let address = [10, 0, 0, self.addresses.get()];
        self.network.name(name, [IpAddr::from(address)]);
        Endpoint::tcp((address, 80).into())
    }

    /// The storage as it is now: another one after each crash.
    pub(crate) fn storage(&self) -> MemoryStorage {
        self.storage.borrow().clone()
    }

    /// Continues with the storage that a crash has left.
    pub(crate) fn crashed(&self, crash: Crash, left: MemoryStorage) {
        self.storage.replace(left);
        if crash == Crash::PowerLoss {
            self.boots.set(self.boots.get() + 1);
        }
    }

    /// The identity of the machine's present boot.
    pub(crate) fn boot_id(&self) -> [u8; 16] {
        [self.boots.get(); 16]
    }

    /// The bytes of a file of the haul, if it is there.
    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.storage().open_read(&relative(name)).ok()?;
        let mut bytes = vec![0; usize::try_from(file.len().expect("a length")).expect("it fits")];
        let mut at = 0;
        while at < bytes.len() {
            at += file.read_at(&mut bytes[at..], at as u64).expect("a readable file");
        }
        Some(bytes)
    }

    /// The part files, by name.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.storage().list(&relative(PARTS_DIRECTORY)).expect("a haul has the directory")
    }

    /// Puts a file of somebody else's into the haul's directory.
    pub(crate) fn put_file(&self, name: &str, bytes: &[u8]) {
        put_file(&self.storage(), name, bytes);
    }

    /// Each of these files of [`ORIGIN`] that the site has is there and has the site's bytes; the others are not there.
    pub(crate) fn assert_every_file_is_right(&self, site: &Site, paths: &[String]) {
        for path in paths {
            if site.exists(path) {
                self.assert_file_is_right(site, path);
            } else {
                assert_eq!(self.file(&name(path)), None, "{path} does not exist on its host");
            }
        }
    }

    /// Whichever of these files of [`ORIGIN`] is there is complete and right.
    pub(crate) fn assert_no_file_is_wrong(&self, site: &Site, paths: &[String]) {
        for path in paths {
            if self.file(&name(path)).is_some() {
                self.assert_file_is_right(site, path);
            }
        }
    }

    /// The file of a path of [`ORIGIN`] has the site's bytes.
    pub(crate) fn assert_file_is_right(&self, site: &Site, path: &str) {
        let expected = site.content(path).to_vec();
        let found = self.file(&name(path)).unwrap_or_else(|| panic!("{path} is not there"));
        let first_difference = found.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
        let lengths = (found.len(), expected.len());
        assert!(found == expected, "{path}: lengths {lengths:?}, differs from byte {first_difference:?} on");
    }
}

/// Puts a file of somebody else's into a haul's directory.
pub(crate) fn put_file(storage: &MemoryStorage, name: &str, bytes: &[u8]) {
    let path = relative(name);
    if let Some(directory) = path.parent() {
        storage.create_dir_all(&directory).expect("a directory can be made");
    }
    let mut file = storage.create(&path).expect("a file can be made");
    file.write_all_at(bytes, 0).expect("a file can be written");
}

/// URLs of the files 0 to `count` of [`ORIGIN`], one a line.
pub(crate) fn list(count: usize) -> String {
    list_of(ORIGIN, count)
}

/// URLs of the files 0 to `count` of a host, one a line.
pub(crate) fn list_of(host: &str, count: usize) -> String {
    urls(host, paths(count))
}

/// URLs of these paths of a host, one a line.
pub(crate) fn urls(host: &str, paths: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    paths.into_iter().flat_map(|path| ["http://", host, path.as_ref(), "\n"].map(str::to_owned)).collect()
}

/// The path of a numbered file.
pub(crate) fn path(number: usize) -> String {
    format!("/files/{number:05}.bin")
}

/// The paths of the files 0 to `count`.
pub(crate) fn paths(count: usize) -> Vec<String> {
    (0..count).map(path).collect()
}

/// The final name of a path of [`ORIGIN`].
pub(crate) fn name(path: &str) -> String {
    format!("{ORIGIN}{}", path.replace('?', "@"))
}

fn relative(name: &str) -> RelativePath {
    name.parse().expect("a valid name")
}
