//! `longhaul forget`: takes rows out of a haul.

use longhaul::ForgetRows;

use super::write_message;
use crate::arguments::ForgetArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files;
use crate::render::counted;

pub(super) fn run(arguments: ForgetArguments) -> Result<Exit, CommandError> {
    let ForgetArguments { directory, lists, classes, urls, done } = arguments;
    let mut chosen = ForgetRows::default();
    chosen.lists = lists.iter().map(|list| files::list_label(list)).collect();
    chosen.classes = classes;
    chosen.urls = urls;
    chosen.with_done = done;
    let forgotten = longhaul::forget(&directory, &chosen)?;
    write_message(&format!("forgotten: {}\n", counted(forgotten.rows, "row")));
    for (rows, why) in [
        (forgotten.repeated, "asked for by other lines"),
        (forgotten.in_doubt, "left in doubt by a run that was killed; `longhaul get` finds out"),
    ] {
        if rows > 0 {
            write_message(&format!("kept: {}, {why}\n", counted(rows, "row")));
        }
    }
    Ok(Exit::Complete)
}
