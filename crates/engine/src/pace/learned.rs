//! What a controller knows of a host beyond what it shows, so that another one can continue where it ended.

use std::time::Duration;

/// The part of a [`Memory`](super::Memory) that only controllers read. Plain data, all times relative.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Learned {
    /// Requests that the host served.
    pub(super) served: u32,
    /// How long the user's spacing still delays the next request.
    pub(super) spacing_left: Duration,
    /// How long the host refuses everybody who asks too often.
    pub(super) ban: Option<Duration>,
}

impl Learned {
    /// What a controller of all these hosts continues with: it has served what each has, and the longest wait binds.
    pub(super) fn of_all<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |sum, learned| Self {
            served: sum.served.saturating_add(learned.served),
            spacing_left: sum.spacing_left.max(learned.spacing_left),
            ban: sum.ban.max(learned.ban),
        })
    }
}
