//! Writes the library's `tracing` spans and events to standard error. Off unless the user asks for it.
//!
//! `LONGHAUL_LOG` selects what is written: a level (`debug`), targets with levels (`longhaul=debug,longhaul::pace=trace`), or
//! `off`. Without the variable, `-vv` writes everything at [`FLAG_LEVEL`]. An event is one line with its time, its level,
//! the spans around it, its target and its fields. Text of servers and lists is escaped.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::CommandError;
use crate::render::escaped;
use crate::stream_writer::standard_error;

/// The environment variable with the filter.
const FILTER_VARIABLE: &str = "LONGHAUL_LOG";
/// The level of `-vv`: each decision about a host, a row or an attempt, without the steps between them.
const FLAG_LEVEL: LevelFilter = LevelFilter::DEBUG;
/// The targets of `-vv`: all crates of this project, whose names begin with this.
const FLAG_TARGET: &str = "longhaul";

/// Starts the trace if the variable or the flag asks for it.
///
/// # Errors
/// The variable is not a valid filter.
pub(crate) fn start(by_flag: bool) -> Result<(), CommandError> {
    let Some(filter) = filter(by_flag)? else { return Ok(()) };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(EscapedStderr);
    // It fails only if a subscriber is set already, as by a program that runs several commands.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

/// True if the trace writes lines to standard error, which would scroll through a live display.
pub(crate) fn is_on() -> bool {
    LevelFilter::current() > LevelFilter::OFF
}

fn filter(by_flag: bool) -> Result<Option<Targets>, CommandError> {
    match std::env::var_os(FILTER_VARIABLE) {
        Some(text) if !text.is_empty() => {
            let text = text.to_string_lossy();
            let invalid = |error: tracing_subscriber::filter::ParseError| {
                CommandError::LogFilter(format!("`{text}`: {error}"))
            };
            text.parse().map(Some).map_err(invalid)
        }
        _ => Ok(by_flag.then(|| Targets::new().with_target(FLAG_TARGET, FLAG_LEVEL))),
    }
}

/// Standard error, with hostile characters escaped. The formatter writes each event with one call.
struct EscapedStderr;

impl Write for EscapedStderr {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        standard_error().write(&escaped_lines(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for EscapedStderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// The event on one line, whatever its fields contain.
fn escaped_lines(event: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(event);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    format!("{}\n", escaped(line)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        assert_eq!(escaped_lines(b"INFO url=\x1b[2J\r\nfake\n"), b"INFO url=\\u{1b}[2J\\u{d}\\u{a}fake\n");
        assert_eq!(escaped_lines(b"INFO \xff"), "INFO \u{fffd}\n".as_bytes());
    }
}
