//! What is remembered of a host from one run to the next, and what is said of it to people.

use super::Seconds;

use super::{Controller, PacePolicy};

/// What a host has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Memory {
    /// Requests a second that it takes, if it counts them.
    pub rate: Option<f64>,
    /// Requests under way that it takes, if it counts those.
    pub window: Option<u32>,
    /// How long it refuses everybody who asks too often.
    pub ban: Option<Seconds>,
}

impl Controller {
    /// What is worth remembering.
    #[must_use]
    pub(super) fn memory(&self) -> Memory {
        Memory {
            rate: self.rate.as_ref().filter(|rate| !rate.is_guess()).map(|rate| rate.per_second),
            window: self.window.limit(),
            ban: self.backoff.ban(),
        }
    }

    /// A host of which this is remembered.
    #[must_use]
    pub(super) fn recalling(policy: PacePolicy, memory: &Memory, now: Seconds) -> Self {
        let mut controller = Self::new(policy);
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

    /// A host of which one thing is remembered; or names that turned out to be one host, with what each was seen to take:
    /// together, as a guess, and with the window that the most patient of them had.
    pub(super) fn recalling_all(policy: PacePolicy, memories: &[Memory], now: Seconds) -> Self {
        if let [memory] = memories {
            return Self::recalling(policy, memory, now);
        }
        let mut controller = Self::new(policy);
        let rates: Option<Vec<f64>> = memories.iter().map(|memory| memory.rate).collect();
        if let Some(rates) = rates.filter(|rates| !rates.is_empty()) {
            controller.rate = Some(super::Rate::new(rates.iter().sum(), 1.0, now, 0));
        }
        if let Some(window) = memories.iter().filter_map(|memory| memory.window).max() {
            controller.window.refused_beyond(window, now);
        }
        controller
    }
}
