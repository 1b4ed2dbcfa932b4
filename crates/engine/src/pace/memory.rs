//! What is left of a controller when it ends: what the host has shown, as plain numbers.
//!
//! A memory holds no clock readings (times are relative to its taking) and no references, so it can move to another
//! thread, another process or a file. It takes 4 KB at most.

use std::time::Duration;

use tokio::time::Instant;

use super::belief::Belief;
use super::learned::Learned;
use super::limiter::Limiter;

/// What a host has shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// What holds the host back.
    pub limiter: Limiter,
    /// Requests that may be in flight.
    pub window: u32,
    /// Requests a second, if the host counts them: the current rate, and the rate that it served when it last refused.
    pub rate: Option<(f64, f64)>,
    /// The host breaks connections beyond this number.
    pub connections_max: Option<u32>,
    /// Nothing is to be sent for this long.
    pub blocked_for: Option<Duration>,
    /// What only a controller of the same run continues with.
    pub(super) learned: Option<Box<Learned>>,
}

impl Memory {
    /// The memory of a controller that has no more to say than what it believes.
    #[must_use]
    pub fn of_belief(belief: &Belief, now: Instant) -> Self {
        let Belief { limiter, window, rate, blocked_until } = *belief;
        let blocked_for = blocked_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|pause| !pause.is_zero());
        Self { limiter, window, rate, connections_max: None, blocked_for, learned: None }
    }

    /// The share of one host, if this many (at least 1) have one controller: each may come back alone. Numbers only.
    #[must_use]
    pub fn part_of(&self, hosts: usize) -> Self {
        let part = |rate: f64| rate / hosts.max(1) as f64;
        let rate = self.rate.map(|(now, limit)| (part(now), part(limit)));
        let Self { limiter, window, connections_max, blocked_for, .. } = *self;
        Self { limiter, window, rate, connections_max, blocked_for, learned: None }
    }

    /// Whether it is of use beyond the moment: the host has shown a limit, or asked for a pause.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.rate.is_some() || self.connections_max.is_some() || self.blocked_for.is_some()
    }

    /// Whether it says more than a new controller assumes.
    #[must_use]
    pub const fn is_informative(&self) -> bool {
        self.is_lasting() || self.limiter.is_limiting()
    }
}

/// The pause that one host must be left, where it was taken for several with these memories: the longest that it asked
/// any of them for; else the shortest that the controllers chose themselves, if all did.
pub(super) fn common_pause(memories: &[Memory]) -> Option<(Duration, Limiter)> {
    let pauses = || memories.iter().map(|memory| (memory.blocked_for, memory.limiter));
    let asked = pauses().filter(|&(_, limiter)| limiter != Limiter::Failing);
    let asked = asked.filter_map(|(pause, limiter)| Some((pause?, limiter))).max_by_key(|&(pause, _)| pause);
    let own = pauses().map(|(pause, limiter)| Some((pause?, limiter))).collect::<Option<Vec<_>>>();
    asked.or_else(|| own?.into_iter().min_by_key(|&(pause, _)| pause))
}
