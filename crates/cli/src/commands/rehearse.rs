//! `longhaul rehearse`: holds a rehearsal and says how it went. What that is stands in [`rehearsal`](crate::rehearsal).

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::arguments::RehearseArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files::Scratch;
use crate::rehearsal::{Drill, contest, hold};
use crate::render::quoted;
use crate::signals;

pub(super) fn run(arguments: &RehearseArguments) -> Result<Exit, CommandError> {
    let mut scratch = match &arguments.directory {
        Some(directory) => Scratch::at(directory.clone()),
        None => Scratch::new("rehearsal"),
    }
    .map_err(CommandError::Scratch)?;
    let is_stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_stopped);
    signals::watch(move || stop.store(true, Ordering::Relaxed)).map_err(CommandError::Start)?;
    let drill = Drill {
        files: arguments.files,
        seed: arguments.seed,
        directory: scratch.path(),
        is_stopped: Arc::clone(&is_stopped),
        tell: &tell,
    };
    let held = if arguments.peers { contest(&drill)? } else { hold(&drill)? };
    // Where standard output is closed the exit code has to say it.
    let _ = io::stdout().write_all(held.text.as_bytes());
    if is_stopped.load(Ordering::Relaxed) {
        return Ok(Exit::Unfinished);
    }
    if held.has_passed {
        return Ok(Exit::Complete);
    }
    scratch.keep();
    tell(&format!("what is left of it is in {}", quoted(scratch.path())));
    Ok(Exit::Other)
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
