//! The progress as text: a few lines for a terminal, one line for a log. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::haul_progress::HaulProgress;
use crate::render::{self, bytes, count, escaped, time};

/// Slow hosts shown on a terminal.
const HOSTS_SHOWN: usize = 3;
/// A longer estimate of the remaining time is not shown: it means nothing.
const LEFT_MAX: Duration = Duration::from_hours(100 * 24);

/// The lines of the live display, none wider than `columns`.
pub(super) fn live(progress: &HaulProgress, columns: usize, now: Instant) -> Vec<String> {
    let mut lines = vec![totals(progress), rates(progress)];
    if let Some(reason) = &progress.paused {
        lines.push(format!("paused: {}", escaped(reason)));
    }
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
    let parts = paused.into_iter().chain([totals(progress), rates(progress)]).chain(slow(progress, 1, now));
    parts.collect::<Vec<_>>().join("; ")
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
    let pending = progress.counts().pending;
    if pending > 0 && files > 0.0 {
        let left = Duration::try_from_secs_f64(pending as f64 / files).unwrap_or(Duration::MAX);
        if left <= LEFT_MAX {
            text.push_str(", about ");
            text.push_str(&time(left));
            text.push_str(" left");
        }
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
                &Event::Skipped {
                    row: longhaul::RowId(0),
                    url: "",
                    reason: "",
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
