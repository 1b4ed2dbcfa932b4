//! A minimum speed for streams, in both flavours.

mod asynchronous;
#[cfg(unix)]
pub(crate) mod blocking;
mod calls;
mod minimum;
mod monitor;

pub use asynchronous::MonitoredStream;
pub use minimum::MinimumSpeed;
pub use monitor::SpeedMonitor;
