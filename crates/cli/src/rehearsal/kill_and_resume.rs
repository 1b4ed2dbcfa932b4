//! The steps of a rehearsal: start, kill, check the status, resume, inspect. All steps share one deadline.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use longhaul_socket::clock;
use serde_json::Value;
use tokio::time::Instant;

use super::child::{ChildProcess, NextLine, ObservedEvents};
use super::inspection::{Findings, inspect};
use super::scoreboard::Scoreboard;
use super::server::RehearsalServer;
use super::settings::{Rehearsal, RehearsalResult};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files;

/// Time for the whole rehearsal, which takes about half a minute. A child that still runs then hangs.
const TIME_MAX: Duration = Duration::from_mins(5);
/// The timeout of every wait in the program under test. Stalls are part of the mix, and each costs one timeout.
const TIMEOUT: &str = "2s";
/// Pause between two checks for the end of a child that has closed its output.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How a step ended.
enum StepEnd {
    /// The child has exited.
    Exited(ExitStatus),
    /// What the step waited for has happened.
    Reached,
    /// The deadline has passed, or the user has stopped the rehearsal.
    Aborted(&'static str),
}

/// Runs a rehearsal. An error means that it could not run; a broken promise is part of the result.
pub(crate) fn kill_and_resume(rehearsal: &Rehearsal<'_>) -> Result<RehearsalResult, CommandError> {
    let cannot = |what| move |source| CommandError::Rehearsal { what, source };
    let started = clock::now();
    let server = RehearsalServer::start(rehearsal.files, rehearsal.seed)
        .map_err(cannot("the server cannot listen on loopback"))?;
    let mut scoreboard = Scoreboard::new(rehearsal, server.endpoints());

    let list = rehearsal.directory.join("list.txt");
    let mut text = String::from("# every file of the rehearsal\n");
    server.urls().for_each(|url| text.extend([url.as_str(), "\n"]));
    files::create(&list)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(cannot("the list cannot be written"))?;

    let mut events = ObservedEvents::default();
    let steps = Steps {
        rehearsal,
        list,
        haul: rehearsal.directory.join("files"),
        server: &server,
        deadline: started + TIME_MAX,
    };
    let findings = steps.run(&mut events, &mut scoreboard)?;
    scoreboard.retries = events.retries;
    scoreboard.elapsed = started.elapsed();
    scoreboard.findings = findings;
    scoreboard.stats = server.stop();
    Ok(scoreboard.into_result())
}

/// What every step needs.
struct Steps<'a> {
    rehearsal: &'a Rehearsal<'a>,
    list: PathBuf,
    haul: PathBuf,
    server: &'a RehearsalServer,
    deadline: Instant,
}

