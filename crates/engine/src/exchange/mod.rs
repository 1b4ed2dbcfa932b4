//! One attempt at one URL: the request, the body on its way to the sink, and what a failure was.

pub(crate) mod attempt;
pub(crate) mod byte_rate;
pub(crate) mod class;
pub(crate) mod failure;
mod receiving;

pub use class::{Class, UnknownClass};
