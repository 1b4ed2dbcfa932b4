//! The entry points of the fuzz targets, on bytes that look like what they read, and on any bytes.

use longhaul_http::fuzz;
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes made of these pieces, cut and damaged here and there.
fn made_of(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const CHUNKS: &[&str] = &[
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "5",
    ";a=b",
    ";a=\"\r\n\"",
    "\r\n",
    "\n",
    "fffffffffffffffff",
    "A: b\r\n",
    "x",
];
const RANGES: &[&str] = &["bytes ", "0-9", "/", "10", "*", "-", "18446744073709551615", "1", " ", "items "];
const WAITS: &[&str] = &[
    "120",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 ",
    "08:49:37 GMT",
    "-",
    "1",
    ".5",
    " ",
    "9999999999999999999",
];
const LIMITS: &[&str] = &[
    "\u{0}",
    "\u{1}",
    "\u{2}",
    "\"default\"",
    ";r=50",
    ";t=30",
    ",",
    "limit=10",
    "remaining=5",
    "reset=1e9",
    "50",
    "\n",
    "1700000000",
    ";w=60",
    "\\\"",
];
const LOCATIONS: &[&str] = &[
    "https:",
    "http:",
    "//",
    "/",
    "example.org",
    "other.test",
    "127.0.0.1",
    "@",
    "user:word",
    "?",
    "#",
    "..",
    "%2e",
    "\\",
    "\t",
    "\u{e9}",
    ":443",
    "[::1]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..200)) {
        for entry in [
            fuzz::response, fuzz::chunked, fuzz::content_range, fuzz::retry_after, fuzz::rate_limit, fuzz::location,
        ] {
            entry(&data);
        }
    }

    #[test]
    fn chunks(choice in any::<u8>(), data in made_of(CHUNKS)) {
        fuzz::chunked(&[&[choice], &data[..]].concat());
    }

    #[test]
    fn content_ranges(data in made_of(RANGES)) {
        fuzz::content_range(&data);
    }

    #[test]
    fn waits(data in made_of(WAITS)) {
        fuzz::retry_after(&data);
    }

    #[test]
    fn rate_limits(data in made_of(LIMITS)) {
        fuzz::rate_limit(&data);
    }

    #[test]
    fn locations(data in made_of(LOCATIONS)) {
        fuzz::location(&data);
    }
}
