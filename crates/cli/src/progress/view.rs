//! The progress as text: a few lines for a terminal, one line for a log. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::haul_progress::HaulProgress;
use crate::render::{self, bytes, count, escaped, time};

/// Slow hosts shown on a terminal.
const HOSTS_SHOWN: usize = 3;
/// Below this rate a log names a file that is being fetched: above it, files come and go too fast for that to say anything.
const SLOW_FILES_PER_SECOND: f64 = 1.0;
/// A longer estimate of the remaining time is not shown: it means nothing.
const LEFT_MAX: Duration = Duration::from_hours(100 * 24);

/// The lines of the live display, none wider than `columns`.
pub(super) fn live(progress: &HaulProgress, columns: usize, now: Instant) -> Vec<String> {
    let mut lines = vec![totals(progress), rates(progress)];
    if let Some(reason) = &progress.paused {
        lines.push(format!("paused: {}", escaped(reason)));
    }
    lines.extend(active(progress, now));
    lines.extend(slow(progress, HOSTS_SHOWN, now));
    if progress.is_stopping {
        lines.push("stopping".to_owned());
    }
    for line in &mut lines {
        truncate(line, columns);
    }
    lines
}

/// The same on one line, for logs, with the slowest host only.
pub(super) fn summary(progress: &HaulProgress, now: Instant) -> String {
    let paused = progress.paused.is_some().then(|| "paused".to_owned());
    let active = active(progress, now).filter(|_| progress.files_per_second() < SLOW_FILES_PER_SECOND);
    let parts = paused.into_iter().chain([totals(progress), rates(progress)]);
    let parts = parts.chain(active).chain(slow(progress, 1, now));
    parts.collect::<Vec<_>>().join("; ")
}

/// The file whose attempt has taken longest.
fn active(progress: &HaulProgress, now: Instant) -> Option<String> {
    let (row, others) = progress.active.oldest()?;
    let url = escaped(&row.url);
    let mut text = match row.silent_for(now) {
        Some(silent) => format!("waiting for {url}: nothing for {}", time(silent)),
        None => format!("fetching {url}: {} in {}", bytes(row.bytes as f64), time(row.lasted(now))),
    };
    if others > 0 {
        let _ = write!(text, "; {} more", count(others as u64));
    }
    Some(text)
}

/// A line for each of the slowest hosts.
fn slow(progress: &HaulProgress, most: usize, now: Instant) -> impl Iterator<Item = String> {
    progress.hosts.slowest(most, now).into_iter().map(move |(host, pace)| {
        let words = render::pace(pace.limiter.as_str(), pace.window, pace.rate, None, pace.blocked_for(now));
        format!("slow: {}: {words}", escaped(host))
    })
}

fn totals(progress: &HaulProgress) -> String {
    let counts = progress.counts();
    let mut parts = vec![format!("{} done", count(counts.done))];
    for (number, word) in [(counts.failed, "failed"), (counts.skipped, "skipped")] {
        if number > 0 {
            parts.push(format!("{} {word}", count(number)));
        }
    }
    parts.push(format!("{} to go", count(counts.pending)));
    parts.join(", ")
}

fn rates(progress: &HaulProgress) -> String {
    let files = progress.files_per_second();
    let mut text = format!(
        "{files:.1} files/s, {}/s, {} received",
        bytes(progress.bytes_per_second()),
        bytes(progress.bytes_received() as f64)
    );
    if let Some(left) = progress.left().filter(|left| *left <= LEFT_MAX) {
        let _ = write!(text, ", about {} left", time(left));
    }
    let apart = [(progress.retried(), "to retry"), (progress.parked(), "for a later run")];
    for (number, word) in apart.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(text, ", {} {word}", count(number));
    }
    text
}

/// Truncates a line to `columns`. A character that is not ASCII counts as two columns.
fn truncate(line: &mut String, columns: usize) {
    let mut used = 0;
    let cut = line.char_indices().find_map(|(at, character)| {
        used += if character.is_ascii() { 1 } else { 2 };
        (used > columns).then_some(at)
    });
    if let Some(at) = cut {
        line.truncate(at);
    }
}

#[cfg(test)]
mod tests {
    use longhaul::pace::Limiter;
    use longhaul::{Counts, Event};
    use longhaul_socket::clock;

    use super::*;

    fn progress(now: Instant) -> HaulProgress {
        let mut progress = HaulProgress::default();
        let counts = Counts { done: 1_000, failed: 2, skipped: 0, pending: 500 };
        progress.observe(&Event::Opened { counts }, now);
        let paced =
            |host, window, limiter, blocked| Event::Paced { host, window, limiter, rate: None, blocked };
        let wait = Some(Duration::from_secs(90));
        progress.observe(&paced("https://a.test:443", 2, Limiter::Congestion, None), now);
        progress.observe(&paced("https://b.test:443", 1, Limiter::RetryAfter, wait), now);
        progress.observe(&paced("https://c.test:443", 8, Limiter::Cap, None), now);
        progress
    }

