//! `longhaul status`: shows the progress of a haul, running or not. It takes no lock and changes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use longhaul::{Class, HostRecord, RecentOutcomes, Status};
use longhaul_socket::clock::WallClock;
use serde_json::Value;

use super::write_data;
use crate::arguments::StatusArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, bytes, count, counted, escaped, json, time};

/// The time over which the rate of a running haul is computed: long enough for hosts that pause, short enough to show a change.
const RATE_WINDOW: Duration = Duration::from_mins(1);

pub(super) fn run(arguments: StatusArguments) -> Result<Exit, CommandError> {
    let StatusArguments { directory, hosts, json } = arguments;
    let status = Status::read(&directory)?;
    // Counting failures by class walks over every row, so it is done only if something failed.
    let failures = if status.counts().failed > 0 { status.failures()? } else { BTreeMap::new() };
    // Without a run there is no rate.
    let rate = if status.running().is_some() { Some(Rate::of(&status)?) } else { None };
    let text = if json {
        json_line(&status, &failures, rate, hosts)
    } else {
        text(&status, &failures, &directory, rate, hosts)
    };
    write_data(&text).map(|()| Exit::Complete)
}

/// How fast a running haul is, by its last commits.
#[derive(Debug, Clone, Copy)]
struct Rate {
    files_per_second: f64,
    bytes_per_second: f64,
    /// For the rows that are not parked.
    left: Option<Duration>,
}

impl Rate {
    fn of(status: &Status) -> Result<Self, CommandError> {
        let RecentOutcomes { rows, bytes, elapsed_ms, .. } = status.recent(RATE_WINDOW)?;
        let seconds = Duration::from_millis(elapsed_ms.max(1)).as_secs_f64();
        let files_per_second = rows as f64 / seconds;
        let waiting = status.counts().pending.saturating_sub(status.parked());
        let left = (rows > 0).then(|| Duration::try_from_secs_f64(waiting as f64 / files_per_second).ok());
        Ok(Self { files_per_second, bytes_per_second: bytes as f64 / seconds, left: left.flatten() })
    }
}

fn text(
    status: &Status,
    failures: &BTreeMap<Class, u64>,
    directory: &Path,
    rate: Option<Rate>,
    with_hosts: bool,
) -> String {
    let mut text = String::new();
    let counts = status.counts();
    let _ = writeln!(
        text,
        "{}: {} done, {} failed, {} skipped, {} to go",
        counted(counts.rows(), "row"),
        count(counts.done),
        count(counts.failed),
        count(counts.skipped),
        count(counts.pending)
    );
    if counts.failed > 0 {
        let _ = writeln!(text, "failed by class: {}", render::classes(failures));
    }
    for list in status.lists() {
        let label = escaped(&list.label).to_string();
        let _ = if let Some(end) = &list.end {
            let (lines, ignored) = (counted(end.lines, "line"), count(end.ignored_lines));
            writeln!(text, "list {label}: {lines}, {ignored} ignored")
        } else {
            writeln!(text, "list {label}: not read completely")
        };
    }
    if with_hosts {
        let hosts = status.hosts();
        if hosts.is_empty() {
            text.push_str("no host slows the haul down\n");
        }
        for host in hosts {
            text.push_str(&host_line(&host, status.running().is_some()));
        }
    }
    for damage in status.damage() {
        let _ = writeln!(text, "damage: {}", escaped(&damage));
    }
    let unread_lists = status.unread_lists();
    match status.running() {
        Some(holder) => {
            let _ = writeln!(text, "running: {}", escaped(holder));
            text.extend(rate.map(|rate| rate_line(rate, status.parked())));
        }
        None if counts.pending > 0 || !unread_lists.is_empty() => {
            let command = render::resume_command(&unread_lists, directory);
            let _ = writeln!(text, "not running; to resume: {command}");
        }
        None => text.push_str("not running\n"),
    }
    if let Some(command) = render::retry_command(failures, directory) {
        let _ = writeln!(text, "to retry failures: {command}");
    }
    text
}

/// `9.8 files/s, 1.2 MiB/s in the last minute, about 12 min left, 300 for a later run`.
fn rate_line(rate: Rate, parked: u64) -> String {
    let Rate { files_per_second, bytes_per_second, left } = rate;
    let mut line = format!("{files_per_second:.1} files/s, {}/s in the last minute", bytes(bytes_per_second));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        let _ = write!(line, ", about {} left", time(left));
    }
    if parked > 0 {
        let _ = write!(line, ", {} for a later run", count(parked));
    }
    line + "\n"
}

/// `https://example.org:443: 9.8/s, refuses more than 10/s, next request in 12 s; 300 rows wait`.
fn host_line(host: &HostRecord, is_running: bool) -> String {
    let blocked_for = blocked_for(host);
    let pace = render::pace(&host.limiter, host.window, host.rate, host.connections_max, blocked_for);
    let verb = if host.waiting == 1 { "waits" } else { "wait" };
    let waiting =
        if is_running { format!("; {} {verb}", counted(host.waiting, "row")) } else { String::new() };
    format!("{}: {pace}{waiting}\n", escaped(&host.host))
}

fn blocked_for(host: &HostRecord) -> Option<Duration> {
    let left = host.until_unix_ms?.checked_sub(WallClock::system().unix_ms())?;
    Some(Duration::from_millis(left))
}

fn host_value(host: HostRecord) -> Value {
    let (per_second, per_second_limit) = host.rate.unzip();
    let fields = [
        ("host", host.host.into()),
        ("limiter", host.limiter.into()),
        ("window", host.window.into()),
        ("waiting", host.waiting.into()),
        ("per_second", per_second.into()),
        ("per_second_limit", per_second_limit.into()),
        ("connections_max", host.connections_max.into()),
        ("blocked_until", host.until_unix_ms.map(render::rfc3339).into()),
        ("noted", render::rfc3339(host.noted_unix_ms).into()),
    ];
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

fn json_line(
    status: &Status,
    failures: &BTreeMap<Class, u64>,
    rate: Option<Rate>,
    with_hosts: bool,
) -> String {
    let counts = status.counts();
    let failures = failures.iter().map(|(class, count)| (class.to_string(), (*count).into()));
    let lists = status.lists().into_iter().map(|list| {
        let lines = list.end.as_ref().map_or(Value::Null, |end| end.lines.into());
        let fields = [
            ("list", list.label.as_str().into()),
            ("complete", list.is_complete().into()),
            ("lines", lines),
            ("ignored_lines", list.end.as_ref().map_or(0, |end| end.ignored_lines).into()),
        ];
        Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    });
    let mut fields = vec![
        ("rows", counts.rows().into()),
        ("done", counts.done.into()),
        ("failed", counts.failed.into()),
        ("skipped", counts.skipped.into()),
        ("pending", counts.pending.into()),
        ("failures", Value::Object(failures.collect())),
        ("lists", Value::Array(lists.collect())),
        ("running", status.running().map_or(Value::Null, Value::from)),
        ("damage", status.damage().into()),
        ("parked", status.parked().into()),
        ("files_per_second", rate.map(|rate| rate.files_per_second).into()),
        ("bytes_per_second", rate.map(|rate| rate.bytes_per_second).into()),
        ("left_seconds", rate.and_then(|rate| rate.left).map(|left| left.as_secs()).into()),
    ];
    if with_hosts {
        fields.push(("hosts", status.hosts().into_iter().map(host_value).collect()));
    }
    let mut text = json::object(&fields);
    text.push('\n');
    text
}
