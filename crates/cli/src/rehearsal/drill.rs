//! What is done, in which order, and when it has taken too long: start, kill, look, resume, inspect.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longhaul_socket::clock;
use serde_json::Value;
use tokio::time::Instant;

use super::inspection::{Findings, inspect};
use super::run::{Heard, Run, Said};
use super::scoreboard::Score;
use super::stage::Stage;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files;

/// The whole rehearsal; whatever is still at work then hangs.
const TIME_MAX: Duration = Duration::from_mins(5);
/// The deadline of every wait in the program under test: stalls are part of the mix, and each costs one.
const TIMEOUT: &str = "2s";

/// What is to be rehearsed.
pub(crate) struct Drill<'a> {
    pub(crate) files: u32,
    pub(crate) seed: u64,
    /// Where list, haul and logs go.
    pub(crate) directory: &'a Path,
    /// Becomes true when the user asks for the end.
    pub(crate) is_stopped: Arc<AtomicBool>,
    /// Is told which step comes next.
    pub(crate) tell: &'a dyn Fn(&str),
}

/// The result of a rehearsal.
pub(crate) struct Held {
    /// The scoreboard, for people. Ends in a line end.
    pub(crate) text: String,
    pub(crate) has_passed: bool,
}

/// How a step ended.
enum Step {
    /// The child has ended by itself.
    Ended(ExitStatus),
    /// What the step waited for has come.
    Enough,
    /// The time is over, or the user has had enough.
    CutShort(&'static str),
}

/// Holds the rehearsal. An error means that it could not be held; a promise that was not kept is in the result.
pub(crate) fn hold(drill: &Drill<'_>) -> Result<Held, CommandError> {
    let cannot = |what| move |source| CommandError::Rehearsal { what, source };
    let started = clock::now();
    let stage =
        Stage::raise(drill.files, drill.seed).map_err(cannot("the host cannot listen on loopback"))?;
    let mut score = Score::new(drill, stage.endpoints());

    let list = drill.directory.join("list.txt");
    let mut text = String::from("# every file of the rehearsal\n");
    stage.urls().for_each(|url| text.extend([url.as_str(), "\n"]));
    files::create(&list)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(cannot("the list cannot be written"))?;

    let mut heard = Heard::default();
    let deadline = started + TIME_MAX;
    let findings = drill.perform(&stage, &mut heard, &mut score, deadline)?;
    score.retries = heard.retries;
    score.elapsed = started.elapsed();
    score.findings = findings;
    score.stats = stage.lower();
    Ok(score.into_held())
}

impl Drill<'_> {
    /// `None` where a step was cut short: the score says which.
    fn perform(
        &self,
        stage: &Stage,
        heard: &mut Heard,
        score: &mut Score,
        deadline: Instant,
    ) -> Result<Option<Findings>, CommandError> {
        let broken = |source| CommandError::Rehearsal { what: "the child process cannot be handled", source };
        let haul = self.directory.join("files");

        (self.tell)("downloading from a host that misbehaves in 4 of 10 answers");
        let enough = usize::try_from(self.files / 3).unwrap_or(usize::MAX).max(1);
        let mut run = self.start_get(&haul)?;
        let step =
            self.follow(&mut run, heard, deadline, |heard| heard.list_is_read && heard.done.len() >= enough)?;
        match step {
            Step::CutShort(why) => return Ok(score.cut_short(why, "the first run", heard)),
            Step::Ended(status) => {
                score.complain(format!("the first run ended before it could be killed: {status}"));
            }
            Step::Enough => run.kill().map_err(broken)?,
        }
        // What it had said before it died was said, and has to hold.
        if let Step::CutShort(why) = self.follow(&mut run, heard, deadline, |_| false)? {
            return Ok(score.cut_short(why, "the end of the killed run", heard));
        }
        score.killed_at = heard.done.len() as u64;
        let requests_before: Vec<u64> = stage.paths().map(|path| stage.requests_of(&path)).collect();
        let told_done: Vec<bool> = stage.urls().map(|url| heard.done.contains(&url)).collect();

        (self.tell)("killed with SIGKILL; looking at what is left");
        if let Some(why) = self.look(&haul, score, deadline)? {
            return Ok(score.cut_short(why, "`status` after the kill", heard));
        }

        (self.tell)("resuming with the same command");
        let mut run = self.start_get(&haul)?;
        let absent = stage.paths().any(|path| !stage.site().exists(&path));
        let expected = if absent { Exit::Server } else { Exit::Complete };
        match self.follow(&mut run, heard, deadline, |_| false)? {
            Step::Ended(status) if status.code() == Some(i32::from(expected.code())) => {}
            Step::Ended(status) => {
                score.complain(format!("the second run ended with {status} in place of {}", expected.code()));
            }
            Step::CutShort(why) => return Ok(score.cut_short(why, "the second run", heard)),
            Step::Enough => {}
        }
        let asked_again = stage.paths().zip(requests_before).zip(told_done);
        score.asked_again = asked_again
            .filter(|((path, before), was_done)| *was_done && stage.requests_of(path) > *before)
            .count();
        score.told_twice = heard.failed.values().filter(|&&times| times > 1).count();

        (self.tell)("comparing every byte with what the host served");
        inspect(stage, &haul).map(Some)
    }

