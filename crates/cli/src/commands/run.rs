//! From the command line to the command, and from its end to the exit code.

use std::ffi::OsString;

use clap::Parser as _;

use super::{connect, export, get, listen, rehearse, retry, serve, sockets, status, tell};
use crate::arguments::{Arguments, Command, with_two_letter_flags};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::escaped;
use crate::startup;

/// Runs the program with these arguments, the first of which is its own name, and says on standard error what kept it
/// from its work, if anything did.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(with_two_letter_flags(arguments)) {
        Ok(arguments) => arguments,
        Err(message) => {
            // Help and version are messages too, and go to standard output. Where nobody listens, nothing is to be done.
            let _ = message.print();
            return if message.use_stderr() { Exit::Usage } else { Exit::Complete };
        }
    };
    startup::raise_open_files_limit();
    let ended = match arguments.command {
        Command::Get(arguments) => get::run(*arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Retry(arguments) => retry::run(*arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Rehearse(arguments) => rehearse::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Listen(arguments) => listen::run(arguments),
        Command::Sockets(arguments) => sockets::run(&arguments),
    };
    ended.unwrap_or_else(|error| {
        tell_error(&error);
        error.exit()
    })
}

fn tell_error(error: &CommandError) {
    let mut text = format!("longhaul: {}\n", escaped(&error.chain()));
    for advice in error.meaning().into_iter().chain(error.advice()) {
        text.push_str("  ");
        text.push_str(advice);
        text.push('\n');
    }
    tell(&text);
}
