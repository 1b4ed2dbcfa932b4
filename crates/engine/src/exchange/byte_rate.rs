//! The limit on bytes a second, all hosts together (`--limit-rate`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use tokio::time::Instant;

/// Unused allowance lasts this long, so that short gaps do not lower the mean rate.
const BURST: Duration = Duration::from_millis(250);

/// A limit that all exchanges share. Each caller books its bytes in advance, so callers are served in order.
#[derive(Debug)]
pub(crate) struct ByteRateLimit {
    bytes_per_second: f64,
    /// When the bytes that are booked so far will have passed at this rate.
    booked_until: Mutex<Instant>,
}

impl ByteRateLimit {
    /// At least one byte a second.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1) as f64, booked_until: Mutex::new(clock::now()) }
    }

    /// Books bytes, and returns when they may pass.
    pub(crate) async fn take(&self, bytes: u64) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let until = {
            let mut booked_until = self.booked_until.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = clock::now().checked_sub(BURST).unwrap_or(*booked_until);
            *booked_until = (*booked_until).max(earliest) + cost;
            *booked_until
        };
        tokio::time::sleep_until(until).await;
    }
}