    fn start_get(&self, haul: &Path) -> Result<Run, CommandError> {
        let list = self.directory.join("list.txt");
        let seed = self.seed.to_string();
        let arguments =
            ["get", "--json", "--quiet", "--timeout", TIMEOUT, "--seed", &seed].map(std::ffi::OsStr::new);
        let places = ["-i".as_ref(), list.as_os_str(), "-d".as_ref(), haul.as_os_str()];
        self.start(&[&arguments[..], &places[..]].concat(), "get.log")
    }

    fn start<T: AsRef<std::ffi::OsStr>>(&self, arguments: &[T], log: &str) -> Result<Run, CommandError> {
        let started =
            files::append(&self.directory.join(log)).and_then(|errors| Run::start(arguments, errors));
        started
            .map_err(|source| CommandError::Rehearsal { what: "the child process cannot be started", source })
    }

    /// Listens to the child until it ends, or until what was heard is enough, or until it has taken too long.
    fn follow(
        &self,
        run: &mut Run,
        heard: &mut Heard,
        deadline: Instant,
        is_enough: impl Fn(&Heard) -> bool,
    ) -> Result<Step, CommandError> {
        self.listen(run, deadline, |line| {
            heard.line(line);
            is_enough(heard)
        })
    }

    fn listen(
        &self,
        run: &mut Run,
        deadline: Instant,
        mut is_enough: impl FnMut(&str) -> bool,
    ) -> Result<Step, CommandError> {
        let mut has_closed = false;
        loop {
            if self.is_stopped.load(Ordering::Relaxed) {
                return Ok(Step::CutShort("stopped by a signal"));
            }
            if clock::now() >= deadline {
                return Ok(Step::CutShort("still at work after 5 minutes, so it hangs"));
            }
            match if has_closed { Said::End } else { run.next() } {
                Said::Line(line) if is_enough(&line) => return Ok(Step::Enough),
                Said::Line(_) | Said::Silence => {}
                Said::End => {
                    let ended = run.ended();
                    let ended = ended
                        .map_err(|source| CommandError::Rehearsal { what: "the child is lost", source })?;
                    if let Some(status) = ended {
                        return Ok(Step::Ended(status));
                    }
                    if has_closed {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    has_closed = true;
                }
            }
        }
    }

    /// Asks `status` about the dead run, and adds up what it says. A text is the reason why that was cut short.
    fn look(
        &self,
        haul: &Path,
        score: &mut Score,
        deadline: Instant,
    ) -> Result<Option<&'static str>, CommandError> {
        let arguments = ["status".as_ref(), haul.as_os_str(), "--json".as_ref()];
        let mut run = self.start(&arguments, "status.log")?;
        let mut said = Value::Null;
        let step = self.listen(&mut run, deadline, |line| {
            said = serde_json::from_str(line).unwrap_or_default();
            false
        })?;
        if let Step::CutShort(why) = step {
            return Ok(Some(why));
        }
        let count = |name: &str| said[name].as_u64().unwrap_or(0);
        let sum = ["done", "failed", "skipped", "pending"].map(count).iter().sum::<u64>();
        if sum != u64::from(self.files) {
            score.complain(format!(
                "after the kill the counts of `status` summed to {sum}, not to {}",
                self.files
            ));
        }
        if count("done") < score.killed_at {
            score.complain(format!("{} were told as done, {} were found so", score.killed_at, count("done")));
        }
        if !said["damage"].as_array().is_some_and(Vec::is_empty) {
            score.complain(format!("after the kill the journal was damaged: {}", said["damage"]));
        }
        Ok(None)
    }
}
