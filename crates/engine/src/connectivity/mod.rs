//! Detection of outages of our own network, so that no host and no URL is charged for one.

pub(crate) mod monitor;
pub mod outage;
