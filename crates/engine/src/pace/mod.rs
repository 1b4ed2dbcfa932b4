//! How many requests one host is sent at a time, how many a second, and when it is sent none.
//!
//! A [`Controller`] decides that for one host, or for several that share a limit: it gives permits and learns from what
//! becomes of the requests. Two exist: [`InferencePace`] finds the fastest pace that the host tolerates, [`FixedPace`] does
//! what the user says. What a controller has learned leaves it as a [`Memory`], which is all that moves between shards,
//! and all that is kept between runs.
//!
//! Which hosts share a limit is for [`SharedLimitDetector`] to find out. Everything here is a state machine without I/O.

mod announced;
mod belief;
mod controller;
mod courtesy;
mod failures;
mod fixed;
pub(crate) mod host_state_cache;
mod inference;
mod kind;
mod learned;
mod limiter;
mod memory;
mod shared_limit_detector;
mod signal;

pub use announced::Announcement;
pub use belief::Belief;
pub use controller::{
    Controller, ControllerFactory, Denial, FirstByte, Permit, Pick, SendRecord, UserLimits, Work,
};
pub use courtesy::{WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC, WINDOW_MAX};
pub use fixed::FixedPace;
pub use inference::InferencePace;
pub use kind::PaceKind;
pub use limiter::{Limiter, UnknownLimiter};
pub use memory::Memory;
pub use shared_limit_detector::{NameAnswer, SharedLimitDetector, SharedLimitFinding};
pub use signal::Signal;
