//! How many requests a host serves between two pauses that it asks for.
//!
//! A host with a quota of requests per minute or hour says how long to wait when the quota is used up. Where two counts
//! from pause to pause are alike, the last requests of the next one are sent one at a time, so that few are refused.

/// Two counts that differ by less than this share are the host's budget.
const NEAR: f64 = 0.05;
/// The error of a count: the requests that were in flight when it ended.
const NOISE: f64 = 2.0;

/// Counts requests from pause to pause.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    served: u32,
    served_before: Option<u32>,
    size: Option<u32>,
}

impl Budget {
    pub(super) fn served(&mut self) {
        self.served = self.served.saturating_add(1);
        let most = |size: u32| f64::from(size) * (1.0 + 2.0 * NEAR) + NOISE;
        self.size = self.size.filter(|&size| f64::from(self.served) <= most(size));
    }

    /// A pause is over: starts to count again.
    pub(super) fn restart(&mut self) {
        self.served = 0;
    }

    /// The host asks for a long pause: what it has served since the last one may be its quota.
    pub(super) fn used_up(&mut self) {
        let served = std::mem::take(&mut self.served);
        if served == 0 {
            return;
        }
        let is_like =
            |before: u32| (f64::from(before) - f64::from(served)).abs() <= NEAR * f64::from(served) + NOISE;
        self.size = self.served_before.filter(|&before| is_like(before)).map(|before| before.min(served));
        self.served_before = Some(served);
    }

    /// Whether the quota is used up, or will be by the requests in flight.
    pub(super) fn is_used(&self, in_flight: u32) -> bool {
        self.size.is_some_and(|size| self.served + in_flight >= size)
    }
}
