//! Times without a clock: how far a time lies from another.

use std::time::Duration;

use tokio::time::Instant;

/// A time relative to another, in nanoseconds: negative if earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset(i64);

impl Offset {
    pub(super) fn of(at: Instant, now: Instant) -> Self {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match at.checked_duration_since(now) {
            Some(later) => Self(nanos(later)),
            None => Self(-nanos(now - at)),
        }
    }

    /// The time that lies this far from `now`; `now` where the clock does not reach so far.
    pub(super) fn after(self, now: Instant) -> Instant {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        let at = if self.0 < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        at.unwrap_or(now)
    }
}
