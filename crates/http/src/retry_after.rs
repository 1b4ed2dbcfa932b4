//! `Retry-After` (RFC 9110 section 10.2.3): a number of seconds or a date in any of the three forms of section 5.6.7. It is
//! a request, not an order: how much of it is honoured is for the caller to decide.

use std::time::{Duration, UNIX_EPOCH};

/// What an absurdly long wait is cut to, so that adding it to any clock cannot overflow: a hundred years.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// How long the value of a `Retry-After` asks to wait, seen from `now_unix_ms`.
///
/// A date that has passed is no wait at all; anything longer than [`RETRY_AFTER_MAX`] is that; a negative number or garbage
/// is `None`.
///
/// ```
/// # use longhaul_http::retry_after;
/// # use std::time::Duration;
/// assert_eq!(retry_after::parse(b"120", 0), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after::parse(b"Thu, 01 Jan 1970 00:00:05 GMT", 2_000), Some(Duration::from_secs(3)));
/// assert_eq!(retry_after::parse(b"-1", 0), None);
/// ```
pub fn parse(value: &[u8], now_unix_ms: u64) -> Option<Duration> {
    let value = value.trim_ascii();
    if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        let seconds = std::str::from_utf8(value).ok()?.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let date_unix_ms = http_date_unix_ms(value)?;
    Some(Duration::from_millis(date_unix_ms.saturating_sub(now_unix_ms)).min(RETRY_AFTER_MAX))
}

/// An HTTP date in any of its three forms (RFC 9110 section 5.6.7), as milliseconds of Unix time.
pub(crate) fn http_date_unix_ms(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value).ok()?;
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
