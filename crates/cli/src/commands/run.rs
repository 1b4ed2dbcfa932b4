//! Parses the command line, runs the command, and turns its result into an exit code.

use std::ffi::OsString;

use super::{
    connect, export, forget, get, listen, rehearse, retry, serve, sockets, status, verify, write_message,
};
use crate::arguments::{Arguments, Command};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::escaped;
use crate::stream_writer::finish_standard_error;
use crate::{startup, trace};

/// Runs the program. The first argument is the name of the program. An error is printed to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::read(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            // Help and version go to standard output. If the write fails, the exit code is all that is left.
            let _ = message.print();
            return if message.use_stderr() { Exit::Usage } else { Exit::Complete };
        }
    };
    startup::raise_open_files_limit();
    let exit = run_command(arguments.command).unwrap_or_else(|error| {
        print_error(&error);
        error.exit()
    });
    finish_standard_error();
    exit
}

fn run_command(command: Command) -> Result<Exit, CommandError> {
    trace::start(command.traces_by_flag())?;
    match command {
        Command::Get(arguments) => get::run(*arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Retry(arguments) => retry::run(*arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Forget(arguments) => forget::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Connect(arguments) => connect::run(arguments),
        Command::Listen(arguments) => listen::run(arguments),
        Command::Sockets(arguments) => sockets::run(arguments),
        Command::Rehearse(arguments) => rehearse::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
    }
}

fn print_error(error: &CommandError) {
    let mut text = format!("longhaul: {}\n", escaped(&error.chain()));
    for line in error.meaning().into_iter().chain(error.advice()) {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    write_message(&text);
}
