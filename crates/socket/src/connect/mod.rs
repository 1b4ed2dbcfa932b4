//! From a target to a stream: resolve, connect to the fastest address, and shake hands, in both flavours.

#[cfg(unix)]
mod block_on;
#[cfg(unix)]
pub(crate) mod blocking;
mod connector;
mod eyeballs;

pub use connector::Connector;
