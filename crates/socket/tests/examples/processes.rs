//! Child processes that end with the test, and waits for them with a limit.
#![expect(clippy::disallowed_methods, reason = "other processes run on the real clock")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Vec<u8>>,
    errors: Receiver<Vec<u8>>,
}

impl Process {
    /// One of our examples.
    pub(crate) fn example(name: &str, arguments: &[&str]) -> Self {
        Self::spawn(Command::new(path_of(name)).args(arguments))
    }

    /// One of our examples, with a limit on its open files and sockets.
    pub(crate) fn limited_example(name: &str, arguments: &[&str], descriptors: u32) -> Self {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        Self::spawn(Command::new("sh").arg("-c").arg(script).arg(path_of(name)).args(arguments))
    }

    pub(crate) fn start(program: &str, arguments: &[String]) -> Self {
        Self::spawn(Command::new(program).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = piecewise(child.stdout.take().unwrap());
        let errors = piecewise(child.stderr.take().unwrap());
        Self { child, lines, errors }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line from the process");
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// How many lines it prints to standard error within this time, from its first one on.
    pub(crate) fn complaints(&self, during: Duration) -> usize {
        let first = self.errors.recv_timeout(PATIENCE).expect("a line on standard error of the process");
        assert!(!first.is_empty());
        let start = Instant::now();
        let more = std::iter::from_fn(|| self.errors.recv_timeout(during.checked_sub(start.elapsed())?).ok());
        1 + more.count()
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for its end, and returns its exit status and its standard error.
    pub(crate) fn failure(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let errors = all(&self.errors);
        (self.child.wait().unwrap().code(), errors)
    }
}

/// Cargo builds the examples together with the tests.
fn path_of(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    assert!(path.exists(), "{} is not built: run `cargo test -p longhaul-socket`", path.display());
    path
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes `input` to a process, and returns its standard output.
pub(crate) fn run(mut process: Process, input: &str) -> String {
    let mut stdin = process.child.stdin.take().unwrap();
    // A process that needs no input may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    all(&process.lines)
}

fn all(lines: &Receiver<Vec<u8>>) -> String {
    let start = Instant::now();
    let mut output = Vec::new();
    while let Some(left) = PATIENCE.checked_sub(start.elapsed()) {
        match lines.recv_timeout(left) {
            Ok(line) => output.extend(line),
            Err(_) => break,
        }
    }
    assert!(start.elapsed() < PATIENCE, "the process does not end; it has printed {output:?}");
    String::from_utf8(output).unwrap()
}

fn piecewise(output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    lines
}

/// Whether a tool is installed. If it is not, the test is to be skipped, and says so.
///
/// # Panics
/// In CI (the environment variable `CI` is set), where a test whose tool is absent fails. `.ci/run` installs all of
/// them.
pub(crate) fn installed(tool: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths).any(|folder| folder.join(tool).exists());
    if !found {
        assert!(
            env::var_os("CI").is_none(),
            "{tool} is not installed, and this test needs it: apt-get install {tool}"
        );
        eprintln!("SKIPPED: {tool} is not installed (apt-get install {tool})");
    }
    found
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a process listens on `port`.
pub(crate) fn until_taken(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "no process listens on port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}
