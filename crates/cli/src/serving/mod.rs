//! What `serve` serves, as it is asked for, and the log of its connections. The services themselves are those of
//! `longhaul-origin`.

mod log;
mod plan;
mod service_spec;
mod toxic_spec;

pub(crate) use log::Log;
pub(crate) use plan::{InvalidPlan, ProxyPlan};
pub(crate) use service_spec::{Content, ServiceSpec};
pub(crate) use toxic_spec::ToxicSpec;
