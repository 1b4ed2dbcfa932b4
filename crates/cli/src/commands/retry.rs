//! `longhaul retry`: makes failed and parked rows pending again, and runs the haul.

use super::{get, write_message};
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
        write_message(&format!("to be tried again: {}\n", counted(reopened, "URL")));
    }
    get::run_haul(plan)
}
