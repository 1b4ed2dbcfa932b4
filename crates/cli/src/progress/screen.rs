//! Draws on standard error: messages scroll, and on a terminal a few live lines stay below them.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use crate::commands::write_message;
use crate::trace;

/// Columns if neither the user nor the terminal gives a number.
const COLUMNS_DEFAULT: usize = 80;

/// Standard error as a screen. Errors of writing are ignored: there is no other place to report them.
#[derive(Debug)]
pub(super) struct Screen {
    is_live: bool,
    /// Live lines that are on the terminal now, above the cursor.
    live_lines: usize,
}

impl Screen {
    /// Live lines are drawn only if they are wanted and standard error is a terminal that supports cursor control,
    /// without the lines of a trace between.
    pub(super) fn new(wants_live: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|kind| kind == "dumb");
        let is_live = wants_live && io::stderr().is_terminal() && !is_dumb && !trace::is_on();
        Self { is_live, live_lines: 0 }
    }

    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// The columns that a line may use: `COLUMNS` or those of the terminal, minus one, because on some terminals a cursor
    /// beyond the last column wraps.
    pub(super) fn columns() -> usize {
        let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal =
            || rustix::termios::tcgetwinsize(io::stderr()).map(|size| usize::from(size.ws_col)).ok();
        let columns = wanted.or_else(terminal).filter(|&columns| columns > 0).unwrap_or(COLUMNS_DEFAULT);
        columns - 1
    }

    /// Replaces the live lines, and prints new messages above them. One write, so that nothing flickers.
    pub(super) fn draw(&mut self, messages: &[String], live: &[String]) {
        let mut text = String::new();
        if self.live_lines > 0 {
            // ECMA-48: move the cursor up by `live_lines` lines, and erase to the end of the screen.
            let _ = write!(text, "\x1b[{}F\x1b[J", self.live_lines);
        }
        for line in messages.iter().chain(live) {
            text.push_str(line);
            text.push('\n');
        }
        self.live_lines = live.len();
        if !text.is_empty() {
            write_message(&text);
        }
    }
}
