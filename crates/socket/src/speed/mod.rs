//! A minimum speed for streams, in both flavours.

mod asynchronous;
#[cfg(unix)]
pub(crate) mod blocking;
mod calls;
mod minimum;
mod watch;

pub use asynchronous::Watched;
pub use minimum::MinimumSpeed;
pub use watch::Watch;
