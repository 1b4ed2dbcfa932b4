//! Pace control for hosts that nobody has seen before: the hosts (`zoo`), the controller, and the simulation between them.

#![allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

pub mod controller;
pub mod random;
pub mod sim;
pub mod zoo;

/// Seconds, since an arbitrary beginning or between two events.
pub type Seconds = f64;
