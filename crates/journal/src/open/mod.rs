//! The ways into a journal: opened by the one process that works on the haul, or read by anyone.

mod contents;
mod journal;
mod parts;
mod read_only;

pub use journal::{Journal, Opened, Recovery};
pub use read_only::ReadOnly;
