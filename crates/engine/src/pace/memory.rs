//! What is worth remembering of a host's pace, from one run to the next and while it has nothing to be asked for.

use std::time::Duration;

use super::limiter::Limiter;

/// What a host has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// What holds it back.
    pub limiter: Limiter,
    /// Exchanges at a time.
    pub window: u32,
    /// Requests a second, if the host counts them: how many are sent, and what it took when it last refused.
    pub rate: Option<(f64, f64)>,
    /// Connections beyond which it breaks them.
    pub connections_max: Option<u32>,
    /// It is to be left alone for so long.
    pub blocked_for: Option<Duration>,
}

impl Memory {
    /// The part of one host of so many that share it: each begins with its part, for each may come back alone.
    #[must_use]
    pub fn part_of(self, hosts: usize) -> Self {
        let part = |rate: f64| rate / hosts.max(1) as f64;
        Self { rate: self.rate.map(|(now, limit)| (part(now), part(limit))), ..self }
    }

    /// Whether it is of use beyond the moment: the host has shown a limit, or is to be left alone.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.rate.is_some() || self.connections_max.is_some() || self.blocked_for.is_some()
    }
}
