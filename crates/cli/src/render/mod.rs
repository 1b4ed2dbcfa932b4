//! Values as text for people and machines, safe for terminals, logs and spreadsheets.

pub(crate) mod json;

mod escape;
mod failure;
mod pace;
mod quantity;
mod report;
mod shell;
mod suspicion;
mod timestamp;

pub(crate) use escape::{escaped, is_hostile};
pub(crate) use failure::{NextStep, failure};
pub(crate) use pace::pace;
pub(crate) use quantity::{bytes, count, counted, time};
pub(crate) use report::{classes, report, resume_command, retry_command};
pub(crate) use shell::quoted;
pub(crate) use suspicion::suspicion;
pub(crate) use timestamp::rfc3339;
