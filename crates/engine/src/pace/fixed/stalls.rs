//! When a request counts as stalled, by the host's usual time to the first byte.

use std::time::Duration;

/// A request without progress has stalled after this many times the usual time to the first byte ...
const STALL_LATENCIES: u32 = 10;
/// ... but not sooner than this, because a busy machine pauses, too ...
const STALL_MIN: Duration = Duration::from_millis(500);
/// ... and not later than this ...
const STALL_MAX: Duration = Duration::from_secs(2);
/// ... unless the host is always that slow: this many times its usual time.
const STALL_LATENCIES_MIN: u32 = 4;
/// Weight of the newest response in the usual time: the last dozen responses count.
const WEIGHT: f64 = 0.15;

/// The usual time to the first byte.
#[derive(Debug, Clone, Default)]
pub(super) struct UsualLatency(Option<Duration>);

impl UsualLatency {
    pub(super) fn note(&mut self, latency: Duration) {
        self.0 = Some(self.0.map_or(latency, |usual| usual.mul_f64(1.0 - WEIGHT) + latency.mul_f64(WEIGHT)));
    }

    /// How long a request may make no progress before it counts as stalled; `None` before the first response.
    pub(super) fn stall_after(&self) -> Option<Duration> {
        let latency = self.0?;
        let latest = STALL_MAX.max(latency * STALL_LATENCIES_MIN);
        Some((latency * STALL_LATENCIES).clamp(STALL_MIN, latest))
    }
}
