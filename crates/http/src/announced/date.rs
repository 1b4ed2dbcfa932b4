//! Dates in fields.

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

/// An HTTP date in any of its three forms (RFC 9110 section 5.6.7), as milliseconds of Unix time. Its zone may also be `UTC` or an
/// offset such as `+0000`, as programs write it that follow the format of mail (RFC 5322 section 3.3).
pub(crate) fn http_date_unix_ms(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let (text, east_ms) = match value.rsplit_once(' ') {
        Some((date, zone)) => match offset_ms(zone) {
            Some(east_ms) => (format!("{date} GMT").into(), east_ms),
            None => (Cow::Borrowed(value), 0),
        },
        None => (Cow::Borrowed(value), 0),
    };
    let date = httpdate::parse_http_date(&text).ok()?;
    let unix_ms = u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    unix_ms.checked_add_signed(-east_ms)
}

/// How far a zone is east of GMT: `UTC`, or a sign and `HHMM`.
fn offset_ms(zone: &str) -> Option<i64> {
    if zone == "UTC" {
        return Some(0);
    }
    let is_east = zone.starts_with('+');
    let digits = zone.strip_prefix(['+', '-'])?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let ms = (number / 100 * 60 + number % 100) * 60_000;
    Some(if is_east { ms } else { -ms })
}
