//! Lets several downloaders download from the same hostile server, one after the other, and judges each by the files that
//! it leaves on disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use longhaul_socket::clock;

use super::downloader::Downloader;
use super::inspection::holds;
use super::server::RehearsalServer;
use super::settings::{Rehearsal, RehearsalResult};
use crate::error::CommandError;
use crate::files;
use crate::render::count;

/// Time for each downloader. Five of them take less than ten minutes then.
const TIME_MAX: Duration = Duration::from_secs(110);
/// Pause between two checks for the end of a downloader.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The result of one downloader.
struct DownloaderResult {
    downloader: Downloader,
    version: String,
    /// The command line, with the name of the list in place of its path.
    command: String,
    /// Files that equal the server's.
    right: u32,
    /// Files under their final names that differ from the server's.
    wrong: u32,
    /// Files that the server has and the downloader has not.
    missing: u32,
    requests: u64,
    elapsed: Duration,
    /// True if it was killed when its time was over.
    is_killed: bool,
}

/// Runs each downloader that is installed. An error means that the comparison could not run.
pub(crate) fn compare_downloaders(rehearsal: &Rehearsal<'_>) -> Result<RehearsalResult, CommandError> {
    let mut results = Vec::new();
    for downloader in Downloader::ALL {
        let Some(version) = downloader.version() else {
            (rehearsal.print_step)(&format!("{}: not installed", downloader.as_str()));
            continue;
        };
        (rehearsal.print_step)(&format!("{} {version}: downloading", downloader.as_str()));
        let result = run(rehearsal, downloader, version)
            .map_err(|source| CommandError::Rehearsal { what: "the comparison failed", source })?;
        results.push(result);
        if rehearsal.is_stopped() {
            break;
        }
    }
    let has_passed = results.first().is_some_and(|first| is_best(first, &results));
    Ok(RehearsalResult { text: report(rehearsal, &results), has_passed })
}

fn run(rehearsal: &Rehearsal<'_>, downloader: Downloader, version: String) -> io::Result<DownloaderResult> {
    // A new server for each: its faults depend on the seed and on how often a path was requested.
    let server = RehearsalServer::start(rehearsal.files, rehearsal.seed)?;
    // An absolute path, because each downloader runs in its own directory.
    let directory = std::path::absolute(rehearsal.directory.join(downloader.as_str()))?;
    files::create_directory(&directory)?;
    let log = files::append(&rehearsal.directory.join(format!("{}.log", downloader.as_str())))?;
    downloader.write_list(server.urls().zip(server.paths()), &directory)?;
    let mut command = downloader.command(&directory)?;
    let started = clock::now();
    let mut child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let mut is_killed = false;
    while child.try_wait()?.is_none() {
        is_killed = started.elapsed() >= TIME_MAX;
        if is_killed || rehearsal.is_stopped() {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(EXIT_POLL_INTERVAL);
    }
    let elapsed = started.elapsed();
    let (right, wrong, missing) = count_files(&server, &directory)?;
    let requests = server.stop().requests;
    let command = downloader.command_line();
    Ok(DownloaderResult { downloader, version, command, right, wrong, missing, requests, elapsed, is_killed })
}

/// The numbers of right, wrong and missing files. A file that neither the server nor the downloader has is none of them.
fn count_files(server: &RehearsalServer, directory: &Path) -> io::Result<(u32, u32, u32)> {
    let mut found: BTreeMap<u32, PathBuf> = BTreeMap::new();
    for name in files::all_files(directory)? {
        let path = directory.join(&name);
        let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = Downloader::number_of(file_name) {
            found.insert(number, path);
        }
    }
    let (mut right, mut wrong, mut missing) = (0, 0, 0);
    for (number, path) in (0..).zip(server.paths()) {
        let exists = server.site().exists(&path);
        match found.get(&number) {
            Some(file) if exists && holds(file, server.site().content(&path))? => right += 1,
            Some(_) => wrong += 1,
            None => missing += u32::from(exists),
        }
    }
    Ok((right, wrong, missing))
}

/// True if the first result has every file right, and no other such result was faster.
fn is_best(first: &DownloaderResult, all: &[DownloaderResult]) -> bool {
    let is_right = |result: &DownloaderResult| result.wrong == 0 && result.missing == 0 && !result.is_killed;
    let is_faster = |other: &DownloaderResult| is_right(other) && other.elapsed < first.elapsed;
    is_right(first) && !all.iter().any(is_faster)
}

fn report(rehearsal: &Rehearsal<'_>, results: &[DownloaderResult]) -> String {
    let existing = results.first().map_or(0, |first| first.right + first.missing + first.wrong);
    let mut text = format!(
        "{} URLs; the server has {} of the files and responds with 404 for the other {}, on purpose.\n\
         4 in 10 responses are faulty; seed {}.\n\n",
        count(rehearsal.files.into()),
        count(existing.into()),
        count(rehearsal.files.saturating_sub(existing).into()),
        rehearsal.seed
    );
    let head = ["", "version", "right", "wrong", "missing", "requests", "seconds", ""];
    let row = |cells: [String; 8]| {
        let [name, version, right, wrong, missing, requests, seconds, note] = cells;
        format!(
            "{name:<9} {version:<10} {right:>7} {wrong:>6} {missing:>8} {requests:>9} {seconds:>8} {note}"
        )
    };
    let _ = writeln!(text, "{}", row(head.map(str::to_owned)).trim_end());
    for result in results {
        let line = row([
            result.downloader.as_str().to_owned(),
            result.version.clone(),
            count(result.right.into()),
            count(result.wrong.into()),
            count(result.missing.into()),
            count(result.requests),
            format!("{:.1}", result.elapsed.as_secs_f64()),
            if result.is_killed { "not finished, killed".to_owned() } else { String::new() },
        ]);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push_str("\ncommands:\n");
    for result in results {
        let _ = writeln!(text, "  {}", result.command);
    }
    text
}
