//! Responses as servers send them, and what has to come of each.

use std::fmt::Write as _;

use http::Method;
use longhaul_http::h1::{Event, Fault, Limits, ResponseReader};

/// `STATUS BODY ENDED_BY kept|retired [codings] [ignored=N] [trailers=N]`, or the fault with what came before it.
fn outcome(method: &Method, bytes: &[u8]) -> String {
    let mut reader = ResponseReader::new(method.clone(), Limits::default());
    let (mut input, mut body, mut head_text, mut extra) = (bytes, Vec::new(), String::new(), String::new());
    loop {
        let progress = match reader.read(input) {
            Ok(progress) => progress,
            Err(fault) => return faulty(&head_text, &body, fault),
        };
        let consumed = &input[..progress.consumed];
        input = &input[progress.consumed..];
        let end = match progress.event {
            Some(Event::Head(head, framing)) => {
                head_text = format!("{} ", head.status);
                if !framing.codings.is_empty() {
                    let _ = write!(extra, " {:?}", framing.codings);
                }
                if head.ignored_lines > 0 {
                    let _ = write!(extra, " ignored={}", head.ignored_lines);
                }
                continue;
            }
            Some(Event::Body(range)) => {
                body.extend_from_slice(&consumed[range]);
                continue;
            }
            Some(Event::Trailers { fields, .. }) => {
                let _ = write!(extra, " trailers={}", fields.len());
                continue;
            }
            Some(Event::End(end)) => end,
            Some(_) => continue,
            None => match reader.close() {
                Ok(end) => end,
                Err(fault) => return faulty(&head_text, &body, fault),
            },
        };
        let kept = if end.is_persistent && input.is_empty() { "kept" } else { "retired" };
        let lacks = if end.lacks_trailers { " lacks trailers" } else { "" };
        let body = String::from_utf8_lossy(&body);
        return format!("{head_text}{body:?} {:?} {kept}{extra}{lacks}", end.by);
    }
}

fn faulty(head: &str, body: &[u8], fault: Fault) -> String {
    if head.is_empty() {
        format!("{fault:?}")
    } else {
        format!("{head}{:?} {fault:?}", String::from_utf8_lossy(body))
    }
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<_> = cases
        .iter()
        .map(|(bytes, expected)| (bytes, expected, outcome(&Method::GET, bytes.as_bytes())))
        .filter(|(_, expected, outcome)| *expected != outcome)
        .map(|(bytes, expected, outcome)| format!("{bytes:?}\n  expected {expected}\n  got      {outcome}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const GOOD: &str = "200 \"hello\" ContentLength kept";
const CHUNKS: &str = "200 \"hello\" LastChunk kept";
const CHUNKS_ONCE: &str = "200 \"hello\" LastChunk retired";

#[test]
fn framing() {
    check(&[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world", "200 \"hello\" ContentLength retired"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "200 \"hel\" ClosedInBody"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "200 \"hello\" Close retired"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 \"hello\" ContentLength retired"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", GOOD),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
            "200 \"hello\" ContentLength retired",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 204 No\r\n\r\n", "204 \"\" NoBody kept"),
        ("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "204 \"\" NoBody retired"),
        ("HTTP/1.1 204 No\r\n\r\nhello", "204 \"\" NoBody retired"),
        ("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "304 \"\" NoBody kept"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 \"\" ContentLength kept"),
        ("", "ClosedBeforeHead"),
        ("HTTP/1.1 200 OK\r\nContent-", "ClosedInHead"),
    ]);
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    assert_eq!(outcome(&Method::HEAD, head), "200 \"\" NoBody kept");
    assert_eq!(
        outcome(&Method::CONNECT, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        "200 \"\" Tunnel retired"
    );
}

#[test]
fn transfer_codings() {
    check(&[
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKS),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
            "200 \"hello\" LastChunk kept trailers=1",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", CHUNKS),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n", CHUNKS),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "200 \"hello\" LastChunk retired lacks trailers",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
            "200 \"hello\" ClosedInBody",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "200 \"hello\" ClosedInBody"),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKS_ONCE),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            CHUNKS_ONCE,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n",
            "200 \"5\\r\\nhello\\r\\n0\\r\\n\\r\\n\" ChunkedTwice",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            CHUNKS_ONCE,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nhello",
            "200 \"hello\" Close retired [Gzip]",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 \"hello\" LastChunk kept [Gzip]",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
            "200 \"hello\" ContentLength retired",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKS),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: none\r\nContent-Length: 5\r\n\r\nhello",
            "200 \"hello\" Close retired [Unknown(\"none\")]",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nhello", "BadTransferEncoding"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;a=b\r\n\r\nhello", "BadTransferEncoding"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello",
            "200 \"\" BadChunkSize",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
            "200 \"hello\" BadChunkSize",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello, world\r\n0\r\n\r\n",
            "200 \"hello\" BadChunkEnd",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\0\r\n\r\n", "200 \"\" BadTrailers"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: x\r\nno field\r\n\r\n",
            "200 \"\" LastChunk kept trailers=1",
        ),
    ]);
}

