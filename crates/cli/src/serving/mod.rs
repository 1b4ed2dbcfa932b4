//! The services of `serve` as the command line specifies them, and the log of their connections. `longhaul-origin`
//! implements the services.

mod log;
mod plan;
mod service_spec;
mod toxic_spec;

pub(crate) use log::Log;
pub(crate) use plan::{InvalidPlan, ProxyPlan};
pub(crate) use service_spec::{Content, ServiceSpec};
pub(crate) use toxic_spec::ToxicSpec;
