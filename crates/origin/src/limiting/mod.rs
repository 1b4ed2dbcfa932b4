//! The host that limits those who ask: a manner behind listeners.
//!
//! It speaks HTTP/1.1 with the parts of the host that misbehaves, and leaves every decision to its
//! [`Manner`](crate::manner::Manner): what comes of a request, and when. It refuses to know who asks: whatever listener a
//! request comes in by, all of them share one manner. Whom they ask for is known: several hosts may share one listener.

mod connection;
mod host;
mod ledger;

pub use host::{LimitingHost, RunningLimitingHost, VirtualHosts};
pub use ledger::{Exchange, LimitingStats};
