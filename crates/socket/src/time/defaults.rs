//! The default timeout of the process, for every wait that has no timeout of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Long enough for TCP to retransmit a lost packet four times, short enough for a person who waits.
const TIMEOUT_MS: u64 = 20_000;

static TIMEOUT: AtomicU64 = AtomicU64::new(TIMEOUT_MS);

/// Sets the timeout of every wait on sockets opened from now on, in whole milliseconds, at least one. A socket's
/// [`Timeouts`](crate::Timeouts) and a call's [`Deadline`](crate::Deadline) take precedence. 20 s unless set.
///
/// A program calls it once, at its start; existing sockets keep their timeouts.
pub fn set_timeout(timeout: Duration) {
    let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    TIMEOUT.store(ms.max(1), Ordering::Relaxed);
}

/// The timeout set with [`set_timeout`], or 20 s.
pub fn timeout() -> Duration {
    Duration::from_millis(TIMEOUT.load(Ordering::Relaxed))
}
