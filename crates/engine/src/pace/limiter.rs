//! What limits the pace of a host, in words.

use std::str::FromStr;

use thiserror::Error;

/// What limits the pace of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limiter {
    /// Nothing holds it back but the cap.
    Cap,
    /// The window is still growing.
    Growing,
    /// It broke connections or responses.
    Congestion,
    /// Requests wait for each other at the host.
    Queue,
    /// It asked for fewer requests.
    Throttle,
    /// It asked for a pause with Retry-After.
    RetryAfter,
    /// It announced that it serves nothing more until a time.
    Announced,
    /// It failed many times in a row.
    Failing,
}

impl Limiter {
    /// A few words, for tables and for the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cap => "at its cap",
            Self::Growing => "growing",
            Self::Congestion => "breaks connections",
            Self::Queue => "requests queue there",
            Self::Throttle => "throttles",
            Self::RetryAfter => "asked to wait",
            Self::Announced => "announces a limit",
            Self::Failing => "failing",
        }
    }

    /// Whether the host is slower than it could be.
    #[must_use]
    pub const fn is_limiting(self) -> bool {
        !matches!(self, Self::Cap | Self::Growing)
    }

    const ALL: [Self; 8] = [
        Self::Cap,
        Self::Growing,
        Self::Congestion,
        Self::Queue,
        Self::Throttle,
        Self::RetryAfter,
        Self::Announced,
        Self::Failing,
    ];
}

/// The text names no limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no limiter of a host's pace")]
pub struct UnknownLimiter;

impl FromStr for Limiter {
    type Err = UnknownLimiter;

    fn from_str(text: &str) -> Result<Self, UnknownLimiter> {
        Self::ALL.into_iter().find(|limiter| limiter.as_str() == text).ok_or(UnknownLimiter)
    }
}
