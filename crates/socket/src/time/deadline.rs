//! Deadlines: every wait has one.
//!
//! A deadline is an instant and not a duration, so several waits in a row can share one and none of them can extend it.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::clock;

/// In practice no limit: durations that overflow the clock are cut to about thirty years.
const FAR_AWAY: Duration = Duration::from_hours(30 * 365 * 24);

/// The instant at which a wait ends at the latest.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use longhaul_socket::{Deadline, DeadlinePassed};
///
/// let deadline = Deadline::after(Duration::from_secs(10));
/// assert_eq!(deadline.bound(async { 7 }).await, Ok(7));
/// assert_eq!(deadline.bound(std::future::pending::<()>()).await, Err(DeadlinePassed));
/// assert!(deadline.has_passed());
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// `wait` from now; about thirty years from now if the clock cannot represent that.
    pub fn after(wait: Duration) -> Self {
        Self(clock::now()).later_by(wait)
    }

    /// A deadline `wait` later, with the same bound as [`after`](Self::after).
    #[must_use]
    pub(crate) fn later_by(self, wait: Duration) -> Self {
        Self(self.0.checked_add(wait).unwrap_or_else(|| self.0 + FAR_AWAY))
    }

    /// A deadline at `instant`, which may lie in the past.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// The time left; zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(clock::now())
    }

    /// Whether the instant has been reached.
    pub fn has_passed(self) -> bool {
        clock::now() >= self.0
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn earlier_of(self, other: Self) -> Self {
        self.min(other)
    }

    /// Awaits `future`, and drops it when the deadline passes: it must be cancel safe.
    ///
    /// The future is polled once even if the deadline has passed already, and its result counts if it is ready then.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, DeadlinePassed> {
        tokio::time::timeout_at(self.0, future).await.map_err(|_| DeadlinePassed)
    }

    /// As [`bound`](Self::bound), for an I/O operation: a deadline that passes is one of its errors.
    pub(crate) async fn bound_io<T>(self, operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        self.bound(operation).await?
    }
}

/// The deadline passed before the operation was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct DeadlinePassed;

impl From<DeadlinePassed> for io::Error {
    fn from(passed: DeadlinePassed) -> Self {
        Self::new(io::ErrorKind::TimedOut, passed)
    }
}
