//! What hosts announce of their limits, in all the forms that are about, and what is no announcement.

use longhaul_http::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER_MAX, RateLimit, rate_limit};
use proptest::prelude::*;

/// Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example.
const NOW_UNIX_MS: u64 = 784_111_777_000;

/// Fields, by name.
type Lines<'a> = &'a [(&'a str, &'a str)];

fn fields(lines: Lines<'_>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a name");
        fields.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    fields
}

fn announced(lines: Lines<'_>) -> Option<(u64, u64)> {
    let RateLimit { remaining, reset_after } = rate_limit::parse(&fields(lines), NOW_UNIX_MS)?;
    Some((remaining, reset_after.as_secs()))
}

#[test]
fn every_form_is_read() {
    let cases: &[(Lines<'_>, (u64, u64))] = &[
        (&[("RateLimit-Policy", "\"default\";q=600;w=60"), ("RateLimit", "\"default\";r=50;t=30")], (50, 30)),
        (&[("RateLimit", "default;r=50;t=30")], (50, 30)),
        (&[("RateLimit", " \"a\" ; t = 30 ; pk=:cHsdsRa894==: ; r = 50 ")], (50, 30)),
        // Of several policies the one that ends first is the one that counts.
        (&[("RateLimit", "\"burst\";r=5;t=1, \"daily\";r=900;t=3600")], (5, 1)),
        (&[("RateLimit", "\"burst\";r=5;t=1"), ("RateLimit", "\"daily\";r=2;t=3600")], (2, 3600)),
        (&[("RateLimit", "\"a\";r=0;t=1, \"b\";r=0;t=60")], (0, 60)),
        (&[("RateLimit", "\"a,b;r=1;t=1\";r=9;t=2")], (9, 2)),
        (&[("RateLimit", "\"a\\\",\";r=9;t=2")], (9, 2)),
        (&[("RateLimit", "limit=100, remaining=50, reset=5")], (50, 5)),
        (&[("RateLimit", "limit=10;w=1, Remaining=5, RESET=1")], (5, 1)),
        (&[("RateLimit-Limit", "100"), ("RateLimit-Remaining", "50"), ("RateLimit-Reset", "5")], (50, 5)),
        (&[("X-RateLimit-Remaining", "58.7"), ("X-RateLimit-Reset", "4.5")], (58, 4)),
        (
            &[("X-Rate-Limit-Remaining", "7"), ("X-Rate-Limit-Reset", "Sun, 06 Nov 1994 08:50:07 GMT")],
            (7, 30),
        ),
        (
            &[("X-RateLimit-Remaining", "7"), ("X-RateLimit-Reset-After", "3"), ("X-RateLimit-Reset", "9")],
            (7, 3),
        ),
        (&[("X-RateLimit-Remaining", "10, 4"), ("X-RateLimit-Reset", "60, 3600")], (4, 3600)),
        (&[("X-RateLimit-Remaining", "10;w=60"), ("X-RateLimit-Reset", "60;w=60")], (10, 60)),
        // A Unix time, by the clock of the answer where it tells the time, and in the past: no wait at all.
        (
            &[
                ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                ("X-RateLimit-Remaining", "3"),
                ("X-RateLimit-Reset", "1767225660"),
            ],
            (3, 60),
        ),
        (
            &[
                ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                ("X-RateLimit-Remaining", "3"),
                ("X-RateLimit-Reset", "1767225660000"),
            ],
            (3, 60),
        ),
        (
            &[
                ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
                ("X-RateLimit-Remaining", "3"),
                ("X-RateLimit-Reset", "1372700873"),
            ],
            (3, 0),
        ),
        // The forms beside each other: the newest is believed.
        (
            &[
                ("RateLimit", "\"default\";r=50;t=30"),
                ("X-RateLimit-Remaining", "1"),
                ("X-RateLimit-Reset", "1"),
            ],
            (50, 30),
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(announced(lines), Some(*expected), "{lines:?}");
    }
}

#[test]
fn invalid_fields_announce_nothing() {
    let cases: &[Lines<'_>] = &[
        &[],
        &[("RateLimit", "")],
        &[("RateLimit", "\"default\";q=600;w=60")],
        &[("RateLimit", "\"default\";r=-1;t=60")],
        &[("RateLimit", "\"default\";r=5")],
        &[("RateLimit", "\"default\";r=five;t=sixty")],
        &[("RateLimit", "\"unclosed;r=5;t=60")],
        &[("RateLimit", ";;;,,,===")],
        &[("RateLimit", "remaining=50")],
        &[("RateLimit-Remaining", "50")],
        &[("RateLimit-Reset", "50")],
        &[("X-RateLimit-Remaining", "-1"), ("X-RateLimit-Reset", "60")],
        &[("X-RateLimit-Remaining", "1"), ("X-RateLimit-Reset", "-60")],
        &[("X-RateLimit-Remaining", "NaN"), ("X-RateLimit-Reset", "inf")],
        &[("X-RateLimit-Remaining", "1e3"), ("X-RateLimit-Reset", "0x10")],
        &[("X-RateLimit-Remaining", "1.2.3"), ("X-RateLimit-Reset", "1")],
        &[("X-RateLimit-Remaining", "unlimited"), ("X-RateLimit-Reset", "never")],
        &[("X-RateLimit-Remaining", "1, 2"), ("X-RateLimit-Reset", "60")],
        // Two families do not add up to one announcement.
        &[("RateLimit-Remaining", "1"), ("X-RateLimit-Reset", "60")],
        &[("X-RateLimit-Remaining", "\u{0661}"), ("X-RateLimit-Reset", "1")],
    ];
    for lines in cases {
        assert_eq!(announced(lines), None, "{lines:?}");
    }
}

#[test]
fn huge_values_are_clamped() {
    let digits = "9".repeat(400);
    for value in ["18446744073709551616", &digits] {
        let lines = fields(&[("X-RateLimit-Remaining", value), ("X-RateLimit-Reset", value)]);
        let found = rate_limit::parse(&lines, NOW_UNIX_MS).expect("a bounded announcement");
        assert_eq!((found.remaining, found.reset_after), (u64::MAX, RETRY_AFTER_MAX), "{value}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        name in prop::sample::select(vec![
            "ratelimit", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining", "x-rate-limit-reset", "date",
        ]),
        other in "[a-z\";=, rt0-9.\\\\-]{0,60}",
        raw in prop::collection::vec(any::<u8>(), 0..60),
        now_unix_ms in any::<u64>(),
    ) {
        let mut fields = fields(&[("X-RateLimit-Remaining", "5"), ("X-RateLimit-Reset", "60")]);
        for value in [other.as_bytes(), raw.as_slice()] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                fields.append(name, value);
            }
        }
        if let Some(found) = rate_limit::parse(&fields, now_unix_ms) {
            prop_assert!(found.reset_after <= RETRY_AFTER_MAX);
        }
    }
}
