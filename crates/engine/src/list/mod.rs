//! From the lines of a list to rows of the spool: what a line says, the name its file gets, and the actor that reads.

pub(crate) mod expectation;
pub(crate) mod intake;
mod lines;
pub mod names;
mod naming;
mod read_lists;
mod reader;
mod source;
pub(crate) mod text;
mod walk;

pub use lines::LINE_BYTES_MAX;
pub use reader::{Item, ListReader};
pub use source::Source;
