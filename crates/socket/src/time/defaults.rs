//! The one default of the process: how long a wait may take for which nobody said anything else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Long enough for a lost packet to be sent again four times, short enough for a person to still be there.
const TIMEOUT_MS: u64 = 20_000;

static TIMEOUT: AtomicU64 = AtomicU64::new(TIMEOUT_MS);

/// Every wait of every socket made from now on ends after `timeout`, in whole milliseconds and at least one, unless the
/// socket ([`Timeouts`](crate::Timeouts)) or the call (a [`Deadline`](crate::Deadline)) says otherwise. 20 s unless set.
///
/// A program sets it once, at its start; sockets that exist keep what they have.
pub fn set_timeout(timeout: Duration) {
    let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    TIMEOUT.store(ms.max(1), Ordering::Relaxed);
}

/// What [`set_timeout`] has set, or 20 s.
pub fn timeout() -> Duration {
    Duration::from_millis(TIMEOUT.load(Ordering::Relaxed))
}
