//! One attempt at one URL: the requests, the transfer of the body to the sink, and the class of a failure.

pub(crate) mod attempt;
pub(crate) mod byte_rate;
pub(crate) mod class;
mod content_format;
pub(crate) mod context;
pub(crate) mod ended;
pub(crate) mod failure;
pub(crate) mod progress;
mod receiving;
pub(crate) mod witness;

pub use class::{Class, UnknownClass};
