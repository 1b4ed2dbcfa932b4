//! What a host announces about its limits, correctly or not.

use std::time::Duration;

use super::{Decision, LimitModel};

/// The fields of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// `RateLimit-Policy` and `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers.
    Structured,
    /// `X-RateLimit-Limit`, `-Remaining`, and `-Reset` as a Unix time in whole seconds.
    UnixTime,
}

/// What one response announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The fields.
    pub wording: Wording,
    /// Requests per window.
    pub quota: u64,
    /// The length of the window.
    pub window: Duration,
    /// Requests left in the window.
    pub remaining: u64,
    /// The time until the window ends.
    pub reset_after: Duration,
}

impl Announcement {
    /// The fields of a response that is sent at `now_unix_ms`. Fractions of a second are rounded up.
    #[must_use]
    pub fn fields(&self, now_unix_ms: u64) -> Vec<(&'static str, String)> {
        let Self { wording, quota, window, remaining, reset_after } = self;
        let reset_ms = u64::try_from(reset_after.as_millis()).unwrap_or(u64::MAX);
        match wording {
            Wording::Structured => vec![
                ("RateLimit-Policy", format!("\"default\";q={quota};w={}", window.as_secs())),
                ("RateLimit", format!("\"default\";r={remaining};t={}", reset_ms.div_ceil(1_000))),
            ],
            Wording::UnixTime => vec![
                ("X-RateLimit-Limit", quota.to_string()),
                ("X-RateLimit-Remaining", remaining.to_string()),
                ("X-RateLimit-Reset", now_unix_ms.saturating_add(reset_ms).div_ceil(1_000).to_string()),
            ],
        }
    }
}

/// A host that announces the same with every response, whatever its real limits are.
pub struct ConstantAnnouncement {
    inner: Box<dyn LimitModel>,
    announcement: Announcement,
}

impl ConstantAnnouncement {
    /// The limits of `inner`, and this announcement.
    #[must_use]
    pub fn new(inner: Box<dyn LimitModel>, announcement: Announcement) -> Self {
        Self { inner, announcement }
    }
}

impl LimitModel for ConstantAnnouncement {
    fn arrive(&mut self, now: Duration) -> Decision {
        self.inner.arrive(now)
    }

    fn leave(&mut self, now: Duration) {
        self.inner.leave(now);
    }

    fn limit(&self, now: Duration) -> Option<f64> {
        self.inner.limit(now)
    }

    fn is_banned(&self, now: Duration) -> bool {
        self.inner.is_banned(now)
    }

    fn announces(&self, _now: Duration) -> Option<Announcement> {
        Some(self.announcement)
    }
}
