//! What the controller keeps of a host from one run to the next.

use super::Seconds;

use super::Controller;

/// The limits that a host has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Memory {
    /// Requests per second that the host accepts, if it limits them.
    pub rate: Option<f64>,
    /// Requests in flight that the host accepts, if it limits them.
    pub window: Option<u32>,
    /// How long the host bans a client.
    pub ban: Option<Seconds>,
}

impl Controller {
    /// The limits that are worth keeping.
    #[must_use]
    pub(super) fn memory(&self) -> Memory {
        Memory {
            rate: self.rate.as_ref().filter(|rate| !rate.is_guess()).map(|rate| rate.per_second),
            window: self.window.limit(),
            ban: self.backoff.ban(),
        }
    }

    /// A controller for a host with these limits.
    #[must_use]
    pub(super) fn recalling(window_max: u32, spacing: Seconds, memory: &Memory, now: Seconds) -> Self {
        let mut controller = Self::new(window_max, spacing);
        if let Some(rate) = memory.rate {
            let mut rate = super::Rate::new(rate, 100.0, now - 1.0 / rate, 0);
            rate.ban_cost = memory.ban;
            controller.rate = Some(rate);
        }
        if let Some(window) = memory.window {
            controller.window.refused_beyond(window, now);
        }
        controller
    }

    /// A controller for a host with one memory, or for several names that share one limit: rates add up to a guess, and
    /// the window is the largest one.
    pub(super) fn recalling_all(
        window_max: u32,
        spacing: Seconds,
        memories: &[Memory],
        now: Seconds,
    ) -> Self {
        if let [memory] = memories {
            return Self::recalling(window_max, spacing, memory, now);
        }
        let mut controller = Self::new(window_max, spacing);
        let rates = memories.iter().filter_map(|memory| memory.rate);
        if let Some(rate) = rates.reduce(|sum, rate| sum + rate) {
            controller.rate = Some(super::Rate::new(rate, 1.0, now, 0));
        }
        if let Some(window) = memories.iter().filter_map(|memory| memory.window).max() {
            controller.window.refused_beyond(window, now);
        }
        controller
    }
}
