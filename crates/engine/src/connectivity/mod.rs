//! The watch over our own network: an outage of ours is charged to nobody.

pub(crate) mod monitor;
pub mod outage;
