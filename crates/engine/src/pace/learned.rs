//! What controllers know of a host beyond a few numbers, so that one can continue where another ended.

use std::time::Duration;

use tokio::time::Instant;

use super::adaptive::meter::AcceptedCounts;
use super::adaptive::rate::RateMemory;
use super::adaptive::stall_retry::StallRetry;
use super::denial_storm::DenialStorm;
use super::latency::Latency;
use super::offset::Offset;

/// The part of a [`Memory`](super::Memory) that is not kept between runs. Plain data, all times relative.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Learned {
    /// Requests that the host served.
    pub(super) served: u32,
    /// When the user's spacing allows the next request.
    pub(super) next_by_spacing: Option<Offset>,
    /// How long the host refuses everybody who asks too often.
    pub(super) ban: Option<Duration>,
    pub(super) denials: DenialStorm,
    pub(super) latency: Latency<Offset>,
    pub(super) stall_retry: StallRetry,
    pub(super) rate: Option<RateMemory>,
    pub(super) accepted: AcceptedCounts,
}

impl Learned {
    /// Requests that the host served in all these.
    pub(super) fn served<'a>(all: impl Iterator<Item = &'a Self>) -> u32 {
        all.fold(0, |served, learned| served.saturating_add(learned.served))
    }

    /// When the user's spacing allows the next request.
    pub(super) fn next_by_spacing<'a>(all: impl Iterator<Item = &'a Self>, now: Instant) -> Option<Instant> {
        all.filter_map(|learned| learned.next_by_spacing).max().map(|offset| offset.after(now))
    }

    /// The one with the most requests served.
    pub(super) fn busiest<'a>(all: impl Iterator<Item = &'a Self>) -> Option<&'a Self> {
        all.max_by_key(|learned| learned.served)
    }
}
