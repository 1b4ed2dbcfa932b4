//! What `serve` serves, as it is asked for, and the log of its connections. The services themselves are those of
//! `longhaul-origin`.

mod log;
mod wish;

pub(crate) use log::Log;
pub(crate) use wish::{Content, Wish};
