//! What holds for any bytes, tried on bytes that look like responses.

use longhaul_http::h1::fuzz;
use proptest::prelude::*;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn reads_do_not_matter_and_limits_hold(data in response()) {
        fuzz(&data);
    }

    #[test]
    fn nor_for_arbitrary_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    /// One byte of a response is another one.
    #[test]
    fn nor_for_damaged_responses(data in response(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut data = data;
        let at = at.index(data.len());
        data[at] = byte;
        fuzz(&data);
    }
}
