//! The least speed that a stream must keep.

use std::time::Duration;

/// The least speed of a stream: `bytes_per_second` on average over every `window` spent waiting for it.
///
/// Only time spent waiting for the peer counts. A consumer that takes a minute to write a chunk does not make its peer
/// slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumSpeed {
    /// The least average speed; 0 turns the check off.
    pub bytes_per_second: u32,
    /// Over how long it is averaged.
    pub window: Duration,
}

impl MinimumSpeed {
    /// The bytes that have to arrive within one window.
    pub fn bytes_per_window(self) -> u64 {
        let bytes = u128::from(self.bytes_per_second) * self.window.as_millis() / 1_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Default for MinimumSpeed {
    /// 100 bytes a second over 30 s.
    fn default() -> Self {
        Self { bytes_per_second: 100, window: Duration::from_secs(30) }
    }
}
