//! A minimum speed for streams, in both flavours.

#[cfg(unix)]
pub(crate) mod blocking;
mod minimum;
mod watch;
mod watched;

pub use minimum::MinimumSpeed;
pub use watch::Watch;
pub use watched::Watched;
