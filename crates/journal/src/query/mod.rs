//! Questions about all rows, answered in one scan of the log.

mod failures;
mod outcomes;
mod recent;

pub use failures::Failures;
pub use outcomes::RecordedOutcome;
pub(crate) use outcomes::for_each_outcome;
pub use recent::RecentOutcomes;
