//! The program itself as a child process, and what it says while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How often whoever waits for a line looks at the clock and at the signals.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A child whose standard output is read line by line. Killed when dropped.
pub(super) struct Run {
    child: Child,
    lines: Receiver<String>,
}

/// What came of waiting for a line.
pub(super) enum Said {
    Line(String),
    /// Nothing yet.
    Silence,
    /// The child has closed its output.
    End,
}

impl Run {
    /// Starts this program with these arguments; `errors` takes what it writes to standard error.
    pub(super) fn start<T: AsRef<OsStr>>(arguments: &[T], errors: File) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let (tell, lines) = mpsc::channel();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        thread::Builder::new().name("child's output".to_owned()).spawn(move || {
            for line in BufReader::new(output).lines() {
                // A line that is no text, or that nobody waits for, ends the reading.
                if line.map(|line| tell.send(line)).is_ok_and(|sent| sent.is_ok()) {
                    continue;
                }
                return;
            }
        })?;
        Ok(Self { child, lines })
    }

    /// Waits a moment for the next line.
    pub(super) fn next(&self) -> Said {
        match self.lines.recv_timeout(LOOK_INTERVAL) {
            Ok(line) => Said::Line(line),
            Err(RecvTimeoutError::Timeout) => Said::Silence,
            Err(RecvTimeoutError::Disconnected) => Said::End,
        }
    }

    /// Sends SIGKILL.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// How the child ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone, and its entry in the process table too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was heard of `get --json`, over all runs.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) done: BTreeSet<String>,
    /// How often each URL was told as failed.
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) retries: u64,
    pub(super) list_is_read: bool,
}

impl Heard {
    pub(super) fn line(&mut self, line: &str) {
        // Whatever is no event is nothing that was heard.
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
