//! `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date in one of the three forms of section 5.6.7. What hosts
//! send beside that without ambiguity is read, too: a fraction, a unit, and several values in one field, as a proxy joins two fields
//! (RFC 9110 section 5.3). The caller decides how much of it to honour.

use std::time::Duration;

use super::date::http_date_unix_ms;

/// The longest wait that is returned, a hundred years: adding it to the time of any clock does not overflow.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// How long the value of a `Retry-After` field asks to wait, counted from `now_unix_ms`.
///
/// A fraction counts as a whole second, so that no request comes too early. Of several values, separated by commas, the longest wait
/// counts. A date in the past gives zero, a wait beyond [`RETRY_AFTER_MAX`] gives that, and anything else that is no number of seconds
/// and no date gives `None`.
///
/// ```
/// # use longhaul_http::retry_after;
/// # use std::time::Duration;
/// assert_eq!(retry_after::parse(b"120", 0), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after::parse(b"Thu, 01 Jan 1970 00:00:05 GMT", 2_000), Some(Duration::from_secs(3)));
/// assert_eq!(retry_after::parse(b"1.5", 0), Some(Duration::from_secs(2)));
/// assert_eq!(retry_after::parse(b"2 minutes", 0), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after::parse(b"5, 9", 0), Some(Duration::from_secs(9)));
/// assert_eq!(retry_after::parse(b"-1", 0), None);
/// ```
pub fn parse(value: &[u8], now_unix_ms: u64) -> Option<Duration> {
    let one = parse_one(value, now_unix_ms);
    if one.is_some() {
        return one;
    }
    // A date has a comma of its own.
    let elements: Vec<&[u8]> = value.split(|byte| *byte == b',').collect();
    let dates = elements.windows(2).map(|pair| pair.join(&b','));
    let dates = dates.filter_map(|date| parse_one(&date, now_unix_ms));
    elements.iter().filter_map(|element| parse_one(element, now_unix_ms)).chain(dates).max()
}

fn parse_one(value: &[u8], now_unix_ms: u64) -> Option<Duration> {
    let value = value.trim_ascii();
    if let Some(wait) = std::str::from_utf8(value).ok().and_then(duration) {
        return Some(wait.min(RETRY_AFTER_MAX));
    }
    let date_unix_ms = http_date_unix_ms(value)?;
    Some(Duration::from_millis(date_unix_ms.saturating_sub(now_unix_ms)).min(RETRY_AFTER_MAX))
}

/// `1*DIGIT [ "." 1*DIGIT ] [ unit ]`, rounded up to whole seconds; without a unit in seconds.
fn duration(text: &str) -> Option<Duration> {
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let end = text.bytes().position(|byte| !is_number(byte)).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_decimal = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal(whole) || !is_decimal(fraction) {
        return None;
    }
    let seconds_per_unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        _ => return None,
    };
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    let units = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(u64::from(has_fraction));
    Some(Duration::from_secs(units.saturating_mul(seconds_per_unit)))
}
