//! What `serve` serves, as it is asked for, and the log of its connections. The services themselves are those of
//! `longhaul-origin`.

mod log;
mod plan;
mod toxic_wish;
mod wish;

pub(crate) use log::Log;
pub(crate) use plan::{InvalidPlan, ProxyPlan};
pub(crate) use toxic_wish::ToxicWish;
pub(crate) use wish::{Content, Wish};
