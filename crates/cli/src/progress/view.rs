//! The board as text: a few lines for a terminal, one for everything else. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::board::Board;
use crate::render::{self, bytes, count, escaped, time};

/// Slow hosts shown.
const HOSTS_SHOWN: usize = 3;
/// A longer estimate is no estimate.
const LEFT_MAX: Duration = Duration::from_hours(100 * 24);

/// The lines of the live display, none wider than `columns`.
pub(super) fn live(board: &Board, columns: usize, now: Instant) -> Vec<String> {
    let mut lines = vec![totals(board), rates(board)];
    if let Some(reason) = &board.paused {
        lines.push(format!("paused: {}", escaped(reason)));
    }
    lines.extend(slow(board, HOSTS_SHOWN, now));
    if board.is_stopping {
        lines.push("stopping".to_owned());
    }
    for line in &mut lines {
        truncate(line, columns);
    }
    lines
}

/// The same in one line, for logs, with the slowest host alone.
pub(super) fn summary(board: &Board, now: Instant) -> String {
    let paused = board.paused.is_some().then(|| "paused".to_owned());
    let parts = paused.into_iter().chain([totals(board), rates(board)]).chain(slow(board, 1, now));
    parts.collect::<Vec<_>>().join("; ")
}

/// The slowest hosts, and why they are slow.
fn slow(board: &Board, most: usize, now: Instant) -> impl Iterator<Item = String> {
    board.hosts.slowest(most, now).into_iter().map(move |(host, pace)| {
        let words = render::pace(pace.limiter.as_str(), pace.window, pace.rate, None, pace.blocked_for(now));
        format!("slow: {}: {words}", escaped(host))
    })
}

fn totals(board: &Board) -> String {
    let counts = board.counts();
    let mut parts = vec![format!("{} done", count(counts.done))];
    for (number, word) in [(counts.failed, "failed"), (counts.skipped, "skipped")] {
        if number > 0 {
            parts.push(format!("{} {word}", count(number)));
        }
    }
    parts.push(format!("{} to go", count(counts.pending)));
    parts.join(", ")
}

fn rates(board: &Board) -> String {
    let files = board.files_per_second();
    let mut text = format!(
        "{files:.1} files/s, {}/s, {} received",
        bytes(board.bytes_per_second()),
        bytes(board.bytes_received() as f64)
    );
    let pending = board.counts().pending;
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

/// Cuts a line to what surely fits: a character that is not ASCII may take two columns.
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

    fn board(now: Instant) -> Board {
        let mut board = Board::default();
        let counts = Counts { done: 1_000, failed: 2, skipped: 0, pending: 500 };
        board.observe(&Event::Opened { counts }, now);
        let paced =
            |host, window, limiter, blocked| Event::Paced { host, window, limiter, rate: None, blocked };
        let wait = Some(Duration::from_secs(90));
        board.observe(&paced("https://a.test:443", 2, Limiter::Congestion, None), now);
        board.observe(&paced("https://b.test:443", 1, Limiter::RetryAfter, wait), now);
        board.observe(&paced("https://c.test:443", 8, Limiter::Cap, None), now);
        board
    }

    #[test]
    fn the_live_display() {
        let now = clock::now();
        assert_eq!(
            live(&board(now), 80, now),
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
        let mut board = board(now);
        board.observe(&Event::Paused { reason: "漢字漢字漢字漢字" }, now);
        for columns in [0, 1, 19, 20] {
            for line in live(&board, columns, now) {
                let width: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(width <= columns, "{line}");
            }
        }
    }

    #[test]
    fn the_estimate_follows_the_rate() {
        let start = clock::now();
        let mut board = board(start);
        board.tick(start);
        for _ in 0..20 {
            board.observe(
                &Event::Skipped { row: longhaul::RowId(0), url: "", reason: "" },
                start + Duration::from_secs(1),
            );
        }
        board.tick(start + Duration::from_secs(2));
        assert_eq!(
            summary(&board, start + Duration::from_secs(2)),
            "1,000 done, 2 failed, 20 skipped, 480 to go; 10.0 files/s, 0 B/s, 0 B received, about 48.0 s left; \
             slow: https://b.test:443: 1 at a time, asked to wait, next request in 1 min 28 s"
        );
    }
}
