//! Random faults in front of any limit model.

use std::time::Duration;

use super::{Announcement, Decision, LimitModel, RandomSource, Treatment};

/// A host whose requests meet a random fault, whatever the pace is. The others are treated by its limit model.
pub struct Flaky {
    inner: Box<dyn LimitModel>,
    faults: Vec<(f64, Treatment)>,
    after_seconds: f64,
    draws: RandomSource,
}

impl Flaky {
    /// Each fault has its share of all requests, from 0 to 1. A fault strikes after about `after_seconds`.
    #[must_use]
    pub fn new(
        inner: Box<dyn LimitModel>,
        faults: &[(f64, Treatment)],
        after_seconds: f64,
        seed: u64,
    ) -> Self {
        Self { inner, faults: faults.to_vec(), after_seconds, draws: RandomSource::new(seed ^ 0x000F_1A4E) }
    }
}

impl LimitModel for Flaky {
    fn arrive(&mut self, now: Duration) -> Decision {
        let decision = self.inner.arrive(now);
        let drawn = self.draws.unit();
        let after = Duration::from_secs_f64(self.after_seconds * self.draws.between(0.7, 1.3));
        let mut below = 0.0;
        for &(share, treatment) in &self.faults {
            below += share;
            if drawn < below {
                return Decision { after, treatment };
            }
        }
        decision
    }

    fn leave(&mut self, now: Duration) {
        self.inner.leave(now);
    }

    fn limit(&self, now: Duration) -> Option<f64> {
        self.inner.limit(now)
    }

    fn announces(&self, now: Duration) -> Option<Announcement> {
        self.inner.announces(now)
    }

    fn is_banned(&self, now: Duration) -> bool {
        self.inner.is_banned(now)
    }
}