    #[test]
    fn the_live_display() {
        let now = clock::now();
        assert_eq!(
            live(&progress(now), 80, now),
            [
                "1,000 done, 2 failed, 500 to go",
                "0.0 files/s, 0 B/s, 0 B received",
                "slow: https://b.test:443: 1 at a time, asked to wait, next request in 1 min 30 s",
                "slow: https://a.test:443: 2 at a time, breaks connections",
            ]
        );
    }

    fn fault() -> longhaul::FaultRecord {
        longhaul::FaultRecord { class: "refused".to_owned(), ..longhaul::FaultRecord::default() }
    }

    #[test]
    fn the_file_that_takes_longest_is_named_until_it_is_over() {
        let start = clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut progress = HaulProgress::default();
        let (first, second) = (longhaul::RowId(1), longhaul::RowId(2));
        progress.observe(&Event::Started { row: first, url: "http://h.test/a", attempt: 1 }, start);
        progress.observe(&Event::Started { row: second, url: "http://h.test/b", attempt: 1 }, at(1));
        progress.observe(&Event::Received { row: first, bytes: 2048 }, at(2));
        let shown = |progress: &HaulProgress, now| live(progress, 80, now)[2..].join("\n");
        assert_eq!(shown(&progress, at(3)), "fetching http://h.test/a: 2.0 KiB in 3.0 s; 1 more");
        assert_eq!(shown(&progress, at(9)), "waiting for http://h.test/a: nothing for 7.0 s; 1 more");
        let (fault, attempts, wait) = (fault(), 1, Duration::from_secs(1));
        progress.observe(
            &Event::Retrying { row: first, url: "http://h.test/a", fault: &fault, attempts, wait },
            at(9),
        );
        assert_eq!(shown(&progress, at(9)), "waiting for http://h.test/b: nothing for 8.0 s");
    }

    #[test]
    fn a_host_that_no_row_waits_for_is_not_named() {
        let now = clock::now();
        let mut progress = progress(now);
        progress.observe(&Event::HostIdle { host: "https://b.test:443" }, now);
        assert_eq!(
            live(&progress, 80, now)[2..],
            ["slow: https://a.test:443: 2 at a time, breaks connections"]
        );
    }

    #[test]
    fn failing_and_parked_rows_are_not_part_of_the_estimate() {
        let start = clock::now();
        let mut progress = progress(start);
        progress.tick(start);
        let fault = fault();
        for row in (0..300).map(longhaul::RowId) {
            let (url, attempts, wait) = ("http://dead.test/", 1, Duration::from_secs(1));
            progress.observe(&Event::Retrying { row, url, fault: &fault, attempts, wait }, start);
        }
        for row in (300..400).map(longhaul::RowId) {
            let parked = Event::Parked { row, url: "http://dead.test/", fault: &fault, until_unix_ms: 0 };
            progress.observe(&parked, start);
        }
        for row in (400..420).map(longhaul::RowId) {
            let (url, fields) = ("http://h.test/", &longhaul::Fields::default());
            progress.observe(&Event::NoContent { row, url, status: 204, attempts: 1, fields }, start);
        }
        // A dead host is given up: that says nothing of the others.
        for row in (0..100).map(longhaul::RowId) {
            let (url, fields) = ("http://dead.test/", &longhaul::Fields::default());
            let failed = Event::Failed { row, url, fault: &fault, status: None, attempts: 1, fields };
            progress.observe(&failed, start);
        }
        progress.tick(start + Duration::from_secs(2));
        let line = rates(&progress);
        assert!(line.ends_with("about 8.0 s left, 200 to retry, 100 for a later run"), "{line}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let now = clock::now();
        let mut progress = progress(now);
        progress.observe(&Event::Paused { reason: "漢字漢字漢字漢字" }, now);
        for columns in [0, 1, 19, 20] {
            for line in live(&progress, columns, now) {
                let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(width <= columns, "{line}");
            }
        }
    }

    #[test]
    fn the_estimate_follows_the_rate() {
        let start = clock::now();
        let mut progress = progress(start);
        progress.tick(start);
        for _ in 0..20 {
            progress.observe(
                &Event::NoContent {
                    row: longhaul::RowId(0),
                    url: "",
                    status: 204,
                    attempts: 1,
                    fields: &longhaul::Fields::default(),
                },
                start + Duration::from_secs(1),
            );
        }
        progress.tick(start + Duration::from_secs(2));
        assert_eq!(
            summary(&progress, start + Duration::from_secs(2)),
            "1,000 done, 2 failed, 20 skipped, 480 to go; 10.0 files/s, 0 B/s, 0 B received, about 48.0 s left; \
             slow: https://b.test:443: 1 at a time, asked to wait, next request in 1 min 28 s"
        );
    }
}
