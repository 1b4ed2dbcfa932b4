//! `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date in one of the three forms of section 5.6.7. The
//! caller decides how much of it to honour.

use std::time::Duration;

use super::date::http_date_unix_ms;

/// The longest wait that is returned, a hundred years: adding it to the time of any clock does not overflow.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// How long the value of a `Retry-After` field asks to wait, counted from `now_unix_ms`.
///
/// A date in the past gives zero, a wait beyond [`RETRY_AFTER_MAX`] gives that, and anything else that is no number of seconds
/// and no date gives `None`.
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
