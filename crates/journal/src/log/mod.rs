//! What became of each row: segments of records, the groups they are committed in, and what is made of them after a crash.

mod fold;
mod replay;
mod segments;
mod summary;
mod tail;
mod writer;

pub(crate) use fold::Fold;
pub(crate) use replay::{Replay, replay};
pub(crate) use segments::LogSegment;
pub(crate) use summary::write_summary;
pub use writer::LogWriter;
