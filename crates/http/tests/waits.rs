//! `Retry-After` in all its forms.

use std::time::Duration;

use longhaul_http::RETRY_AFTER_MAX;
use longhaul_http::retry_after::parse;
use proptest::prelude::*;

/// 1994-11-06T08:49:37Z, the date of the examples in RFC 9110 section 5.6.7.
const EXAMPLE_UNIX_MS: u64 = 784_111_777_000;

#[test]
fn seconds_and_all_forms_of_dates_are_read() {
    let ten_seconds_before = EXAMPLE_UNIX_MS - 10_000;
    for text in [
        "10",
        " 10\t",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse(text.as_bytes(), ten_seconds_before), Some(Duration::from_secs(10)), "{text}");
    }
}

#[test]
fn a_past_date_is_no_wait_and_garbage_is_none() {
    assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE_UNIX_MS + 1), Some(Duration::ZERO));
    assert_eq!(parse(b"0", 0), Some(Duration::ZERO));
    for garbage in
        ["", "-5", "+5", "1.", ".5", "soon", "10 years", "Sun, 99 Nov 1994 08:49:37 GMT", "\u{ff11}"]
    {
        assert_eq!(parse(garbage.as_bytes(), 0), None, "{garbage}");
    }
}

#[test]
fn a_fraction_and_a_unit_are_read() {
    for (text, seconds) in
        [("1.5", 2), ("2.0", 2), ("10 seconds", 10), ("3s", 3), ("2 Minutes", 120), ("1h", 3600)]
    {
        assert_eq!(parse(text.as_bytes(), 0), Some(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn the_longest_of_several_values_counts() {
    let ten_seconds_before = EXAMPLE_UNIX_MS - 10_000;
    for (text, seconds) in [
        ("5, 9", 9),
        ("9,5", 9),
        ("9,", 9),
        ("soon, 9", 9),
        ("3, Sun, 06 Nov 1994 08:49:37 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:37 GMT, 30, soon", 30),
        ("Sun, 06 Nov 1994 08:49:27 GMT, Sun, 06 Nov 1994 08:49:37 GMT", 10),
    ] {
        assert_eq!(parse(text.as_bytes(), ten_seconds_before), Some(Duration::from_secs(seconds)), "{text}");
    }
    for garbage in [",", "soon, later", "Sun, 06 Nov"] {
        assert_eq!(parse(garbage.as_bytes(), 0), None, "{garbage}");
    }
}

#[test]
fn a_date_may_have_the_zone_of_mail() {
    let ten_seconds_before = EXAMPLE_UNIX_MS - 10_000;
    for zone in ["+0000", "-0000", "UTC"] {
        let text = format!("Sun, 06 Nov 1994 08:49:37 {zone}");
        assert_eq!(parse(text.as_bytes(), ten_seconds_before), Some(Duration::from_secs(10)), "{text}");
    }
    for text in ["Sun, 06 Nov 1994 10:19:37 +0130", "Sun, 06 Nov 1994 00:49:37 -0800"] {
        assert_eq!(parse(text.as_bytes(), ten_seconds_before), Some(Duration::from_secs(10)), "{text}");
    }
    for text in
        ["Sun, 06 Nov 1994 08:49:37 +000", "Sun, 06 Nov 1994 08:49:37 CET", "Thu, 01 Jan 1970 00:00:00 +0100"]
    {
        assert_eq!(parse(text.as_bytes(), 0), None, "{text}");
    }
}

#[test]
fn a_huge_wait_is_clamped() {
    for text in ["99999999999", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(parse(text.as_bytes(), 0), Some(RETRY_AFTER_MAX), "{text}");
    }
}

proptest! {
    #[test]
    fn anything_at_all_is_bounded(value: Vec<u8>, now_unix_ms: u64) {
        prop_assert!(parse(&value, now_unix_ms).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
    }

    #[test]
    fn any_text_is_bounded(value in "[A-Za-z0-9:, -]{0,40}", now_unix_ms: u64) {
        prop_assert!(parse(value.as_bytes(), now_unix_ms).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
    }
}
