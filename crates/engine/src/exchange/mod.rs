//! One attempt at one URL: the requests, the transfer of the body to the sink, and the class of a failure.

pub(crate) mod attempt;
mod body_range;
pub(crate) mod byte_rate;
pub(crate) mod class;
mod complete_body;
mod content_format;
pub(crate) mod context;
pub(crate) mod ended;
pub(crate) mod failure;
mod join;
mod no_file;
pub(crate) mod overlap;
pub(crate) mod progress;
pub(crate) mod range_refusals;
mod range_test;
mod receiving;
mod redirects;
pub(crate) mod server_digests;
pub(crate) mod size_limit;
mod status;
mod unstorable;
pub(crate) mod witness;

pub use class::{Class, UnknownClass};
