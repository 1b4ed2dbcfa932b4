//! `longhaul get`: runs a haul, or checks what it would be.

use super::dry_run;
use crate::arguments::GetArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::progress::Reporter;
use crate::{render, signals};

pub(super) fn run(arguments: GetArguments) -> Result<Exit, CommandError> {
    let is_dry = arguments.dry_run;
    let plan = Plan::of_get(arguments)?;
    if is_dry { dry_run::run(plan) } else { haul(plan) }
}

/// Runs the haul of this plan to its end, with everything that is told on the way.
pub(super) fn haul(plan: Plan) -> Result<Exit, CommandError> {
    let directory = plan.directory.clone();
    let reporter = Reporter::start(plan.output).map_err(CommandError::Start)?;
    let ended = plan.into_builder().on_event(reporter.observer()).build().map_err(CommandError::from);
    let ended = ended.and_then(|haul| {
        let (stopper, tell) = (haul.stopper(), reporter.on_stop());
        signals::watch(move || {
            stopper.stop();
            tell();
        })
        .map_err(CommandError::Start)?;
        Ok(haul.run()?)
    });
    let finished = reporter.finish();
    match ended {
        Ok(report) => {
            let exit = Exit::of_report(&report);
            let text = render::report(&report, &directory, finished.elapsed, &finished.examples);
            finished.report(&report, exit, &text);
            Ok(exit)
        }
        Err(error) => {
            finished.error(&error);
            Err(error)
        }
    }
}
