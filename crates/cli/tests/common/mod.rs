//! The program, the hosts it downloads from, and places to download to. Everything is on loopback and bounded.
#![allow(dead_code, reason = "each test file uses its own part")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests look at what is on disk, and serve what no library would"
)]

pub(crate) mod serving;
pub(crate) mod tools;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use longhaul_origin::{FaultMix, HostileServer, Options, Site, Sizes};
use longhaul_socket::{Endpoint, SystemNetwork};
use serde_json::Value;

/// No child lives longer.
pub(crate) const CHILD_TIME_MAX: Duration = Duration::from_mins(1);

/// A directory that is removed when dropped.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("longhaul-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a fresh directory");
        Self(path.canonicalize().expect("it exists"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the place")).expect("a directory");
        fs::write(&path, bytes).expect("written");
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program, started here and bounded.
    pub(crate) fn longhaul(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(program());
        command.current_dir(&self.0).env("COLUMNS", "100").timeout(CHILD_TIME_MAX).args(arguments);
        command
    }

    /// The program in the background.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Background {
        let mut command = Command::new(program());
        command.current_dir(&self.0).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Background(child.expect("a child"))
    }

    /// The same, with a standard input that stays open.
    pub(crate) fn longhaul_with_open_input(&self, arguments: &[&str]) -> Background {
        let mut command = Command::new(program());
        command.current_dir(&self.0).args(arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Background(child.expect("a child"))
    }

    /// `status --json`, once there is a haul.
    pub(crate) fn status(&self, directory: &str) -> Option<Value> {
        let output = self.longhaul(&["status", directory, "--json"]).output().expect("it runs");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Waits, bounded, until the status of a haul is as it should be.
    pub(crate) fn wait_for_status(&self, directory: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            if let Some(status) = self.status(directory).filter(&is_so) {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the status of {directory} never became what it should: {:?}", self.status(directory));
    }

    /// What `status --hosts` says of the first host, once that is so, bounded.
    pub(crate) fn wait_for_host(&self, directory: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            let output =
                self.longhaul(&["status", directory, "--hosts", "--json"]).output().expect("it runs");
            let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let host = &status["hosts"][0];
            if !host.is_null() && is_so(host) {
                return host.clone();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("what is said of the hosts in {directory} never became what it should");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_longhaul"))
}

/// A child that does not outlive its test.
pub(crate) struct Background(pub(crate) Child);

impl Background {
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.0)
    }

    /// Its exit code, waited for within bounds.
    pub(crate) fn code(&mut self) -> Option<i32> {
        for _ in 0..6_000 {
            if let Some(status) = self.0.try_wait().expect("a child of ours") {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the child is still at work");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A well-behaved host, or a hostile one, on a thread of its own. It ends with the test.
pub(crate) struct Served {
    pub(crate) origin: HostileServer,
    address: SocketAddr,
}

impl Served {
    pub(crate) fn start(faults: FaultMix, options: Options) -> Self {
        let site = Arc::new(Site::new(1).with_sizes(Sizes::between(100, 5_000)));
        let origin = HostileServer::new(site, faults, options);
        let (tell, told) = mpsc::channel();
        let host = origin.clone();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let any = Endpoint::tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
                let running = host.listen(&SystemNetwork::new(), any).expect("a free port");
                tell.send(running.endpoint().socket_addr()).expect("somebody waits");
                std::future::pending::<()>().await;
            });
        });
        Self { origin, address: told.recv().expect("an address") }
    }

    pub(crate) fn plain() -> Self {
        Self::start(FaultMix::none(), Options::default())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The default name of the file of a path.
    pub(crate) fn name(&self, path: &str) -> String {
        format!("{}+{}{path}", self.address.ip(), self.address.port())
    }

    /// A list of so many files, `/f/0` and on.
    pub(crate) fn list(&self, files: usize) -> String {
        (0..files).map(|number| self.url(&format!("/f/{number}")) + "\n").collect()
    }

    pub(crate) fn content(&self, path: &str) -> Vec<u8> {
        self.origin.site().content(path).to_vec()
    }
}

/// A peer that reads a request and answers always the same bytes, whatever was asked; then it closes. With no bytes it
/// answers nothing and keeps the connection.
pub(crate) fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            if answer.is_empty() {
                kept.push(connection);
                continue;
            }
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer);
        }
    });
    address
}

/// An address at which nobody listens.
pub(crate) fn refusing() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// The lines of an output as JSON.
pub(crate) fn json_lines(output: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(output).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
