//! `longhaul retry`: failed rows become pending again, and the haul goes on.

use std::io::{self, Write as _};

use super::get;
use crate::arguments::RetryArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::{Plan, Verbosity};
use crate::render::counted;

pub(super) fn run(mut arguments: RetryArguments) -> Result<Exit, CommandError> {
    let classes = std::mem::take(&mut arguments.classes);
    let plan = Plan::of_retry(arguments);
    let reopened = longhaul::reopen(&plan.directory, &classes)?;
    if plan.output.verbosity > Verbosity::Quiet {
        // Where nobody listens, nothing is to be done.
        let _ = writeln!(io::stderr(), "to be tried again: {}", counted(reopened, "failed URL"));
    }
    get::haul(plan)
}
