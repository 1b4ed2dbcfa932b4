//! The same hostile host for several downloaders, one after the other; each is judged by what lies on disk in the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longhaul_socket::clock;

use super::drill::{Drill, Held};
use super::inspection::holds;
use super::peer::Peer;
use super::stage::Stage;
use crate::error::CommandError;
use crate::files;
use crate::render::count;

/// Nobody is given longer: five of them are through within ten minutes, then.
const TIME_MAX: Duration = Duration::from_secs(110);
/// How often it is looked whether one has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How one came off.
struct Standing {
    peer: Peer,
    version: String,
    right: u32,
    /// Files under their final names that are not what the host has under that name.
    wrong: u32,
    missing: u32,
    requests: u64,
    elapsed: Duration,
    /// It had not ended when its time was over.
    is_hung: bool,
}

/// Holds the contest of those that are installed. An error means that it could not be held.
pub(crate) fn contest(drill: &Drill<'_>) -> Result<Held, CommandError> {
    let mut standings = Vec::new();
    for peer in Peer::ALL {
        let Some(version) = peer.version() else {
            (drill.tell)(&format!("{}: not installed", peer.as_str()));
            continue;
        };
        (drill.tell)(&format!("{} {version}: downloading", peer.as_str()));
        let standing = try_out(drill, peer, version)
            .map_err(|source| CommandError::Rehearsal { what: "the contest cannot be held", source })?;
        standings.push(standing);
        if drill.is_stopped.load(Ordering::Relaxed) {
            break;
        }
    }
    let has_passed = standings.first().is_some_and(|first| is_best(first, &standings));
    Ok(Held { text: scoreboard(drill, &standings), has_passed })
}

fn try_out(drill: &Drill<'_>, peer: Peer, version: String) -> io::Result<Standing> {
    // A host that has met nobody yet: what goes wrong follows from the seed and how often a path was asked for.
    let stage = Stage::raise(drill.files, drill.seed)?;
    // Each works in a directory of its own, and is told of its list by a name that is good from there.
    let directory = std::path::absolute(drill.directory.join(peer.as_str()))?;
    files::create_directory(&directory)?;
    let log = files::append(&drill.directory.join(format!("{}.log", peer.as_str())))?;
    let mut command = peer.command(stage.urls().zip(stage.paths()), &directory)?;
    let started = clock::now();
    let mut child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let mut is_hung = false;
    while child.try_wait()?.is_none() {
        is_hung = started.elapsed() >= TIME_MAX;
        if is_hung || drill.is_stopped.load(Ordering::Relaxed) {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    let elapsed = started.elapsed();
    let (right, wrong, missing) = judge(&stage, &directory)?;
    let requests = stage.lower().requests;
    Ok(Standing { peer, version, right, wrong, missing, requests, elapsed, is_hung })
}

/// Right, wrong and missing. What the host has not, and the tool has not made up, is none of them.
fn judge(stage: &Stage, directory: &Path) -> io::Result<(u32, u32, u32)> {
    let mut found: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for name in files::all_files(directory)? {
        let path = directory.join(&name);
        let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = Peer::number_of(file_name) {
            found.insert(number, path);
        }
    }
    let (mut right, mut wrong, mut missing) = (0, 0, 0);
    for (number, path) in (0..).zip(stage.paths()) {
        let exists = stage.site().exists(&path);
        match found.get(&number) {
            Some(file) if exists && holds(file, stage.site().content(&path))? => right += 1,
            Some(_) => wrong += 1,
            None => missing += u32::from(exists),
        }
    }
    Ok((right, wrong, missing))
}

/// Everything right, and nobody who was as right was faster.
fn is_best(first: &Standing, all: &[Standing]) -> bool {
    let is_right = |standing: &Standing| standing.wrong == 0 && standing.missing == 0 && !standing.is_hung;
    let is_faster = |other: &Standing| is_right(other) && other.elapsed < first.elapsed;
    is_right(first) && !all.iter().any(is_faster)
}

fn scoreboard(drill: &Drill<'_>, standings: &[Standing]) -> String {
    let mut text = format!(
        "{} files, 4 in 10 answers faulty, 2 in 100 files absent; seed {}\n\n",
        count(drill.files.into()),
        drill.seed
    );
    let head = ["", "version", "right", "wrong", "missing", "requests", "seconds", ""];
    let row = |cells: [String; 8]| {
        let [name, version, right, wrong, missing, requests, seconds, note] = cells;
        format!(
            "{name:<9} {version:<10} {right:>7} {wrong:>6} {missing:>8} {requests:>9} {seconds:>8} {note}"
        )
    };
    let _ = writeln!(text, "{}", row(head.map(str::to_owned)).trim_end());
    for standing in standings {
        let line = row([
            standing.peer.as_str().to_owned(),
            standing.version.clone(),
            count(standing.right.into()),
            count(standing.wrong.into()),
            count(standing.missing.into()),
            count(standing.requests),
            format!("{:.1}", standing.elapsed.as_secs_f64()),
            if standing.is_hung { "not at its end".to_owned() } else { String::new() },
        ]);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
