//! Receives the events of a haul and reports them to people and machines.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longhaul::{Event, Report};
use longhaul_socket::clock;
use tokio::time::Instant;

use super::failure_groups::FailureGroups;
use super::haul_progress::HaulProgress;
use super::json_events::JsonEventWriter;
use super::log_file::{LogFile, LogPlan};
use super::messages::{Messages, message};
use super::screen::Screen;
use super::view;
use crate::commands::{stdout_error, write_message};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::{Output, Verbosity};

/// Time between two drawings of the display: smooth to the eye, and cheap.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// Time between two summary lines without a terminal. The log of a day stays readable.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// Receives events until [`finish`](Self::finish) is called, and prints them from a thread.
#[derive(Debug)]
pub(crate) struct Reporter {
    shared: Arc<Shared>,
    started: Instant,
    /// Dropping it ends the display thread.
    end: mpsc::Sender<()>,
    display: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    verbosity: Verbosity,
    state: Mutex<State>,
    /// Not part of `state`: a write can wait for the reader of standard output, and the display must not.
    json_events: Option<Mutex<JsonEventWriter>>,
    log: Option<LogFile>,
}

#[derive(Debug, Default)]
struct State {
    progress: HaulProgress,
    messages: Messages,
    failures: FailureGroups,
}

impl Reporter {
    /// Starts the display, and opens the log file if there is to be one.
    ///
    /// # Errors
    /// The log file cannot be opened, or a thread cannot be started.
    pub(crate) fn start(output: Output, log: Option<LogPlan>) -> Result<Self, CommandError> {
        let json_events = output.json.then(|| Mutex::new(JsonEventWriter::new()));
        let log = log.map(LogFile::start).transpose()?;
        let (verbosity, state) = (output.verbosity, Mutex::default());
        let shared = Arc::new(Shared { verbosity, state, json_events, log });
        let (end, ended) = mpsc::channel();
        let displayed = Arc::clone(&shared);
        let display = thread::Builder::new()
            .name("display".to_owned())
            .spawn(move || displayed.display_until(&ended))
            .map_err(CommandError::Start)?;
        Ok(Self { shared, started: clock::now(), end, display })
    }

    /// The callback for the events of the engine.
    pub(crate) fn observer(&self) -> impl FnMut(&Event<'_>) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |event| shared.observe(event)
    }

    /// The callback for a request to stop.
    pub(crate) fn on_stop(&self) -> impl FnOnce() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            let mut state = shared.state();
            state.progress.is_stopping = true;
            if shared.verbosity > Verbosity::Quiet {
                state.messages.push("stopping: finishing the current commit first".to_owned());
            }
        }
    }

    /// Ends the display. Waiting messages are printed first.
    pub(crate) fn finish(self) -> Finished {
        drop(self.end);
        // A display thread that panicked has nothing more to print.
        let _ = self.display.join();
        let elapsed = self.started.elapsed();
        let examples = self.shared.state().progress.examples_to_repeat(elapsed);
        Finished { elapsed, examples, shared: self.shared }
    }
}

/// A run that is over and has not printed its last lines yet.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) elapsed: Duration,
    /// The first failures of the run, a line each, if they are no longer visible on the terminal.
    pub(crate) examples: Vec<String>,
    shared: Arc<Shared>,
}

impl Finished {
    /// Writes the report: the last JSON event, and `text` for people.
    ///
    /// # Errors
    /// The events could not be written.
    pub(crate) fn report(self, report: &Report, exit: Exit, text: &str) -> Result<(), CommandError> {
        let mut written = Ok(());
        if let Some(mut json_events) = self.shared.json_events() {
            json_events.report(report, exit);
            written = json_events.finish();
        }
        if let Some(log) = &self.shared.log {
            log.report(report, exit, text);
        }
        if self.shared.verbosity > Verbosity::Quiet {
            write_message(text);
        }
        self.end_log();
        written.map_err(stdout_error)
    }

    /// Writes an error as the last JSON event. The caller prints it for people.
    pub(crate) fn error(self, error: &CommandError) {
        if let Some(mut json_events) = self.shared.json_events() {
            json_events.error(&error.chain(), error.exit());
            // One error at a time: the run's own says more.
            let _ = json_events.finish();
        }
        if let Some(log) = &self.shared.log {
            log.error(error);
        }
        self.end_log();
    }

    /// Waits for the log as long as that makes sense, and says if it lacks lines.
    fn end_log(self) {
        if let Some(notice) = self.shared.log.as_ref().and_then(LogFile::finish) {
            write_message(&format!("{notice}\n"));
        }
    }
}

impl Shared {
    fn observe(&self, event: &Event<'_>) {
        let now = clock::now();
        {
            let message = message(event, self.verbosity);
            let mut state = self.state();
            state.progress.observe(event, now);
            let is_printed = match event {
                Event::Failed { url, fault, .. } if self.verbosity < Verbosity::Verbose => {
                    state.failures.admit(url, &fault.class)
                }
                _ => true,
            };
            if let Some(message) = message.filter(|_| is_printed) {
                state.messages.push(message);
            }
        }
        if let Some(log) = &self.log {
            log.event(event);
        }
        if let Some(mut json_events) = self.json_events() {
            json_events.event(event, now);
        }
    }

    fn display_until(&self, end: &mpsc::Receiver<()>) {
        let mut screen = Screen::new(self.verbosity > Verbosity::Quiet);
        let mut summary_at = clock::now() + SUMMARY_INTERVAL;
        loop {
            let is_over = !matches!(end.recv_timeout(DRAW_INTERVAL), Err(RecvTimeoutError::Timeout));
            let now = clock::now();
            let (mut messages, live) = {
                let mut state = self.state();
                state.progress.tick(now);
                let shows_live = screen.is_live() && !is_over;
                let live =
                    if shows_live { view::live(&state.progress, Screen::columns(), now) } else { Vec::new() };
                let counts = state.failures.take_counts(now, is_over);
                let notice = self.log.as_ref().and_then(LogFile::take_notice);
                let messages = state.messages.take().into_iter().chain(counts).chain(notice);
                (messages.collect::<Vec<_>>(), live)
            };
            let wants_summary = !screen.is_live() && self.verbosity > Verbosity::Quiet;
            if wants_summary && now >= summary_at && !is_over {
                summary_at = now + SUMMARY_INTERVAL;
                messages.push(view::summary(&self.state().progress, now));
            }
            screen.draw(&messages, &live);
            if is_over {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code can panic between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn json_events(&self) -> Option<MutexGuard<'_, JsonEventWriter>> {
        Some(self.json_events.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
