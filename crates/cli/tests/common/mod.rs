//! Runs the program in a directory of its own, against servers on loopback. Every wait has a limit.
#![allow(dead_code, reason = "each test file uses its own part")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read files directly, and serve bytes that no library would send"
)]

pub(crate) mod serving;
pub(crate) mod signals;
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

/// The longest life of a child process.
pub(crate) const CHILD_TIME_MAX: Duration = Duration::from_mins(1);

/// A working directory that is removed when dropped.
pub(crate) struct TestDirectory(PathBuf);

impl TestDirectory {
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
        fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a directory");
        fs::write(&path, bytes).expect("the file can be written");
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program, with this working directory and a time limit.
    pub(crate) fn longhaul(&self, arguments: &[&str]) -> assert_cmd::Command {
        signals::restore_for_children();
        let mut command = assert_cmd::Command::new(program());
        command.current_dir(&self.0).env("COLUMNS", "100").timeout(CHILD_TIME_MAX).args(arguments);
        command
    }

    /// Starts the program in the background.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Background {
        signals::restore_for_children();
        let mut command = Command::new(program());
        command.current_dir(&self.0).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Background(child.expect("a child"))
    }

    /// Starts the program in the background, with a standard input that stays open.
    pub(crate) fn longhaul_with_open_input(&self, arguments: &[&str]) -> Background {
        signals::restore_for_children();
        let mut command = Command::new(program());
        command.current_dir(&self.0).args(arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Background(child.expect("a child"))
    }

    /// The object of `status --json`, or `None` while there is no haul.
    pub(crate) fn status(&self, directory: &str) -> Option<Value> {
        let output = self.longhaul(&["status", directory, "--json"]).output().expect("the program starts");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Waits up to ten seconds until the status of a haul satisfies `is_so`.
    pub(crate) fn wait_for_status(&self, directory: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            if let Some(status) = self.status(directory).filter(&is_so) {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the status of {directory} never became as expected: {:?}", self.status(directory));
    }

    /// Waits up to ten seconds until the first host of `status --hosts` satisfies `is_so`.
    pub(crate) fn wait_for_host(&self, directory: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            let output = self
                .longhaul(&["status", directory, "--hosts", "--json"])
                .output()
                .expect("the program starts");
            let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let host = &status["hosts"][0];
            if !host.is_null() && is_so(host) {
                return host.clone();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the hosts of {directory} never became as expected");
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_longhaul"))
}

/// A child process that is killed when dropped.
pub(crate) struct Background(pub(crate) Child);

impl Background {
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.0)
    }

    /// Waits up to a minute for the exit code; `None` after a signal.
    pub(crate) fn code(&mut self) -> Option<i32> {
        for _ in 0..6_000 {
            if let Some(status) = self.0.try_wait().expect("it is a child of this process") {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the child does not end");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A seeded server on a thread of its own, with or without faults. It ends with the test.
pub(crate) struct TestServer {
    pub(crate) origin: HostileServer,
    address: SocketAddr,
}

impl TestServer {
    pub(crate) fn start(faults: FaultMix, options: Options) -> Self {
        let site = Arc::new(Site::new(1).with_sizes(Sizes::between(100, 5_000)));
        let origin = HostileServer::new(site, faults, options);
        let (sender, receiver) = mpsc::channel();
        let host = origin.clone();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let any = Endpoint::tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
                let running = host.listen(&SystemNetwork::new(), any).expect("a free port");
                sender.send(running.endpoint().socket_addr()).expect("the test waits for the address");
                std::future::pending::<()>().await;
            });
        });
        Self { origin, address: receiver.recv().expect("an address") }
    }

    pub(crate) fn plain() -> Self {
        Self::start(FaultMix::none(), Options::default())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The file name that a path gets.
    pub(crate) fn name(&self, path: &str) -> String {
        format!("{}+{}{path}", self.address.ip(), self.address.port())
    }

    /// A list of this many files: `/f/0`, `/f/1` and so on.
    pub(crate) fn list(&self, files: usize) -> String {
        (0..files).map(|number| self.url(&format!("/f/{number}")) + "\n").collect()
    }

    pub(crate) fn content(&self, path: &str) -> Vec<u8> {
        self.origin.site().content(path).to_vec()
    }
}

/// A server that responds to every request with the same bytes and closes. Without bytes it never responds and keeps the
/// connection open.
pub(crate) fn respond_always(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
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

/// An address at which no socket listens.
pub(crate) fn unused_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Parses each line of an output as JSON.
pub(crate) fn json_lines(output: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(output).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
