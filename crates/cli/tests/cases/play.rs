//! Plays a case from its beginning to its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use longhaul_origin::script::{Case, Proof, Stage};

use crate::directory::{TestDirectory, differences, put};
use crate::identities::identities;
use crate::judge::{judge, judge_stage};
use crate::program::{Ended, not_allowed, observe};
use crate::workspace;

/// Lines of each output that a failure report shows.
const LINES_SHOWN_MAX: usize = 60;

/// The result of a case that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proven {
    Yes,
    /// This machine does not allow what the case needs.
    Unsupported(String),
}

/// Proves a case. The error is a full report of the differences.
pub(crate) fn prove(name: &str, case: &Case) -> Result<Proven, String> {
    match &case.proof {
        Proof::Play { .. } => play(name, case),
        Proof::Elsewhere(tests) => tests.iter().try_for_each(|test| check_exists(test)).map(|()| Proven::Yes),
        Proof::Missing(_) => Ok(Proven::Yes),
    }
}

fn play(name: &str, case: &Case) -> Result<Proven, String> {
    let Proof::Play { hosts, dns, before, runs } = &case.proof else { return Ok(Proven::Yes) };
    let directory = TestDirectory::new(name);
    let roots = directory.beside("roots.pem");
    put(&roots, identities().roots.as_bytes());
    let place = directory.path().display().to_string();
    let others: BTreeMap<String, String> =
        [("place".to_owned(), place), ("roots".to_owned(), roots.display().to_string())].into();
    let stage = Stage::open(hosts, dns.as_ref(), &identities().by_name, others);
    let stage = match stage {
        Ok(stage) => stage,
        Err(_) if hosts.values().any(|host| host.address.is_ipv6()) && !has_ipv6() => {
            return Ok(Proven::Unsupported("this machine has no IPv6".to_owned()));
        }
        Err(error) => return Err(format!("{error}: {:?}", std::error::Error::source(&error))),
    };
    let prepared = directory.prepare(before, &stage);
    if let Some(reason) = prepared.err().or_else(|| runs.iter().find_map(not_allowed)) {
        return Ok(Proven::Unsupported(reason));
    }
    let mut files_before = directory.files();
    let mut log = String::new();
    let mut wrong = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let ended = observe(run, &stage, &directory, &roots);
        let mut of_run = judge(run, &ended, &stage);
        let files_now = directory.files();
        of_run.extend(differences(&files_before, &run.expect, &files_now, &stage));
        files_before = files_now;
        wrong.extend(of_run.into_iter().map(|what| format!("run {}: {what}", number + 1)));
        push_run(&mut log, number, &run.arguments, &ended);
    }
    wrong.extend(judge_stage(hosts, dns.as_ref(), &stage));
    if wrong.is_empty() {
        return Ok(Proven::Yes);
    }
    let file = format!("crates/origin/cases/{name}.toml");
    let record = stage.record().text();
    Err(format!("{file}: {}\n  {}\n-- on the wire\n{record}{log}", case.title, wrong.join("\n  ")))
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind(("::1", 0)).is_ok()
}

fn push_run(log: &mut String, number: usize, arguments: &[String], ended: &Ended) {
    let _ = writeln!(log, "-- run {}: longhaul {} (took {:?})", number + 1, arguments.join(" "), ended.took);
    for (what, text) in [("standard error", &ended.stderr), ("standard output", &ended.stdout)] {
        let lines: Vec<&str> = text.lines().take(LINES_SHOWN_MAX).collect();
        let _ = writeln!(log, "-- {what}\n{}", lines.join("\n"));
    }
}

/// Checks that the test `FILE::FUNCTION` exists.
fn check_exists(test: &str) -> Result<(), String> {
    let (file, function) = test.split_once("::").ok_or_else(|| format!("`{test}` is not FILE::FUNCTION"))?;
    let source = fs::read_to_string(workspace().join(file)).map_err(|error| format!("{file}: {error}"))?;
    let found = source.contains(&format!("fn {function}(")) || source.contains(&format!("fn {function}<"));
    if found { Ok(()) } else { Err(format!("{file} has no test {function}")) }
}
