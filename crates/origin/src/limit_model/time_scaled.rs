//! A host for which time runs faster.

use std::time::Duration;

use super::{Announcement, Decision, LimitModel, Treatment};

/// Another host so many times as fast: its rates are so many times as high, its latencies and windows so many times as
/// short, and its bursts and quotas what they are. A Retry-After, which only knows whole seconds, is rounded up.
pub struct TimeScaled {
    inner: Box<dyn LimitModel>,
    haste: f64,
}

impl TimeScaled {
    /// `haste` is greater than zero; 1 changes nothing.
    #[must_use]
    pub fn new(inner: Box<dyn LimitModel>, haste: f64) -> Self {
        Self { inner, haste }
    }

    fn inner_time(&self, now: Duration) -> Duration {
        now.mul_f64(self.haste)
    }
}

impl LimitModel for TimeScaled {
    fn arrive(&mut self, now: Duration) -> Decision {
        let Decision { after, treatment } = self.inner.arrive(self.inner_time(now));
        let treatment = match treatment {
            Treatment::Refused { status, retry_after: Some(seconds) } => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time to wait")]
                let seconds = (seconds as f64 / self.haste).ceil() as u64;
                Treatment::Refused { status, retry_after: Some(seconds) }
            }
            other => other,
        };
        Decision { after: after.div_f64(self.haste), treatment }
    }

    fn leave(&mut self, now: Duration) {
        self.inner.leave(self.inner_time(now));
    }

    fn limit(&self, now: Duration) -> Option<f64> {
        self.inner.limit(self.inner_time(now)).map(|limit| limit * self.haste)
    }

    fn announces(&self, now: Duration) -> Option<Announcement> {
        let said = self.inner.announces(self.inner_time(now))?;
        let (window, reset_after) = (said.window.div_f64(self.haste), said.reset_after.div_f64(self.haste));
        Some(Announcement { window, reset_after, ..said })
    }

    fn is_banned(&self, now: Duration) -> bool {
        self.inner.is_banned(self.inner_time(now))
    }
}
