//! From a target to a stream: resolve, connect to the fastest address, and shake hands, in both flavours.

mod asynchronous;
#[cfg(unix)]
mod block_on;
#[cfg(unix)]
pub(crate) mod blocking;
mod eyeballs;

pub use asynchronous::Connector;
