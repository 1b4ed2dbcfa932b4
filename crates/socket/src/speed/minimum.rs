//! The minimum speed of a stream.

use std::time::Duration;

/// The minimum speed of a stream: `bytes_per_second` on average over every `window` of waiting.
///
/// Only time spent waiting for the peer counts: a consumer that takes a minute to process a chunk does not make its
/// peer slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumSpeed {
    /// The minimum average, in bytes per second; 0 turns the check off.
    pub bytes_per_second: u32,
    /// The waiting time over which the speed is averaged.
    pub window: Duration,
}

impl MinimumSpeed {
    /// The bytes that must arrive within one window.
    pub fn bytes_per_window(self) -> u64 {
        let bytes = u128::from(self.bytes_per_second) * self.window.as_millis() / 1_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Default for MinimumSpeed {
    /// 100 bytes per second over 30 s.
    fn default() -> Self {
        Self { bytes_per_second: 100, window: Duration::from_secs(30) }
    }
}
