//! Hosts that limit requests, or bytes, over time.

use std::time::Duration;

use super::{Announcement, Decision, LimitModel, RandomSource, Wording};

/// How a limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status: 429, 503 or 403.
    pub status: u16,
    /// Whether there is a `Retry-After`.
    pub retry_after: bool,
}

impl Refusal {
    /// 429 without a `Retry-After`.
    pub const BARE_429: Self = Self { status: 429, retry_after: false };
}

/// A rate in requests per second that may change once and change back.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The rate outside of `between`.
    pub usual: f64,
    /// The rate within `between`.
    pub meanwhile: f64,
    /// The seconds at which the other rate begins and ends.
    pub between: (f64, f64),
}

impl Schedule {
    /// A rate that does not change.
    #[must_use]
    pub const fn constant(rate: f64) -> Self {
        Self { usual: rate, meanwhile: rate, between: (0.0, 0.0) }
    }

    fn at(&self, seconds: f64) -> f64 {
        let is_between = (self.between.0..self.between.1).contains(&seconds);
        if is_between { self.meanwhile } else { self.usual }
    }
}

/// A bucket of tokens, one per request, that fills at a rate.
#[derive(Debug)]
pub struct TokenBucket {
    rate: Schedule,
    burst: f64,
    refusal: Refusal,
    tokens: f64,
    filled_at: f64,
    draws: RandomSource,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Schedule, burst: f64, refusal: Refusal, seed: u64) -> Self {
        Self { rate, burst, refusal, tokens: burst, filled_at: 0.0, draws: RandomSource::new(seed) }
    }
}

impl LimitModel for TokenBucket {
    fn arrive(&mut self, now: Duration) -> Decision {
        let now = now.as_secs_f64();
        let rate = self.rate.at(now);
        self.tokens = (self.tokens + (now - self.filled_at) * rate).min(self.burst);
        self.filled_at = now;
        if self.tokens < 1.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
            let wait = self.refusal.retry_after.then(|| ((1.0 - self.tokens) / rate).ceil() as u64);
            return Decision::refused(self.refusal.status, wait);
        }
        self.tokens -= 1.0;
        Decision::served(0.1 * self.draws.between(0.7, 1.5))
    }

    fn limit(&self, now: Duration) -> Option<f64> {
        Some(self.rate.at(now.as_secs_f64()))
    }
}

/// A quota of requests in each window of time.
#[derive(Debug)]
pub struct WindowQuota {
    window_seconds: u64,
    quota: u64,
    window: u64,
    used: u64,
    announces_in: Option<Wording>,
    draws: RandomSource,
}

impl WindowQuota {
    /// The first window begins with the first request.
    #[must_use]
    pub fn new(quota: u64, window_seconds: u64, seed: u64) -> Self {
        Self { window_seconds, quota, window: 0, used: 0, announces_in: None, draws: RandomSource::new(seed) }
    }

    /// Announces the remaining quota with every response, and sends no `Retry-After`.
    #[must_use]
    pub fn announcing(self, wording: Wording) -> Self {
        Self { announces_in: Some(wording), ..self }
    }

    fn end_of_window(&self) -> Duration {
        Duration::from_secs((self.window + 1) * self.window_seconds)
    }
}

impl LimitModel for WindowQuota {
    fn arrive(&mut self, now: Duration) -> Decision {
        let window = now.as_secs() / self.window_seconds;
        if window != self.window {
            (self.window, self.used) = (window, 0);
        }
        self.used += 1;
        if self.used > self.quota {
            let wait = (self.end_of_window().saturating_sub(now).as_millis()).div_ceil(1000);
            let retry_after = u64::try_from(wait).ok().filter(|_| self.announces_in.is_none());
            return Decision::refused(429, retry_after);
        }
        Decision::served(0.1 * self.draws.between(0.7, 1.5))
    }

    fn limit(&self, _now: Duration) -> Option<f64> {
        Some(self.quota as f64 / self.window_seconds as f64)
    }

    fn announces(&self, now: Duration) -> Option<Announcement> {
        Some(Announcement {
            wording: self.announces_in?,
            quota: self.quota,
            window: Duration::from_secs(self.window_seconds),
            remaining: self.quota.saturating_sub(self.used),
            reset_after: self.end_of_window().saturating_sub(now),
        })
    }
}

/// A bucket of bytes that fills at a rate: large files empty it sooner.
#[derive(Debug)]
pub struct ByteBucket {
    bytes_per_second: f64,
    burst_bytes: f64,
    bytes: f64,
    filled_at: f64,
    draws: RandomSource,
}

impl ByteBucket {
    /// The mean size of its files, which have 10,000 to 90,000 bytes, evenly distributed.
    pub const MEAN_BYTES: f64 = 50_000.0;

    /// A full bucket.
    #[must_use]
    pub fn new(bytes_per_second: f64, burst_bytes: f64, seed: u64) -> Self {
        Self {
            bytes_per_second,
            burst_bytes,
            bytes: burst_bytes,
            filled_at: 0.0,
            draws: RandomSource::new(seed),
        }
    }
}

impl LimitModel for ByteBucket {
    fn arrive(&mut self, now: Duration) -> Decision {
        let now = now.as_secs_f64();
        self.bytes = (self.bytes + (now - self.filled_at) * self.bytes_per_second).min(self.burst_bytes);
        self.filled_at = now;
        if self.bytes <= 0.0 {
            return Decision::refused(429, None);
        }
        // The last file may make the balance negative.
        self.bytes -= self.draws.between(10_000.0, 90_000.0);
        Decision::served(0.1 * self.draws.between(0.7, 1.5))
    }

    fn limit(&self, _now: Duration) -> Option<f64> {
        Some(self.bytes_per_second / Self::MEAN_BYTES)
    }
}
