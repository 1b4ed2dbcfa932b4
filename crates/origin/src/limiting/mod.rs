//! The host that limits those who ask: a limit model behind listeners.
//!
//! It speaks HTTP/1.1 with the parts of the host that misbehaves, and leaves every decision to its
//! [`LimitModel`](crate::limit_model::LimitModel): what comes of a request, and when. It refuses to know who asks: whatever listener a
//! request comes in by, all of them share one limit model. Whom they ask for is known: several hosts may share one listener.

mod connection;
mod model_state;
mod server;

pub use model_state::{ExchangeRecord, LimitingStats};
pub use server::{LimitingServer, RunningLimitingServer, VirtualHosts};
