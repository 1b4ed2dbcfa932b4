//! The properties that the fuzz targets check, on the stable toolchain: each seed of `fuzz/seeds`, mutations of the seeds, and
//! input that is put together from pieces of real fields and responses.
#![expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]

#[path = "../../../fuzz/properties/inputs.rs"]
mod inputs;
#[path = "../../../fuzz/properties/http.rs"]
mod properties;

use inputs::{input, seeds};
use proptest::collection::vec;
use proptest::prelude::*;

/// A property of what a parser makes of some bytes.
type Property = fn(&[u8]);

/// Each target and its property.
const PROPERTIES: [(&str, Property); 6] = [
    ("http_response", properties::response),
    ("http_chunked", properties::chunked),
    ("http_content_range", properties::content_range),
    ("http_retry_after", properties::retry_after),
    ("http_rate_limit", properties::rate_limit),
    ("http_location", properties::location),
];

fn pieces() -> Vec<&'static [u8]> {
    vec![
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"http/1.1  404\n",
        b"HTTP/1.1 204 No\r\n",
        b"HTTP/1.1 304 \r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n",
        b"HTTP/1.1 101 S\r\n",
        b"HTTP/2 200\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"content-length:6\r\n",
        b"Content-Length : 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"PHP Warning: x\r\n",
        b"<!DOCTYPE html>\r\n",
        b": x\r\n",
        b"X: a\r\n",
        b"X-(a): b\n",
        b" folded\r\n",
        b"X: a\0b\r\n",
        b"X: a\rb\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"0\r\n",
        b"5\r\nhello\r\n",
        b"5\nhello\n",
        b"5;a=b\r\nhello\r\n",
        b"c\r\n2\r\nhe\r\n0\r\n\r\n\r\n",
        b"A: trailer\r\n",
        b"hello",
        b"hello, world",
        b"ffffffffffffffff\r\n",
        b"10000000000000000\r\n",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\xcb\x48\xcd\xc9\xc9\x07\0",
    ]
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => prop::sample::select(pieces()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 1_usize..1500).prop_map(|(byte, count)| vec![byte; count]),
    ];
    // Most begin well, so that most get somewhere.
    let start = prop_oneof![4 => Just(b"HTTP/1.1 200 OK\r\n".to_vec()), 1 => Just(Vec::new())];
    (any::<u8>(), start, prop::collection::vec(piece, 0..12))
        .prop_map(|(choice, start, pieces)| [vec![choice], start, pieces.concat()].concat())
}

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

#[test]
fn every_seed_has_the_properties() {
    for (target, property) in PROPERTIES {
        for seed in seeds(target) {
            property(&seed);
        }
    }
}

/// The seeds are read as what they are: otherwise mutations of them would test nothing but refusals.
#[test]
fn the_seeds_are_valid() {
    assert!(
        seeds("http_content_range").iter().all(|value| longhaul_http::ContentRange::parse(value).is_some())
    );
    assert!(
        seeds("http_retry_after").iter().all(|value| longhaul_http::retry_after::parse(value, 0).is_some())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn mutated_seeds(
        (property, data) in prop::sample::select(&PROPERTIES[..])
            .prop_flat_map(|(target, property)| (Just(property), input(target))),
    ) {
        property(&data);
    }

    #[test]
    fn responses(data in response()) {
        properties::response(&data);
    }

    /// One byte of a response is another one.
    #[test]
    fn damaged_responses(data in response(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut data = data;
        let at = at.index(data.len());
        data[at] = byte;
        properties::response(&data);
    }

    #[test]
    fn chunks(choice in any::<u8>(), data in made_of(CHUNKS)) {
        properties::chunked(&[&[choice], &data[..]].concat());
    }

    #[test]
    fn content_ranges(data in made_of(RANGES)) {
        properties::content_range(&data);
    }

    #[test]
    fn waits(data in made_of(WAITS)) {
        properties::retry_after(&data);
    }

    #[test]
    fn rate_limits(data in made_of(LIMITS)) {
        properties::rate_limit(&data);
    }

    #[test]
    fn locations(data in made_of(LOCATIONS)) {
        properties::location(&data);
    }
}
