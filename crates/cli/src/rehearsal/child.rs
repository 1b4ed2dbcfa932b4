//! The program as a child process, and the JSON events that it prints.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// The longest wait for a line. Between two waits the caller checks its deadline and the signals.
const LINE_WAIT: Duration = Duration::from_millis(100);

/// A child process whose standard output is read line by line. Dropping it kills the process.
pub(super) struct ChildProcess {
    child: Child,
    lines: Receiver<String>,
}

/// The result of a wait for a line.
pub(super) enum NextLine {
    Line(String),
    /// None has arrived yet.
    NotYet,
    /// The child has closed its output.
    End,
}

impl ChildProcess {
    /// Starts this program with these arguments. Its standard error goes to `stderr`.
    pub(super) fn start<T: AsRef<OsStr>>(arguments: &[T], stderr: File) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        thread::Builder::new().name("child's output".to_owned()).spawn(move || {
            for line in BufReader::new(output).lines() {
                // A line that is not UTF-8, or a receiver that is gone, ends the reading.
                if line.map(|line| sender.send(line)).is_ok_and(|sent| sent.is_ok()) {
                    continue;
                }
                return;
            }
        })?;
        Ok(Self { child, lines })
    }

    /// Waits at most [`LINE_WAIT`] for the next line.
    pub(super) fn next_line(&self) -> NextLine {
        match self.lines.recv_timeout(LINE_WAIT) {
            Ok(line) => NextLine::Line(line),
            Err(RecvTimeoutError::Timeout) => NextLine::NotYet,
            Err(RecvTimeoutError::Disconnected) => NextLine::End,
        }
    }

    /// Sends SIGKILL.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// The exit status of the child, if it has ended. It does not wait.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Killing fails if the child has ended. Waiting removes it from the process table either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The events of `get --json` in all runs together.
#[derive(Debug, Default)]
pub(super) struct ObservedEvents {
    /// URLs reported as done.
    pub(super) done: BTreeSet<String>,
    /// How often each URL was reported as failed.
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) retries: u64,
    pub(super) list_is_read: bool,
}

impl ObservedEvents {
    /// Records the event on this line. A line that is not JSON is ignored.
    pub(super) fn record(&mut self, line: &str) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let url = || event["url"].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("done") => {
                self.done.insert(url());
            }
            Some("failed") => *self.failed.entry(url()).or_default() += 1,
            Some("retrying") => self.retries += 1,
            Some("list_read") => self.list_is_read = true,
            _ => {}
        }
    }
}
