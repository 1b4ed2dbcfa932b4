//! What is remembered of a host from one run to the next, and what is said of it to people.

use crate::Seconds;

use super::{Controller, PacePolicy};

/// What a host has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Memory {
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
    pub fn memory(&self) -> Memory {
        Memory {
            rate: self.rate.as_ref().filter(|rate| !rate.is_guess()).map(|rate| rate.per_second),
            window: self.window.limit(),
            ban: self.pauses.known(),
        }
    }

    /// A host of which this is remembered.
    #[must_use]
    pub fn recalling(terms: PacePolicy, memory: &Memory, now: Seconds) -> Self {
        let mut controller = Self::new(terms);
        if let Some(rate) = memory.rate {
            let mut rate = super::Rate::new(rate, 100.0, now - 1.0 / rate, 0);
            rate.costs = memory.ban;
            controller.rate = Some(rate);
        }
        if let Some(window) = memory.window {
            controller.window.refused_beyond(window, now);
        }
        controller
    }

    /// One pace for names that turn out to be one host: what each was seen to take, together, as a guess; the window that the
    /// most patient of them had; and the longest wait that any was asked for.
    #[must_use]
    pub fn merged(paces: &[&Self], terms: PacePolicy, now: Seconds) -> Self {
        let mut controller = Self::new(terms);
        let rates: Option<Vec<f64>> =
            paces.iter().map(|pace| pace.rate.as_ref().map(|rate| rate.per_second)).collect();
        if let Some(rates) = rates.filter(|rates| !rates.is_empty()) {
            controller.rate = Some(super::Rate::new(rates.iter().sum(), 1.0, now, 0));
        }
        if let Some(window) = paces.iter().filter_map(|pace| pace.window.limit()).max() {
            controller.window.refused_beyond(window, now);
        }
        if let Some(busiest) = paces.iter().max_by_key(|pace| pace.served) {
            controller.latency = busiest.latency.clone();
            controller.latency.begin_anew(0);
            controller.chance = busiest.chance.clone();
            controller.chance.begin_anew(0);
        }
        controller.not_before = paces.iter().map(|pace| pace.not_before).fold(0.0, f64::max);
        controller
    }

    /// What it believes of the host, in words.
    #[must_use]
    pub fn belief(&self) -> String {
        let mut words = Vec::new();
        match &self.rate {
            Some(rate) if rate.is_guess() => {
                words.push(format!("counts requests, perhaps {:.1}/s", rate.per_second));
            }
            Some(rate) => words.push(format!("takes {:.1} requests/s", rate.top)),
            None => words.push(format!("{} requests at a time", self.window.places())),
        }
        if let Some(limit) = self.window.limit() {
            words.push(format!("refuses beyond {limit} at a time"));
        }
        if let Some(ban) = self.pauses.known() {
            words.push(format!("refuses everybody for {ban:.0} s after too many"));
        }
        let share = self.evidence.share();
        if share > 0.03 {
            words.push(format!("fails {:.0} % of the time by chance", 100.0 * share));
        }
        if self.pauses.now.is_some() {
            words.push("is refusing now".to_owned());
        }
        words.join("; ")
    }
}
