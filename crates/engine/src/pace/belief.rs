//! What a controller believes of its host, for people and for the log.

use std::fmt;

use tokio::time::Instant;

use super::limiter::Limiter;

/// What a controller believes of its host, for people and for the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// What holds the host back.
    pub limiter: Limiter,
    /// Requests that may be in flight.
    pub window: u32,
    /// Requests a second, once the host has shown that it counts them: the current rate, and the rate that the host served
    /// when it last refused.
    pub rate: Option<(f64, f64)>,
    /// Nothing is sent before this time.
    pub blocked_until: Option<Instant>,
}

impl Belief {
    /// Whether the host has shown a limit on requests, or asked for a pause: its refusals are no chance.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !matches!(self.limiter, Limiter::Cap | Limiter::Growing | Limiter::Congestion | Limiter::Queue)
    }
}

impl fmt::Display for Belief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} at a time", self.limiter.as_str(), self.window)?;
        if let Some((now, limit)) = self.rate {
            write!(f, ", {now:.2} a second of {limit:.2}")?;
        }
        if self.blocked_until.is_some() {
            f.write_str(", paused")?;
        }
        Ok(())
    }
}
