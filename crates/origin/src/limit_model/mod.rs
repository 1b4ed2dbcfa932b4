//! The limits of hosts, as pure models.
//!
//! A limit model decides what happens to each request, and after how long. `now` is the time since the first request, and
//! randomness comes from a seed, so the same model serves a simulation in virtual time and a listener on a real socket
//! ([`LimitingServer`](crate::LimitingServer)). It does not know which client asks, nor for what: it sees only when requests
//! arrive and how many are open.

mod announcing;
mod bucket;
mod capacity;
mod flaky;
mod penalty;
mod time_scaled;

use std::time::Duration;

pub use announcing::{Announcement, ConstantAnnouncement, Wording};
pub use bucket::{ByteBucket, Refusal, Schedule, TokenBucket, WindowQuota};
pub use capacity::{ColdCache, ConnectionLimit, FairLoad, Healthy, Queue, RandomFailure, Stalls};
pub use flaky::Flaky;
pub use penalty::{Ban, BanKind};
pub use time_scaled::TimeScaled;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The requested content is sent.
    Served,
    /// It is refused.
    Refused {
        /// The status: 429, 503 or 403.
        status: u16,
        /// The `Retry-After`, if there is one, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection is reset.
    Reset,
    /// No response is ever sent.
    Silence,
}

/// What happens to one request, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// From the arrival to the first byte; without meaning for [`Treatment::Silence`].
    pub after: Duration,
    /// What happens.
    pub treatment: Treatment,
}

impl Decision {
    fn served(after_seconds: f64) -> Self {
        Self { after: Duration::from_secs_f64(after_seconds.max(0.0)), treatment: Treatment::Served }
    }

    fn refused(status: u16, retry_after: Option<u64>) -> Self {
        Self { after: REFUSAL_AFTER, treatment: Treatment::Refused { status, retry_after } }
    }

    fn reset() -> Self {
        Self { after: RESET_AFTER, treatment: Treatment::Reset }
    }
}

/// A refusal costs a host almost nothing.
const REFUSAL_AFTER: Duration = Duration::from_millis(50);
/// A reset comes from the kernel, or from a middlebox in front of the host.
const RESET_AFTER: Duration = Duration::from_millis(30);

/// The limits of a host.
pub trait LimitModel: Send {
    /// Decides about a request that has arrived.
    fn arrive(&mut self, now: Duration) -> Decision;

    /// The exchange of an earlier request has ended, completed or not.
    fn leave(&mut self, now: Duration) {
        let _ = now;
    }

    /// The limit at that time in requests per second, if the host limits a rate. Only plots use it.
    fn limit(&self, now: Duration) -> Option<f64> {
        let _ = now;
        None
    }

    /// What the response to the latest request announces about the limit.
    fn announces(&self, now: Duration) -> Option<Announcement> {
        let _ = now;
        None
    }

    /// Whether clients are banned at that time.
    fn is_banned(&self, now: Duration) -> bool {
        let _ = now;
        false
    }
}

/// The seeded random numbers of a model: xorshift64*, so that they are part of the definition of the model.
#[derive(Debug, Clone)]
pub struct RandomSource(u64);

impl RandomSource {
    /// Numbers that depend on this seed only.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Zero is a fixed point of the generator. Seeds that differ in one bit start far apart.
        Self((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1)
    }

    /// Evenly distributed from 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly distributed between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Exponentially distributed with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}
