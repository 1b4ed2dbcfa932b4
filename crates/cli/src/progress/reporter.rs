//! The reader of a haul's events on behalf of people and machines.

use std::io::{self, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longhaul::{Event, Report};
use longhaul_socket::clock;
use tokio::time::Instant;

use super::board::Board;
use super::events::EventLines;
use super::messages::{Messages, message};
use super::screen::Screen;
use super::view;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::{Output, Verbosity};

/// How often the display is drawn: smooth to the eye, nothing to the machine.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal: a log of a day stays readable.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Reporter {
    shared: Arc<Shared>,
    started: Instant,
    /// Its end is what ends the drawing.
    end: mpsc::Sender<()>,
    drawing: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    verbosity: Verbosity,
    state: Mutex<State>,
    /// Apart from the state: a write may wait for the reader, and the display does not.
    lines: Option<Mutex<EventLines>>,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    messages: Messages,
}

impl Reporter {
    pub(crate) fn start(output: Output) -> io::Result<Self> {
        let lines = output.json.then(|| Mutex::new(EventLines::new()));
        let shared = Arc::new(Shared { verbosity: output.verbosity, state: Mutex::default(), lines });
        let (end, ended) = mpsc::channel();
        let drawn = Arc::clone(&shared);
        let drawing =
            thread::Builder::new().name("display".to_owned()).spawn(move || drawn.draw_until(&ended))?;
        Ok(Self { shared, started: clock::now(), end, drawing })
    }

    /// What the engine calls with every event.
    pub(crate) fn observer(&self) -> impl FnMut(&Event<'_>) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |event| shared.observe(event)
    }

    /// What is called when the user asks for the end.
    pub(crate) fn on_stop(&self) -> impl FnOnce() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            let mut state = shared.state();
            state.board.is_stopping = true;
            if shared.verbosity > Verbosity::Quiet {
                state.messages.push("stopping: what is being committed is finished first".to_owned());
            }
        }
    }

    /// Ends the display. Messages that still waited are written.
    pub(crate) fn finish(self) -> Finished {
        drop(self.end);
        // A display that panicked has nothing more to show.
        let _ = self.drawing.join();
        let elapsed = self.started.elapsed();
        let examples = self.shared.state().board.examples_to_repeat(elapsed);
        Finished { elapsed, examples, shared: self.shared }
    }
}

/// A run that is over, before its last words.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) elapsed: Duration,
    /// The first failures of the run, a line each, where they were told too long ago to be in sight.
    pub(crate) examples: Vec<String>,
    shared: Arc<Shared>,
}

impl Finished {
    /// Ends the machine output with the report, and gives people theirs.
    pub(crate) fn report(self, report: &Report, exit: Exit, text: &str) {
        if let Some(mut lines) = self.shared.lines() {
            lines.report(report, exit);
        }
        if self.shared.verbosity > Verbosity::Quiet {
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Ends the machine output with an error; people are told by the caller.
    pub(crate) fn error(self, error: &CommandError) {
        if let Some(mut lines) = self.shared.lines() {
            lines.error(&error.chain(), error.exit());
        }
    }
}

impl Shared {
    fn observe(&self, event: &Event<'_>) {
        let now = clock::now();
        {
            let message = message(event, self.verbosity);
            let mut state = self.state();
            state.board.observe(event, now);
            if let Some(message) = message {
                state.messages.push(message);
            }
        }
        if let Some(mut lines) = self.lines() {
            lines.event(event, now);
        }
    }

    fn draw_until(&self, ended: &mpsc::Receiver<()>) {
        let mut screen = Screen::new(self.verbosity > Verbosity::Quiet);
        let mut summary_at = clock::now() + SUMMARY_INTERVAL;
        loop {
            let is_over = !matches!(ended.recv_timeout(DRAW_INTERVAL), Err(RecvTimeoutError::Timeout));
            let now = clock::now();
            let (mut messages, live) = {
                let mut state = self.state();
                state.board.tick(now);
                let shows_live = screen.is_live() && !is_over;
                let live =
                    if shows_live { view::live(&state.board, Screen::columns(), now) } else { Vec::new() };
                (state.messages.take(), live)
            };
            let wants_summary = !screen.is_live() && self.verbosity > Verbosity::Quiet;
            if wants_summary && now >= summary_at && !is_over {
                summary_at = now + SUMMARY_INTERVAL;
                messages.push(view::summary(&self.state().board, now));
            }
            screen.draw(&messages, &live);
            if is_over {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every entry leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> Option<MutexGuard<'_, EventLines>> {
        Some(self.lines.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
