//! What a running haul reports: a live display on a terminal, lines elsewhere, and JSON events for machines.
//!
//! The callback of the engine only records: [`haul_progress`] holds the sums, [`messages`] the lines to print. A thread
//! of the [`reporter`] prints them at its own pace, so a slow or stopped terminal never slows a download down. JSON
//! events are the exception: their reader gets every event, and the engine waits for it.

mod active_rows;
mod failure_groups;
mod haul_progress;
mod json_events;
mod log_file;
mod messages;
mod rate;
mod reporter;
mod rotating_file;
mod screen;
mod slow_hosts;
mod view;

pub(crate) use log_file::{LogFormat, LogPlan};
pub(crate) use reporter::Reporter;
