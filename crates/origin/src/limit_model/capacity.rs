//! Hosts that refuse no request but have a limited capacity, and hosts that fail whatever the pace is.

use std::time::Duration;

use super::{Decision, LimitModel, RandomSource, Treatment};

/// A host without limits.
#[derive(Debug)]
pub struct Healthy {
    latency_seconds: f64,
    draws: RandomSource,
}

impl Healthy {
    /// Responds after about this time.
    #[must_use]
    pub fn new(latency_seconds: f64, seed: u64) -> Self {
        Self { latency_seconds, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for Healthy {
    fn arrive(&mut self, _now: Duration) -> Decision {
        Decision::served(self.latency_seconds * self.draws.between(0.9, 1.1))
    }
}

/// Resets new requests while too many are open.
#[derive(Debug)]
pub struct ConnectionLimit {
    open_max: u32,
    open: u32,
    draws: RandomSource,
}

impl ConnectionLimit {
    /// At most `open_max` requests at a time, each for about 220 ms.
    #[must_use]
    pub fn new(open_max: u32, seed: u64) -> Self {
        Self { open_max, open: 0, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for ConnectionLimit {
    fn arrive(&mut self, _now: Duration) -> Decision {
        self.open += 1;
        if self.open > self.open_max {
            Decision::reset()
        } else {
            Decision::served(0.2 * self.draws.between(0.7, 1.5))
        }
    }

    fn leave(&mut self, _now: Duration) {
        self.open -= 1;
    }
}

/// One server behind an unlimited queue: above its rate every request waits longer.
#[derive(Debug)]
pub struct Queue {
    rate: f64,
    busy_until: f64,
    draws: RandomSource,
}

impl Queue {
    /// A mean rate in requests per second.
    #[must_use]
    pub fn new(rate: f64, seed: u64) -> Self {
        Self { rate, busy_until: 0.0, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for Queue {
    fn arrive(&mut self, now: Duration) -> Decision {
        let now = now.as_secs_f64();
        self.busy_until = self.busy_until.max(now) + self.draws.exponential(1.0 / self.rate);
        Decision::served(self.busy_until - now + 0.05)
    }

    fn limit(&self, _now: Duration) -> Option<f64> {
        Some(self.rate)
    }
}

/// Becomes slower with each open request, and much slower above the load that it is made for.
#[derive(Debug)]
pub struct FairLoad {
    made_for: f64,
    open: u32,
    draws: RandomSource,
}

impl FairLoad {
    /// The number of open requests that it is made for.
    #[must_use]
    pub fn new(made_for: f64, seed: u64) -> Self {
        Self { made_for, open: 0, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for FairLoad {
    fn arrive(&mut self, _now: Duration) -> Decision {
        self.open += 1;
        let load = f64::from(self.open) / self.made_for;
        Decision::served(0.1 * (1.0 + load.powi(3)) * self.draws.between(0.9, 1.1))
    }

    fn leave(&mut self, _now: Duration) {
        self.open -= 1;
    }
}

/// Slow at first, until its caches are warm.
#[derive(Debug)]
pub struct ColdCache {
    warm_after: f64,
    draws: RandomSource,
}

impl ColdCache {
    /// Response times fall from 2 s to 0.1 s over this many seconds.
    #[must_use]
    pub fn new(warm_after_seconds: f64, seed: u64) -> Self {
        Self { warm_after: warm_after_seconds, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for ColdCache {
    fn arrive(&mut self, now: Duration) -> Decision {
        let cold = (1.0 - now.as_secs_f64() / self.warm_after).max(0.0);
        Decision::served((0.1 + 1.9 * cold) * self.draws.between(0.9, 1.1))
    }
}

/// Fails a share of the requests, whatever the pace is.
#[derive(Debug)]
pub struct RandomFailure {
    share: f64,
    failure: Treatment,
    draws: RandomSource,
}

impl RandomFailure {
    /// Resets a share from 0 to 1.
    #[must_use]
    pub fn new(share: f64, seed: u64) -> Self {
        Self { share, failure: Treatment::Reset, draws: RandomSource::new(seed) }
    }

    /// Refuses a share from 0 to 1 with a bare 429.
    #[must_use]
    pub fn refusing(share: f64, seed: u64) -> Self {
        let failure = Treatment::Refused { status: 429, retry_after: None };
        Self { failure, ..Self::new(share, seed) }
    }
}

impl LimitModel for RandomFailure {
    fn arrive(&mut self, _now: Duration) -> Decision {
        let after = Duration::from_secs_f64(0.1 * self.draws.between(0.7, 1.5));
        let treatment = if self.draws.unit() < self.share { self.failure } else { Treatment::Served };
        Decision { after, treatment }
    }
}

/// Sends no response to a share of the requests.
#[derive(Debug)]
pub struct Stalls {
    share: f64,
    draws: RandomSource,
}

impl Stalls {
    /// A share from 0 to 1.
    #[must_use]
    pub fn new(share: f64, seed: u64) -> Self {
        Self { share, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for Stalls {
    fn arrive(&mut self, _now: Duration) -> Decision {
        let after = Duration::from_secs_f64(0.1 * self.draws.between(0.7, 1.5));
        let treatment = if self.draws.unit() < self.share { Treatment::Silence } else { Treatment::Served };
        Decision { after, treatment }
    }
}
