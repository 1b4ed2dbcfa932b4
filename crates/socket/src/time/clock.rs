//! The one clock of the project.
//!
//! Deadlines and durations use the monotonic clock of the runtime, so that simulated time reaches every wait. Dates
//! come from [`WallClock`]: it reads the system's clock once and then adds monotonic time, so a system clock that is
//! set back or jumps a year does no harm.
#![expect(clippy::disallowed_methods, reason = "this is the module that may read the clocks")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The present instant of the monotonic clock; in a paused runtime, of the simulated one.
pub fn now() -> Instant {
    Instant::now()
}

/// How long this machine has been suspended since boot. [`now`] and all timers stand still during that time. Zero where
/// the system does not report it.
pub fn suspended() -> Duration {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        use rustix::time::{ClockId, clock_gettime};
        let since_start = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        since_start(ClockId::Boottime).saturating_sub(since_start(ClockId::Monotonic))
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    Duration::ZERO
}

/// Unix time: a start that was read once, plus the monotonic time since then.
///
/// ```
/// use longhaul_socket::clock::WallClock;
///
/// let clock = WallClock::starting_at(1_700_000_000_000);
/// assert!(clock.unix_ms() >= 1_700_000_000_000);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    start_unix_ms: u64,
    start: Instant,
}

impl WallClock {
    /// A clock that starts at the system's present time; a system clock before 1970 counts as 1970.
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(whole_ms(since_epoch))
    }

    /// A clock that shows `unix_ms`, milliseconds since 1970-01-01T00:00:00Z, now.
    pub fn starting_at(unix_ms: u64) -> Self {
        Self { start_unix_ms: unix_ms, start: now() }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z. Never goes backwards.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms_at(now())
    }

    /// The same at an instant after the clock was made; an earlier one counts as that moment.
    pub fn unix_ms_at(&self, at: Instant) -> u64 {
        self.start_unix_ms.saturating_add(whole_ms(at.saturating_duration_since(self.start)))
    }
}

/// Whole milliseconds, at most `u64::MAX` (584 million years).
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
