//! `longhaul get --dry-run`: checks the lists and prints what would be downloaded.
//!
//! The engine reads the lists into a scratch copy of the haul, and fetches nothing. So names, duplicates and refused lines are
//! those of a run, and neither the directory nor any host is touched.

use longhaul::{HaulError, Row, RowOutcome, Status};

use super::{write_data, write_message};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files::{self, ScratchDirectory};
use crate::plan::{Plan, Verbosity};
use crate::render::{count, escaped, json};

pub(super) fn run(plan: Plan) -> Result<Exit, CommandError> {
    let scratch = ScratchDirectory::new("dry-run").map_err(CommandError::Scratch)?;
    if files::holds_haul(&plan.directory) {
        files::copy_state(&plan.directory, scratch.path()).map_err(CommandError::Scratch)?;
    }
    let output = plan.output;
    read_lists(plan, &scratch)?;
    let status = Status::read(scratch.path())?;
    let (mut to_fetch, mut refused) = (0, 0);
    let mut written = Ok(());
    status.for_each_row(|row| {
        let line = match row.outcome {
            RowOutcome::Pending | RowOutcome::Waiting(_) => {
                to_fetch += 1;
                if output.json { json_line(row) } else { text_line(row) }
            }
            RowOutcome::Refused(reason) => {
                refused += 1;
                let text = format!("refused: {}:{}: {}: {}", row.list, row.line, row.url, reason);
                write_message(&format!("{}\n", escaped(&text)));
                return;
            }
            _ => return,
        };
        if written.is_ok() {
            written = write_data(&line);
        }
    })?;
    if output.verbosity > Verbosity::Quiet {
        let counts = status.counts();
        write_message(&format!(
            "{} to fetch, {} refused, {} skipped as duplicates or already there, {} done; nothing was touched\n",
            count(to_fetch),
            count(refused),
            count(counts.skipped),
            count(counts.done)
        ));
    }
    written.map(|()| if refused > 0 { Exit::Usage } else { Exit::Complete })
}

fn text_line(row: &Row<'_>) -> String {
    format!("{}\t{}\n", escaped(&row.url), escaped(row.name.as_deref().unwrap_or_default()))
}

fn json_line(row: &Row<'_>) -> String {
    let fields = [
        ("list", row.list.into()),
        ("line", row.line.into()),
        ("url", row.url.as_str().into()),
        ("name", row.name.as_deref().into()),
    ];
    json::object(&fields) + "\n"
}

/// Reads every list to its end into the scratch haul.
fn read_lists(plan: Plan, scratch: &ScratchDirectory) -> Result<(), CommandError> {
    if plan.inputs.is_empty() && plan.urls.is_empty() {
        return Ok(());
    }
    let plan = Plan { directory: scratch.path().to_owned(), ..plan };
    match plan.into_builder().build()?.read_lists() {
        Err(HaulError::ListBroken { label, source, .. }) => Err(CommandError::List { label, source }),
        read => Ok(read.map(drop)?),
    }
}
