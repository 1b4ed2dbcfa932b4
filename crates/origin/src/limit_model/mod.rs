//! How a host treats those who ask: its limits, as pure models.
//!
//! A limit model takes an arrival and says what comes of it, and after how long. `now` is the time since the host began, and
//! randomness comes from a seed, so the same limit model serves a simulation in virtual time and a listener on a real socket
//! ([`LimitingServer`](crate::LimitingServer)). It refuses to know who asks, and what for: all that it sees is when requests
//! come and how many are open.

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

/// What comes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The answer that was asked for.
    Served,
    /// A refusal with this status; the whole seconds of its Retry-After, if it has one.
    Refused {
        /// 429, 503 or 403.
        status: u16,
        /// Seconds.
        retry_after: Option<u64>,
    },
    /// The connection is reset.
    Reset,
    /// Nothing comes, however long one waits.
    Silence,
}

/// What comes of one request, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// From the arrival to the answer; without meaning for [`Treatment::Silence`].
    pub after: Duration,
    /// The answer.
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

/// A refusal costs a host next to nothing.
const REFUSAL_AFTER: Duration = Duration::from_millis(50);
/// A reset comes from the kernel, or from a box in front of the host.
const RESET_AFTER: Duration = Duration::from_millis(30);

/// A host's limits.
pub trait LimitModel: Send {
    /// A request has come.
    fn arrive(&mut self, now: Duration) -> Decision;

    /// The exchange of an earlier arrival is over, answered or given up.
    fn leave(&mut self, now: Duration) {
        let _ = now;
    }

    /// Requests a second that the host takes at that time, if that is what it limits: for pictures.
    fn limit(&self, now: Duration) -> Option<f64> {
        let _ = now;
        None
    }

    /// What the answer to the request that has just come announces of the limit.
    fn announces(&self, now: Duration) -> Option<Announcement> {
        let _ = now;
        None
    }

    /// Whether whoever asks now is banned.
    fn is_banned(&self, now: Duration) -> bool {
        let _ = now;
        false
    }
}

/// Seeded draws of a model: xorshift64*, so that a model's draws are part of its definition.
#[derive(Debug, Clone)]
pub struct RandomSource(u64);

impl RandomSource {
    /// Draws that follow from this seed alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Zero is a fixed point; seeds that differ in one bit start far apart.
        Self((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1)
    }

    /// Evenly drawn from 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly drawn between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Drawn from the exponential distribution with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}