impl Steps<'_> {
    /// Runs the steps. `None` if one was aborted; the scoreboard then says which.
    fn run(
        &self,
        events: &mut ObservedEvents,
        scoreboard: &mut Scoreboard,
    ) -> Result<Option<Findings>, CommandError> {
        let print_step = self.rehearsal.print_step;

        print_step("downloading from a server that misbehaves in 4 of 10 responses");
        let mut child = self.start_get()?;
        let done_before_kill = usize::try_from(self.rehearsal.files / 3).unwrap_or(usize::MAX).max(1);
        let is_time_to_kill =
            |events: &ObservedEvents| events.list_is_read && events.done.len() >= done_before_kill;
        match self.observe(&mut child, events, is_time_to_kill)? {
            StepEnd::Aborted(why) => return Ok(scoreboard.aborted(why, "the first run", events)),
            StepEnd::Exited(status) => {
                scoreboard.complain(format!("the first run ended before it could be killed: {status}"));
            }
            StepEnd::Reached => child.kill().map_err(child_error)?,
        }
        // Events printed before the kill can still be in the pipe. They have to hold as well.
        if let StepEnd::Aborted(why) = self.observe(&mut child, events, |_| false)? {
            return Ok(scoreboard.aborted(why, "the end of the killed run", events));
        }
        scoreboard.done_at_kill = events.done.len() as u64;
        let requests_before: Vec<u64> =
            self.server.paths().map(|path| self.server.requests_of(&path)).collect();
        let done_before: Vec<bool> = self.server.urls().map(|url| events.done.contains(&url)).collect();

        print_step("killed with SIGKILL; checking the status");
        if let Some(why) = self.check_status(scoreboard)? {
            return Ok(scoreboard.aborted(why, "`status` after the kill", events));
        }

        print_step("resuming with the same command");
        let mut child = self.start_get()?;
        let has_absent_files = self.server.paths().any(|path| !self.server.site().exists(&path));
        let expected = if has_absent_files { Exit::Server } else { Exit::Complete };
        match self.observe(&mut child, events, |_| false)? {
            StepEnd::Exited(status) if status.code() == Some(i32::from(expected.code())) => {}
            StepEnd::Exited(status) => {
                scoreboard
                    .complain(format!("the second run ended with {status}, not with {}", expected.code()));
            }
            StepEnd::Aborted(why) => return Ok(scoreboard.aborted(why, "the second run", events)),
            StepEnd::Reached => {}
        }
        let files = self.server.paths().zip(requests_before).zip(done_before);
        scoreboard.requested_again = files
            .filter(|((path, before), was_done)| *was_done && self.server.requests_of(path) > *before)
            .count();
        scoreboard.reported_twice = events.failed.values().filter(|&&times| times > 1).count();

        print_step("comparing every byte with what the server has");
        inspect(self.server, &self.haul).map(Some)
    }

    fn start_get(&self) -> Result<ChildProcess, CommandError> {
        let seed = self.rehearsal.seed.to_string();
        let flags = ["get", "--json", "--quiet", "--timeout", TIMEOUT, "--seed", &seed].map(OsStr::new);
        let paths = ["-i".as_ref(), self.list.as_os_str(), "-d".as_ref(), self.haul.as_os_str()];
        self.start(&[&flags[..], &paths[..]].concat(), "get.log")
    }

    fn start<T: AsRef<OsStr>>(
        &self,
        arguments: &[T],
        log: impl AsRef<Path>,
    ) -> Result<ChildProcess, CommandError> {
        files::append(&self.rehearsal.directory.join(log))
            .and_then(|stderr| ChildProcess::start(arguments, stderr))
            .map_err(|source| CommandError::Rehearsal { what: "the child process cannot be started", source })
    }

    /// Records the events of the child until it exits or `is_reached` returns true.
    fn observe(
        &self,
        child: &mut ChildProcess,
        events: &mut ObservedEvents,
        is_reached: impl Fn(&ObservedEvents) -> bool,
    ) -> Result<StepEnd, CommandError> {
        self.read_lines(child, |line| {
            events.record(line);
            is_reached(events)
        })
    }

    /// Passes each line of the child to `is_last`, until it returns true or the child exits.
    fn read_lines(
        &self,
        child: &mut ChildProcess,
        mut is_last: impl FnMut(&str) -> bool,
    ) -> Result<StepEnd, CommandError> {
        let mut has_closed = false;
        loop {
            if self.rehearsal.is_stopped() {
                return Ok(StepEnd::Aborted("stopped by a signal"));
            }
            if clock::now() >= self.deadline {
                return Ok(StepEnd::Aborted("still running after 5 minutes, so it hangs"));
            }
            match if has_closed { NextLine::End } else { child.next_line() } {
                NextLine::Line(line) if is_last(&line) => return Ok(StepEnd::Reached),
                NextLine::Line(_) | NextLine::NotYet => {}
                NextLine::End => {
                    if let Some(status) = child.try_wait().map_err(child_error)? {
                        return Ok(StepEnd::Exited(status));
                    }
                    if has_closed {
                        std::thread::sleep(EXIT_POLL_INTERVAL);
                    }
                    has_closed = true;
                }
            }
        }
    }

    /// Runs `status` on the killed haul and checks its counts. A text is the reason why that was aborted.
    fn check_status(&self, scoreboard: &mut Scoreboard) -> Result<Option<&'static str>, CommandError> {
        let arguments = ["status".as_ref(), self.haul.as_os_str(), "--json".as_ref()];
        let mut child = self.start(&arguments, "status.log")?;
        let mut status = Value::Null;
        let end = self.read_lines(&mut child, |line| {
            status = serde_json::from_str(line).unwrap_or_default();
            false
        })?;
        if let StepEnd::Aborted(why) = end {
            return Ok(Some(why));
        }
        let count = |name: &str| status[name].as_u64().unwrap_or(0);
        let sum = ["done", "failed", "skipped", "pending"].map(count).iter().sum::<u64>();
        if sum != u64::from(self.rehearsal.files) {
            scoreboard.complain(format!(
                "after the kill, the counts of `status` summed to {sum}, not to {}",
                self.rehearsal.files
            ));
        }
        if count("done") < scoreboard.done_at_kill {
            let (events, found) = (scoreboard.done_at_kill, count("done"));
            scoreboard.complain(format!("{events} files were reported as done, `status` found {found}"));
        }
        if !status["damage"].as_array().is_some_and(Vec::is_empty) {
            scoreboard.complain(format!("after the kill, the journal was damaged: {}", status["damage"]));
        }
        Ok(None)
    }
}

fn child_error(source: std::io::Error) -> CommandError {
    CommandError::Rehearsal { what: "the child process cannot be controlled", source }
}
