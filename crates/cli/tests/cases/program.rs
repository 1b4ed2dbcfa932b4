//! Runs the program and observes it: its output, its end and its memory, while the actions of the case are performed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use longhaul_origin::script::{Action, ProcessLimits, Run, Stage, TimedAction, Trigger};
use longhaul_socket::clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::Instant;

use crate::directory::{TestDirectory, content, put};
use crate::output::CapturedOutput;

/// Time between two checks of the program.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How much longer than its limit a run may take before it is killed.
pub(crate) const LATE_MAX: Duration = Duration::from_millis(250);
/// Time limit of a run beside another one.
const BESIDE_MAX: Duration = Duration::from_secs(5);

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if it was killed because its time was over.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) took: Duration,
    pub(crate) memory_bytes_max: u64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Actions that were not performed, or failed.
    pub(crate) problems: Vec<String>,
}

impl Ended {
    /// The events on standard output.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.stdout)
    }
}

/// True if the run gets the flag `--json`.
pub(crate) fn speaks_json(run: &Run) -> bool {
    matches!(run.arguments.first().map(String::as_str), Some("get" | "retry")) && run.expect.output.is_none()
}

/// Runs the program until it ends or its time is over.
pub(crate) fn observe(run: &Run, stage: &Stage, directory: &TestDirectory, roots: &Path) -> Ended {
    let problems = run.first.iter().filter_map(|action| change(action, stage, directory).err()).collect();
    let mut child = start(run, stage, directory, roots);
    let begun = clock::now();
    let (stdout, stderr) = (CapturedOutput::to(child.stdout.take()), CapturedOutput::to(child.stderr.take()));
    let input = child.stdin.take();
    if let (Some(mut input), Some(text)) = (input, &run.input) {
        let (text, stalls) = (stage.fill(text), run.input_stalls);
        thread::spawn(move || {
            let _ = input.write_all(text.as_bytes());
            if stalls {
                thread::sleep(Duration::from_mins(1));
            }
        });
    }
    let mut observation =
        Observation { run, stage, directory, roots, stdout, stderr, next: 0, last: begun, problems };
    let mut memory_bytes_max = 0;
    let time_max = run.within.0 + LATE_MAX;
    let status = loop {
        match child.try_wait().expect("it is a child of this process") {
            Some(status) => break Some(status),
            None if begun.elapsed() > time_max => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => {}
        }
        memory_bytes_max = memory_bytes_max.max(memory_of(child.id()));
        observation.act(&child);
        thread::sleep(POLL_INTERVAL);
    };
    let took = begun.elapsed();
    if let Some(act) = run.actions.get(observation.next) {
        observation.problems.push(format!("it ended before {:?}", act.when));
    }
    Ended {
        status,
        took,
        memory_bytes_max,
        stdout: observation.stdout.end(),
        stderr: observation.stderr.end(),
        problems: observation.problems,
    }
}

fn command(
    arguments: &[String],
    stage: &Stage,
    directory: &TestDirectory,
    roots: &Path,
    limits: &ProcessLimits,
) -> Command {
    let program = env!("CARGO_BIN_EXE_longhaul");
    let mut lines: Vec<String> = limits.open_files.iter().map(|most| format!("ulimit -n {most}")).collect();
    lines.extend(limits.network.iter().flatten().cloned());
    let mut command = match (lines.is_empty(), &limits.network) {
        (true, None) => Command::new(program),
        (_, network) => {
            let mut shell = Command::new(if network.is_some() { "unshare" } else { "sh" });
            if network.is_some() {
                shell.args(["--map-root-user", "--net", "sh"]);
            }
            lines.push("exec \"$0\" \"$@\"".to_owned());
            shell.args(["-ec", &lines.join("\n"), program]);
            shell
        }
    };
    command.args(arguments.iter().map(|argument| stage.fill(argument)));
    command.current_dir(directory.path()).env("COLUMNS", "100").env("SSL_CERT_FILE", roots);
    command
}

/// The limit of a run that this machine cannot set up, if any.
pub(crate) fn not_allowed(run: &Run) -> Option<String> {
    run.limits.network.as_ref()?;
    let mut probe = Command::new("unshare");
    probe.args(["--map-root-user", "--net", "ip", "link", "set", "lo", "up"]);
    let is_allowed =
        probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    (!is_allowed).then(|| "this machine cannot create a network namespace".to_owned())
}

