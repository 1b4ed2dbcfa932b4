//! Dates in fields.

use std::time::UNIX_EPOCH;

/// An HTTP date in any of its three forms (RFC 9110 section 5.6.7), as milliseconds of Unix time.
pub(crate) fn http_date_unix_ms(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value).ok()?;
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
