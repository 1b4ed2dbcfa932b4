//! `longhaul get`: runs a haul, or checks its lists.

use super::{dry_run, locked, write_data, write_message};
use crate::arguments::GetArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::plan::{Plan, Verbosity};
use crate::progress::Reporter;
use crate::render::escaped;
use crate::{files, render, signals};

pub(super) fn run(arguments: GetArguments) -> Result<Exit, CommandError> {
    let is_dry = arguments.dry_run;
    let plan = Plan::of_get(arguments)?;
    if is_dry { dry_run::run(plan) } else { run_haul(plan) }
}

/// Runs the haul of this plan and reports on it.
pub(super) fn run_haul(plan: Plan) -> Result<Exit, CommandError> {
    let (directory, locked, output) = (plan.directory.clone(), plan.locked.clone(), plan.output);
    if output.verbosity > Verbosity::Quiet
        && let Some(exposure) = files::exposure(&directory)
    {
        write_message(&format!("{}\n", escaped(&exposure)));
    }
    let reporter = Reporter::start(plan.output, plan.log.clone())?;
    let haul = plan.into_builder().on_event(reporter.observer()).build().map_err(CommandError::from);
    let outcome = haul.and_then(|haul| {
        let (stopper, report_stop) = (haul.stopper(), reporter.on_stop());
        signals::watch(move || {
            stopper.stop();
            report_stop();
        })
        .map_err(CommandError::Start)?;
        Ok(haul.run()?)
    });
    let finished = reporter.finish();
    match outcome {
        Ok(report) => {
            let mut exit = Exit::of_report(&report);
            let mut text = render::report(&report, &directory, finished.elapsed, &finished.examples);
            if let Some(label) = locked {
                let write = |line: &str| drop(write_data(line));
                match locked::report(&directory, &label, output.json, output.verbosity, write) {
                    Ok(rows) => {
                        text += &rows.text();
                        if exit == Exit::Complete && !rows.are_all_the_same() {
                            exit = Exit::File;
                        }
                    }
                    Err(error) => {
                        let error = CommandError::from(error);
                        finished.error(&error);
                        return Err(error);
                    }
                }
            }
            finished.report(&report, exit, &text).map(|()| exit)
        }
        Err(error) => {
            finished.error(&error);
            Err(error)
        }
    }
}
