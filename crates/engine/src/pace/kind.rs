//! The controllers that exist, by name.

use tokio::time::Instant;

use super::adaptive::AdaptivePace;
use super::controller::{Controller, ControllerFactory, UserLimits};
use super::fixed::FixedPace;
use super::memory::Memory;

/// The controllers that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PaceKind {
    /// [`AdaptivePace`].
    #[default]
    Adaptive,
    /// [`FixedPace`].
    Fixed,
}

impl ControllerFactory for PaceKind {
    fn build(&self, limits: UserLimits, memories: &[Memory], now: Instant) -> Box<dyn Controller> {
        match self {
            Self::Adaptive => Box::new(AdaptivePace::recalling(limits, memories, now)),
            Self::Fixed => Box::new(FixedPace::recalling(limits, memories, now)),
        }
    }
}
