//! Time: the one clock, deadlines, and how long waits may take.

pub mod clock;
pub mod defaults;

mod deadline;
mod timeouts;

pub use deadline::{Deadline, DeadlinePassed};
pub(crate) use timeouts::WaitLimits;
pub use timeouts::{ConnectTimeouts, Timeouts};
