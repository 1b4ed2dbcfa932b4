//! The commands, one module each, and [`run`], which selects one.

mod connect;
mod dry_run;
mod export;
mod forget;
mod get;
mod listen;
mod locked;
mod rehearse;
mod retry;
mod run;
mod serve;
mod sockets;
mod status;
mod verify;

use std::io::{self, Write as _};

pub use run::run;

use crate::error::CommandError;
use crate::stream_writer::standard_error;

/// Writes a message for people to standard error. If that is closed, or nobody reads it, the exit code is all that is left.
pub(crate) fn write_message(text: &str) {
    let writer = standard_error();
    if writer.write(text.as_bytes()) {
        writer.finish();
    }
}

/// Writes data to standard output. A reader that has closed the pipe has seen enough: that is not an error.
fn write_data(text: &str) -> Result<(), CommandError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(stdout_error(error)),
        _ => Ok(()),
    }
}

pub(crate) fn stdout_error(source: io::Error) -> CommandError {
    CommandError::Output { place: "standard output".to_owned(), source }
}
