//! The time of a response.

use std::time::{Duration, SystemTime};

use longhaul_socket::clock::WallClock;

/// The last millisecond that a date of HTTP can name: the end of the year 9999 (RFC 9110 section 5.6.7).
const DATE_UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// The time of `clock` for a `Date` field; never beyond the year 9999.
pub(crate) fn http_date(clock: WallClock) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(clock.unix_ms().min(DATE_UNIX_MS_MAX))
}
