//! `--limit-rate`: so many bytes a second, all hosts together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use tokio::time::Instant;

/// Unused allowance is kept for this long, so that short gaps do not lower the mean rate.
const BURST: Duration = Duration::from_millis(250);

/// A shared allowance of bytes. Each taker books its time in advance, so takers are served in order.
#[derive(Debug)]
pub(crate) struct RateLimit {
    bytes_per_second: f64,
    /// When everything that has been booked will have been paid for.
    paid_until: Mutex<Instant>,
}

impl RateLimit {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1) as f64, paid_until: Mutex::new(clock::now()) }
    }

    /// Books the bytes and returns when they are paid for.
    pub(crate) async fn take(&self, bytes: u64) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let until = {
            let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = clock::now().checked_sub(BURST).unwrap_or(*paid_until);
            *paid_until = (*paid_until).max(earliest) + cost;
            *paid_until
        };
        tokio::time::sleep_until(until).await;
    }
}
