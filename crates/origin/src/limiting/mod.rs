//! A server with limits: a [`LimitModel`](crate::limit_model::LimitModel) behind listeners.
//!
//! It serves the seeded files of a site, and leaves every decision about a request to its limit model: what happens to it,
//! and when. All listeners of a server share one model, and the model does not know which client asks. Several servers may
//! share one listener, told apart by the host name of the request.

mod model_state;
mod serve;
mod server;
mod shared;

pub use model_state::{ExchangeRecord, LimitingStats};
pub use server::{LimitingServer, RunningLimitingServer, VirtualHosts};
