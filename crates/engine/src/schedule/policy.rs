//! How often and how long a run retries: what the user limits.

use std::time::Duration;

/// Tries of one URL by default. Where two responses in five fail at random, twenty tries lose one URL in a hundred million.
pub const TRIES_DEFAULT: u32 = 20;
/// The longest Retry-After that a run waits for; beyond it the rows of the host are parked for a later run.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// The longest time that a row is parked for. A host that asks for more means something else than a pause, or its clock or ours is
/// wrong; and a run a day costs it one request.
pub const PARKED_MAX: Duration = Duration::from_hours(24);
/// How long a run waits for a file that its host is still making, by default: as long as for a `Retry-After`.
pub const READY_PATIENCE: Duration = RETRY_AFTER_MAX;
/// A host that only fails is given up after this long, by default.
pub const HOST_PATIENCE: Duration = Duration::from_mins(1);

/// How long a run retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one URL.
    pub tries: Tries,
    /// How long a host that only fails is tried before it is given up.
    pub host: Duration,
    /// How long a file is waited for that its host is still making (201, 202).
    pub ready: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { tries: Tries::default(), host: HOST_PATIENCE, ready: READY_PATIENCE }
    }
}

impl From<Tries> for RetryPolicy {
    /// This many tries, and the default for hosts.
    fn from(tries: Tries) -> Self {
        Self { tries, ..Self::default() }
    }
}

/// How often one URL is tried. Attempts that failed because of this machine, and those that brought new bytes of the body, never
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// At most this many times (at least 1), however the attempts end.
    AtMost(u32),
    /// At most this many attempts (at least 1) that failed because of the URL. Those that the host refused because of their pace, or
    /// because it was still making the file, do not count.
    Charged(u32),
    /// No limit. What no retry changes still ends it: a permanent failure, a file that is not ready in time, a proxy that
    /// refuses.
    Unlimited,
}

impl Default for Tries {
    fn default() -> Self {
        Self::Charged(TRIES_DEFAULT)
    }
}

impl Tries {
    pub(super) fn allow(self, attempts: u32) -> bool {
        match self {
            Self::AtMost(most) | Self::Charged(most) => attempts < most,
            Self::Unlimited => true,
        }
    }

    /// Whether the user's limit allows no attempt after these, of which `uncharged` were not the URL's fault.
    pub(crate) fn are_spent(self, charged: u32, uncharged: u32) -> bool {
        matches!(self, Self::AtMost(most) if charged.saturating_add(uncharged) >= most)
    }
}
