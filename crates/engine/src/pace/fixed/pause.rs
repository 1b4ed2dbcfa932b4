//! A host that is sent nothing until a time, and one request at a time after that, until one succeeds.
//!
//! What was sent before the pause says nothing about the host after it.

use tokio::time::Instant;

use crate::pace::limiter::Limiter;

/// The pause of a host, and the probing that follows it.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    until: Option<Instant>,
    is_probing: bool,
    /// Requests before this one were sent before the last pause.
    sequence: u64,
    /// What the last pause was for.
    limiter: Limiter,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { until: None, is_probing: false, sequence: 0, limiter: Limiter::Failing }
    }

    /// Until when nothing is sent. A time that has passed is forgotten.
    pub(super) fn at(&mut self, now: Instant) -> Option<Instant> {
        self.until = self.until.filter(|&until| now < until);
        self.until
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_probing(&self) -> bool {
        self.is_probing
    }

    pub(super) fn limiter(&self) -> Limiter {
        self.limiter
    }

    /// Whether the host asked for the pause, and is well.
    pub(super) fn is_asked_for(&self) -> bool {
        matches!(self.limiter, Limiter::RetryAfter | Limiter::Announced)
    }

    /// Whether the request with this sequence number was sent after the last pause.
    pub(super) fn precedes(&self, sequence: u64) -> bool {
        sequence >= self.sequence
    }

    /// Nothing is sent until this time, or until the end of an earlier pause that is longer.
    pub(super) fn begin(&mut self, until: Instant, limiter: Limiter, next_sequence: u64) {
        if self.until.is_none_or(|earlier| earlier < until) {
            self.until = Some(until);
            self.limiter = limiter;
        }
        self.is_probing = true;
        self.sequence = next_sequence;
    }

    /// A probe was served.
    pub(super) fn end(&mut self) {
        self.is_probing = false;
    }
}
