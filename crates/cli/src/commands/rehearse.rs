//! `longhaul rehearse`: runs a [`rehearsal`](crate::rehearsal) and prints the result.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::write_message;
use crate::arguments::RehearseArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files::ScratchDirectory;
use crate::rehearsal::{Rehearsal, compare_downloaders, kill_and_resume};
use crate::render::quoted;
use crate::signals;

pub(super) fn run(arguments: RehearseArguments) -> Result<Exit, CommandError> {
    let RehearseArguments { directory, peers, files, seed } = arguments;
    let mut scratch = match directory {
        Some(directory) => ScratchDirectory::at(directory),
        None => ScratchDirectory::new("rehearsal"),
    }
    .map_err(CommandError::Scratch)?;
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_stopped);
    signals::watch(move || stop.store(true, Ordering::Relaxed)).map_err(CommandError::Start)?;
    let rehearsal = Rehearsal {
        files,
        seed,
        directory: scratch.path(),
        is_stopped: Arc::clone(&is_stopped),
        print_step: &|step| write_message(&format!("{step}\n")),
    };
    let result = if peers { compare_downloaders(&rehearsal)? } else { kill_and_resume(&rehearsal)? };
    // If standard output is closed, the exit code is all that is left.
    let _ = io::stdout().write_all(result.text.as_bytes());
    if is_stopped.load(Ordering::Relaxed) {
        return Ok(Exit::Unfinished);
    }
    if result.has_passed {
        return Ok(Exit::Complete);
    }
    scratch.keep();
    write_message(&format!("its files are in {}\n", quoted(scratch.path())));
    Ok(Exit::Other)
}
