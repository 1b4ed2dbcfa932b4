//! What a host announces of its limits, truthfully or not.

use std::time::Duration;

use super::{Decision, LimitModel};

/// In which fields it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// `RateLimit-Policy` and `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers.
    Structured,
    /// `X-RateLimit-Limit`, `-Remaining`, and `-Reset` as a Unix time in whole seconds.
    UnixTime,
}

/// What is announced with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// In which fields.
    pub wording: Wording,
    /// Requests in a window.
    pub quota: u64,
    /// The window's length.
    pub window: Duration,
    /// Requests that are left of it.
    pub remaining: u64,
    /// Until the window ends.
    pub reset_after: Duration,
}

impl Announcement {
    /// Its fields in an answer of that time. Parts of a second are rounded up.
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

/// Another host, which announces the same with every answer, whatever it does.
pub struct ConstantAnnouncement {
    inner: Box<dyn LimitModel>,
    announcement: Announcement,
}

impl ConstantAnnouncement {
    /// Says this, always.
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
