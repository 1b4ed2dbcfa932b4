//! A host whose time runs faster.

use std::time::Duration;

use super::{Announcement, Decision, LimitModel, Treatment};

/// A host sped up by a factor: its rates are multiplied by the factor, its latencies and windows divided by it; bursts and
/// quotas stay. `Retry-After`, which has whole seconds only, is rounded up.
pub struct TimeScaled {
    inner: Box<dyn LimitModel>,
    speedup: f64,
}

impl TimeScaled {
    /// `speedup` is greater than zero; 1 changes nothing.
    #[must_use]
    pub fn new(inner: Box<dyn LimitModel>, speedup: f64) -> Self {
        Self { inner, speedup }
    }

    fn inner_time(&self, now: Duration) -> Duration {
        now.mul_f64(self.speedup)
    }
}

impl LimitModel for TimeScaled {
    fn arrive(&mut self, now: Duration) -> Decision {
        let Decision { after, treatment } = self.inner.arrive(self.inner_time(now));
        let treatment = match treatment {
            Treatment::Refused { status, retry_after: Some(seconds) } => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a number of seconds"
                )]
                let seconds = (seconds as f64 / self.speedup).ceil() as u64;
                Treatment::Refused { status, retry_after: Some(seconds) }
            }
            other => other,
        };
        Decision { after: after.div_f64(self.speedup), treatment }
    }

    fn leave(&mut self, now: Duration) {
        self.inner.leave(self.inner_time(now));
    }

    fn limit(&self, now: Duration) -> Option<f64> {
        self.inner.limit(self.inner_time(now)).map(|limit| limit * self.speedup)
    }

    fn announces(&self, now: Duration) -> Option<Announcement> {
        let announcement = self.inner.announces(self.inner_time(now))?;
        let (window, reset_after) =
            (announcement.window.div_f64(self.speedup), announcement.reset_after.div_f64(self.speedup));
        Some(Announcement { window, reset_after, ..announcement })
    }

    fn is_banned(&self, now: Duration) -> bool {
        self.inner.is_banned(self.inner_time(now))
    }
}