#[test]
fn sloppy_heads() {
    check(&[
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello", GOOD),
        ("\r\n\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1  200  OK\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("http/1.1 200 ok\r\ncontent-LENGTH:5\r\n\r\nhello", GOOD),
        ("HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Note: one\r\n  two\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\t5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nX: \u{e9}\u{4e2d}\r\nContent-Length: 5\r\n\r\nhello", GOOD),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nnonsense\r\n\r\nhello", &format!("{GOOD} ignored=1")),
        (
            "HTTP/1.1 200 OK\r\nPHP Warning:  x in y on line 0\r\n<!DOCTYPE html>\r\n: x\r\nX Y: 1\r\nContent-Length: 5\r\n\r\nhello",
            &format!("{GOOD} ignored=4"),
        ),
        (
            "HTTP/1.1 100 Go\r\nContent-Length x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            GOOD,
        ),
        ("HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\nhello", "200 \"hello\" Close retired ignored=1"),
        ("HTTP/1.0 200 OK\r\nServer: x\r\n<p>\nhello\n\nworld", "AmbiguousFraming"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n<p>\nhello\n\nworld", "200 \"world\" ClosedInBody"),
        ("HTTP/1.1 200 OK\r\nContent-Length 5\r\n\r\nhello", "AmbiguousFraming"),
        ("HTTP/1.1 200 OK\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\nhello", "AmbiguousFraming"),
        ("HTTP/1.1 200 OK\r\n Transfer-Encoding: chunked\r\n\r\nhello", "AmbiguousFraming"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\nhello", "BadTransferEncoding"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 6\r\n\r\nhello", "BadContentLength"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\rb\r\n\r\nhello", "ControlInHead"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\0b\r\n\r\nhello", "ControlInHead"),
        ("HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello", "ControlInHead"),
        ("yes, hello there\r\n\r\n", "NotHttp"),
        ("<html>hello</html>", "NotHttp"),
        ("ICY 200 OK\r\nicy-name: x\r\n\r\n", "NotHttp"),
        ("220 mail.test ESMTP\r\n", "NotHttp"),
        ("HTTP/2 200 OK\r\n\r\n", "UnsupportedVersion"),
        ("HTTP/1.1 two hundred\r\n\r\n", "BadStatus"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "UnaskedUpgrade"),
    ]);
}

#[test]
fn limits() {
    let fields =
        |count: usize| format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(count));
    let sized =
        |count: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(count));
    let interim = |count: usize| format!("{}{}", "HTTP/1.1 102 P\r\n\r\n".repeat(count), fields(0));
    let around = sized(0).len();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let empty = "200 \"\" ContentLength kept";
    check(&[
        (&fields(499), empty),
        (&fields(500), "TooManyFields"),
        (&sized(256 * 1024 - around), empty),
        (&sized(256 * 1024 - around + 1), "HeadTooLarge"),
        (&format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(256 * 1024)), "HeadTooLarge"),
        (&"\r\n".repeat(256 * 1024), "HeadTooLarge"),
        (&format!("{}x", "\n".repeat(256 * 1024 + 1)), "HeadTooLarge"),
        (&format!("\r\n{}", sized(256 * 1024 - around - 2)), empty),
        (&format!("\r\n{}", sized(256 * 1024 - around - 1)), "HeadTooLarge"),
        (&interim(16), empty),
        (&interim(17), "TooManyInterim"),
        (&format!("{chunked}5{}", ";a=b".repeat(100_000)), "200 \"\" ChunkExtensionsTooLarge"),
        (&format!("{chunked}0\r\n{}", "A: b\r\n".repeat(100_000)), "200 \"\" BadTrailers"),
        (&format!("{chunked}0\r\n{}\r\n", "A: b\r\n".repeat(101)), "200 \"\" BadTrailers"),
        (&format!("{chunked}0\r\n{}\r\n", "A: b\r\n".repeat(100)), "200 \"\" LastChunk kept trailers=100"),
    ]);
}

#[test]
fn raw_heads_are_verbatim() {
    let raw = b"hTTp/1.1 200  \xe9 \r\nX-CASE:  a \nfoo\r\n  fold\r\nContent-Length:0\r\n\n";
    let mut reader = ResponseReader::new(Method::GET, Limits::default());
    let Some(Event::Head(head, _)) = reader.read(raw).unwrap().event else { panic!("no head") };
    assert_eq!(&head.raw[..], raw);
    assert_eq!(&head.reason[..], b"\xe9");
    assert_eq!(head.fields["x-case"], "a");
}
