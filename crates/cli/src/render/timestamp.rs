//! Timestamps as RFC 3339 writes them, in UTC, to the millisecond.

use std::time::{Duration, UNIX_EPOCH};

/// The last millisecond of the year 9999: the format has four digits for a year.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// `2024-02-29T23:59:59.999Z` for milliseconds since 1970-01-01T00:00:00Z. A time after the year 9999 becomes its end.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(unix_ms.min(UNIX_MS_MAX));
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (unix_ms, text) in table {
            assert_eq!(rfc3339(unix_ms), text);
        }
    }
}
