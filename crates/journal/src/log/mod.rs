//! The log of outcomes: segments of records, group commit, and recovery after a crash.

mod extent;
mod replay;
mod segments;
mod state;
mod summary;
mod tail;
mod write_summary;
mod writer;

pub(crate) use replay::{Replay, covered_damage, replay};
pub(crate) use segments::LogSegment;
pub(crate) use state::LogState;
pub(crate) use write_summary::write_summary;
pub use writer::LogWriter;
