//! The controllers that exist, by name.

use tokio::time::Instant;

use super::controller::{Controller, ControllerFactory, UserLimits};
use super::courtesy::{WINDOW_MAX, window_cap};
use super::fixed::FixedPace;
use super::inference::InferencePace;
use super::memory::Memory;

/// The controllers that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PaceKind {
    /// [`InferencePace`].
    #[default]
    Inference,
    /// [`FixedPace`].
    Fixed,
}

impl ControllerFactory for PaceKind {
    fn window_max(&self, is_private: bool) -> u32 {
        match self {
            Self::Inference => WINDOW_MAX,
            Self::Fixed => window_cap(is_private),
        }
    }

    fn build(&self, limits: UserLimits, memories: &[Memory], now: Instant) -> Box<dyn Controller> {
        match self {
            Self::Inference => Box::new(InferencePace::recalling(limits, memories, now)),
            Self::Fixed => Box::new(FixedPace::recalling(limits, memories, now)),
        }
    }
}