fn start(run: &Run, stage: &Stage, directory: &TestDirectory, roots: &Path) -> Child {
    let mut arguments = run.arguments.clone();
    if speaks_json(run) {
        // The first argument is the command.
        arguments.insert(1, "--json".to_owned());
    }
    let mut command = command(&arguments, stage, directory, roots, &run.limits);
    command.envs(run.environment.iter().map(|(name, value)| (name, stage.fill(value))));
    command.stdin(if run.input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child")
}

struct Observation<'a> {
    run: &'a Run,
    stage: &'a Stage,
    directory: &'a TestDirectory,
    roots: &'a Path,
    stdout: CapturedOutput,
    stderr: CapturedOutput,
    next: usize,
    last: Instant,
    problems: Vec<String>,
}

impl Observation<'_> {
    /// Performs the actions that are due.
    fn act(&mut self, child: &Child) {
        while let Some(TimedAction { when, action }) =
            self.run.actions.get(self.next).filter(|act| self.is_due(&act.when))
        {
            let _ = when;
            self.next += 1;
            self.last = clock::now();
            if let Err(problem) = self.perform(action, child) {
                self.problems.push(problem);
            }
        }
    }

    fn is_due(&self, when: &Trigger) -> bool {
        match when {
            Trigger::Requests(count) => self.stage.record().requests(None) >= *count,
            Trigger::After(time) => self.last.elapsed() >= time.0,
            Trigger::Event(event) => {
                let (name, count) = event.split_once(' ').unwrap_or((event, "1"));
                let events = events(&self.stdout.so_far());
                let seen = events.iter().filter(|event| event["event"] == name).count();
                count.parse::<usize>().is_ok_and(|count| seen >= count)
            }
        }
    }

    fn perform(&self, action: &Action, child: &Child) -> Result<(), String> {
        match action {
            Action::Signal(name) => name.split(' ').try_for_each(|name| {
                let signal = signal(name).ok_or_else(|| format!("no such signal: {name}"))?;
                kill_process(Pid::from_child(child), signal).map_err(|error| error.to_string())
            }),
            Action::CloseOutput => {
                self.stdout.leave();
                self.stderr.leave();
                Ok(())
            }
            Action::Beside { arguments, code, says } => self.beside(arguments, *code, says),
            Action::Write(..) | Action::Remove(_) | Action::Link(..) => {
                change(action, self.stage, self.directory)
            }
        }
    }

    fn beside(&self, arguments: &[String], code: i32, says: &str) -> Result<(), String> {
        let mut command =
            command(arguments, self.stage, self.directory, self.roots, &ProcessLimits::default());
        let mut other = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        let (stdout, stderr) =
            (CapturedOutput::to(other.stdout.take()), CapturedOutput::to(other.stderr.take()));
        let begun = clock::now();
        let status = loop {
            if let Some(status) = other.try_wait().expect("it is a child of this process") {
                break status;
            }
            if begun.elapsed() > BESIDE_MAX {
                let _ = other.kill();
                let _ = other.wait();
                return Err("the run beside it does not end".to_owned());
            }
            thread::sleep(POLL_INTERVAL);
        };
        let output = stdout.end() + &stderr.end();
        let says = self.stage.fill(says);
        if status.code() != Some(code) || !output.contains(&says) {
            return Err(format!(
                "the run beside it: {status}, expected {code} and `{says}`, printed {output}"
            ));
        }
        Ok(())
    }
}

/// Performs an action that concerns files only.
fn change(action: &Action, stage: &Stage, directory: &TestDirectory) -> Result<(), String> {
    let place = |path: &str| directory.path().join(stage.fill(path));
    match action {
        Action::Write(path, file) => {
            put(&place(path), &content(file, stage));
            Ok(())
        }
        Action::Remove(path) => fs::remove_file(place(path)).map_err(|error| error.to_string()),
        Action::Link(path, to) => {
            let path = place(path);
            let removed = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            removed.map_err(|error| error.to_string())?;
            std::os::unix::fs::symlink(place(to), path).map_err(|error| error.to_string())
        }
        Action::Signal(_) | Action::CloseOutput | Action::Beside { .. } => {
            Err("the program does not run yet".to_owned())
        }
    }
}

fn signal(name: &str) -> Option<Signal> {
    Some(match name {
        "INT" => Signal::INT,
        "TERM" => Signal::TERM,
        "HUP" => Signal::HUP,
        "KILL" => Signal::KILL,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => return None,
    })
}

fn events(output: &str) -> Vec<Value> {
    output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The peak resident memory in bytes (proc(5), `VmHWM`).
fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
