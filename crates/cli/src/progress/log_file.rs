//! The log file of a run (`--log`): every failure and every other event except those of ordinary progress.
//!
//! A thread of its own writes the lines, behind a bounded queue that nobody waits for. A disk that is full or hangs costs lines, which are
//! counted in the log, and a message; the run continues.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use longhaul::{Event, Report};
use longhaul_socket::clock::WallClock;

use super::json_events;
use super::messages::message;
use super::rotating_file::RotatingFile;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::Verbosity;
use crate::render::{count, escaped, json, quoted, rfc3339};

/// Lines that can wait for the disk: a burst of failures, about 20 MB at most.
const WAITING_MAX: usize = 65_536;
/// How long a disk has for opening the file.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a disk has at the end of a run for the lines that wait: a run that is stopped ends within two seconds.
const END_WAIT_MAX: Duration = Duration::from_secs(1);

/// What the user wants logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogPlan {
    pub(crate) path: PathBuf,
    pub(crate) format: LogFormat,
    /// The size beyond which a file is renamed, in bytes.
    pub(crate) bytes_max: u64,
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// The time and the message that people get with `-v`.
    Text,
    /// The objects of `--json`.
    Json,
}

/// The end of the log that the run uses.
#[derive(Debug)]
pub(super) struct LogFile {
    format: LogFormat,
    clock: WallClock,
    /// `None` once the log has ended.
    lines: Mutex<Option<SyncSender<String>>>,
    shared: Arc<Shared>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lines that have got no place since the last one that was written.
    lost: AtomicU64,
    /// What people are to be told, once.
    notice: Mutex<Option<String>>,
    has_noticed: AtomicBool,
}

impl LogFile {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened, or not in time.
    pub(super) fn start(plan: LogPlan) -> Result<Self, CommandError> {
        let LogPlan { path, format, bytes_max } = plan;
        let place = quoted(&path);
        let clock = WallClock::system();
        let shared = Arc::<Shared>::default();
        let (lines, queue) = mpsc::sync_channel(WAITING_MAX);
        let (opening, opened) = mpsc::sync_channel(1);
        let (ending, ended) = mpsc::channel();
        let writer = Writer { place: place.clone(), format, clock, shared: Arc::clone(&shared) };
        let work = move || {
            // Dropped at the end of the thread.
            let _ending: mpsc::Sender<()> = ending;
            match RotatingFile::open(&path, bytes_max) {
                Ok(file) => {
                    // Fails only if nobody waits any more.
                    let _ = opening.send(Ok(()));
                    writer.write(file, &queue);
                }
                Err(error) => drop(opening.send(Err(error))),
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(work).map_err(CommandError::Start)?;
        let opened =
            opened.recv_timeout(OPEN_WAIT_MAX).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        opened.map_err(|source| CommandError::Output { place, source })?;
        Ok(Self { format, clock, lines: Mutex::new(Some(lines)), shared, ended: Mutex::new(ended) })
    }

    /// Logs an event, unless it is one of ordinary progress.
    pub(super) fn event(&self, event: &Event<'_>) {
        if matches!(
            event,
            Event::Started { .. }
                | Event::Received { .. }
                | Event::Done { .. }
                | Event::Adopted { .. }
                | Event::Skipped { .. }
        ) {
            return;
        }
        let now_unix_ms = self.clock.unix_ms();
        let line = match self.format {
            LogFormat::Text => message(event, Verbosity::Verbose).map(|text| text_line(now_unix_ms, &text)),
            LogFormat::Json => json_events::line(event, now_unix_ms),
        };
        if let Some(line) = line {
            self.push(line);
        }
    }

    /// Logs the report. `text` is for people.
    pub(super) fn report(&self, report: &Report, exit: Exit, text: &str) {
        let now_unix_ms = self.clock.unix_ms();
        match self.format {
            LogFormat::Text => text.lines().for_each(|line| self.push(text_line(now_unix_ms, line))),
            LogFormat::Json => self.push(json_events::report_line(report, exit, now_unix_ms)),
        }
    }

    /// Logs the error that ended the run.
    pub(super) fn error(&self, error: &CommandError) {
        let now_unix_ms = self.clock.unix_ms();
        self.push(match self.format {
            LogFormat::Text => text_line(now_unix_ms, &format!("error: {}", escaped(&error.chain()))),
            LogFormat::Json => json_events::error_line(&error.chain(), error.exit(), now_unix_ms),
        });
    }

    /// What people are to be told of a log that cannot be written; once in a run.
    pub(super) fn take_notice(&self) -> Option<String> {
        self.shared.take_notice()
    }

    /// Ends the log: waits for the lines that are on their way, as long as that makes sense. A disk that hangs is left alone.
    /// Returns what people are to be told of it, if they have not been told.
    pub(super) fn finish(&self) -> Option<String> {
        drop(locked(&self.lines).take());
        if locked(&self.ended).recv_timeout(END_WAIT_MAX) == Err(RecvTimeoutError::Timeout) {
            self.shared.lose("its disk does not take the last ones");
        }
        self.shared.take_notice()
    }

    fn push(&self, line: String) {
        let sent = locked(&self.lines).as_ref().map(|lines| lines.try_send(line));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.shared.lose("its disk does not take them fast enough");
        }
    }
}

/// No code can panic while it holds one of these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn take_notice(&self) -> Option<String> {
        locked(&self.notice).take()
    }

    fn lose(&self, why: &str) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let notice = format!("the log loses lines: {why}; the run continues");
            *locked(&self.notice) = Some(notice);
        }
    }
}

/// The thread's own.
struct Writer {
    place: String,
    format: LogFormat,
    clock: WallClock,
    shared: Arc<Shared>,
}

impl Writer {
    fn write(self, mut file: RotatingFile, queue: &Receiver<String>) {
        for line in queue {
            if let Err(error) = self.write_lost(&mut file).and_then(|()| file.write_line(&line)) {
                self.shared.lose(&format!("cannot write {}: {error}", self.place));
            }
        }
        // Whoever reads the log sees that lines are lost, unless it still cannot be written.
        let _ = self.write_lost(&mut file);
    }

    /// Says how many lines are lost since the last one.
    fn write_lost(&self, file: &mut RotatingFile) -> io::Result<()> {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost == 0 {
            return Ok(());
        }
        let now_unix_ms = self.clock.unix_ms();
        file.write_line(&match self.format {
            LogFormat::Text => text_line(now_unix_ms, &format!("{} lines of this log are lost", count(lost))),
            LogFormat::Json => json::object(&[
                ("event", "log_lost".into()),
                ("time", rfc3339(now_unix_ms).into()),
                ("lines", lost.into()),
            ]),
        })?;
        self.shared.lost.fetch_sub(lost, Ordering::Relaxed);
        Ok(())
    }
}

fn text_line(unix_ms: u64, text: &str) -> String {
    format!("{} {text}", rfc3339(unix_ms))
}
