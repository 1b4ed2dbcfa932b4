//! Logs each connection on standard error.
//!
//! A thread writes the log, so a slow reader of standard error delays the log and not the services. Lines without room in
//! the queue are counted, and the log contains the count.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use longhaul_origin::ConnectionReport;
use longhaul_socket::clock::WallClock;

use crate::render::{counted, rfc3339, time};

/// Lines in the queue: enough for thousands of clients that leave at once.
const LINES_MAX: usize = 32 * 1024;

/// Lines written with one call.
const BATCH_LINES_MAX: usize = 256;

/// How long the end of the program waits for the last lines.
const FINISH_TIME: Duration = Duration::from_millis(500);

/// The log of a server.
pub(crate) struct Log {
    sender: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
    clock: WallClock,
    finished: Receiver<()>,
}

struct Entry {
    unix_ms: u64,
    report: ConnectionReport,
}

impl Log {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, entries) = sync_channel(LINES_MAX);
        let (finish, finished) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            write_all(&entries, &counter);
            let _ = finish.send(());
        })?;
        Ok(Self { sender, lost, clock: WallClock::system(), finished })
    }

    /// The callback that logs a connection. It never waits.
    pub(crate) fn observer(&self) -> impl Fn(&ConnectionReport) + Send + Sync + 'static {
        let (sender, lost, clock) = (self.sender.clone(), Arc::clone(&self.lost), self.clock);
        move |report| {
            if sender.try_send(Entry { unix_ms: clock.unix_ms(), report: *report }).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits at most [`FINISH_TIME`] until the last lines are written. Every callback must have been dropped.
    pub(crate) fn finish(self) {
        drop(self.sender);
        let _ = self.finished.recv_timeout(FINISH_TIME);
    }
}

fn write_all(entries: &Receiver<Entry>, lost: &AtomicU64) {
    let mut text = String::new();
    while let Ok(first) = entries.recv() {
        let rest = entries.try_iter().take(BATCH_LINES_MAX - 1);
        text.clear();
        for entry in std::iter::once(first).chain(rest) {
            line(&entry, &mut text);
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(text, "{} of the log lost: standard error is slow", counted(lost, "line"));
        }
        // A closed standard error does not stop the services.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

fn line(Entry { unix_ms, report }: &Entry, text: &mut String) {
    let ConnectionReport { service, peer, bytes_in, bytes_out, elapsed, ending, .. } = report;
    let (date, elapsed) = (rfc3339(*unix_ms), time(*elapsed));
    let _ = writeln!(text, "{date} {service} {peer} in {bytes_in} out {bytes_out} {ending} after {elapsed}");
}
