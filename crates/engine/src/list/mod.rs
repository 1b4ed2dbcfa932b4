//! From the lines of a list to rows of the spool: what a line says, the name its file gets, and the actor that reads.

pub(crate) mod expectation;
pub(crate) mod intake;
mod lines;
pub mod names;
mod naming;
mod source;
mod walk;

pub use lines::LINE_BYTES_MAX;
pub use source::Source;
