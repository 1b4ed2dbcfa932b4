//! On conforming responses the core agrees with hyper's client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use longhaul_http::h1::{Message, Session, Version};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};

struct Io(DuplexStream);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = into.remaining().min(bytes.len());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunked { chunks: Vec<(Vec<u8>, &'static str)>, trailers: Vec<(String, String)> },
    Close(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Case {
    method: Method,
    bytes: Vec<u8>,
    closes: bool,
}

/// What a client makes of a response.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    version: http::Version,
    status: u16,
    reason: Vec<u8>,
    fields: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
    is_reusable: bool,
}

fn fields(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    let name =
        prop_oneof!["[A-Za-z][A-Za-z0-9-]{0,12}", Just("Set-Cookie".to_owned()), Just("ETag".to_owned())];
    let framing = ["content-length", "transfer-encoding", "connection", "trailer", "upgrade"];
    let name = name.prop_filter("frames", move |name| !framing.contains(&name.to_ascii_lowercase().as_str()));
    let value = "[!-~\u{e9}]([ !-~\t\u{e9}]{0,20}[!-~])?|";
    prop::collection::vec((name, value), 0..most)
}

fn body() -> impl Strategy<Value = Body> {
    let data = || prop::collection::vec(any::<u8>(), 0..300);
    let chunk =
        (prop::collection::vec(any::<u8>(), 1..60), prop::sample::select(vec!["", "", ";a=b", ";x", " "]));
    prop_oneof![
        1 => Just(Body::None),
        3 => data().prop_map(Body::Length),
        3 => (prop::collection::vec(chunk, 0..8), fields(3)).prop_map(|(chunks, trailers)| Body::Chunked { chunks, trailers }),
        1 => data().prop_map(Body::Close),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let status = prop::sample::select(vec![200, 201, 203, 206, 301, 404, 416, 503, 999]);
    let connection = prop::sample::select(vec!["", "close", "keep-alive", "Keep-Alive, x", "x, CLOSE"]);
    let reason = prop::sample::select(vec!["", "OK", "Not Found", "a b\tc"]);
    let flags = (any::<bool>(), any::<bool>(), 0_usize..3);
    (flags, status, reason, connection, fields(8), body()).prop_map(
        |((is_old, is_head, interim), status, reason, connection, fields, body)| {
            // HTTP/1.0 has no chunks.
            let is_old = is_old && !matches!(body, Body::Chunked { .. });
            let status = if matches!(body, Body::None) { if is_head { 204 } else { 304 } } else { status };
            let mut bytes = b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n".repeat(interim);
            bytes.extend(format!("HTTP/1.{} {status} {reason}\r\n", u8::from(!is_old)).bytes());
            let line = |bytes: &mut Vec<u8>, name: &str, value: &str| {
                bytes.extend(format!("{name}: {value}\r\n").bytes());
            };
            for (name, value) in &fields {
                line(&mut bytes, name, value);
            }
            if !connection.is_empty() {
                line(&mut bytes, "Connection", connection);
            }
            match &body {
                Body::Length(data) => line(&mut bytes, "Content-Length", &data.len().to_string()),
                Body::Chunked { .. } => line(&mut bytes, "Transfer-Encoding", "Chunked"),
                Body::None | Body::Close(_) => {}
            }
            bytes.extend(b"\r\n");
            let closes = matches!(body, Body::Close(_)) && !is_head;
            if !is_head {
                match body {
                    Body::None => {}
                    Body::Length(data) | Body::Close(data) => bytes.extend(data),
                    Body::Chunked { chunks, trailers } => {
                        for (data, extension) in chunks {
                            bytes.extend(format!("{:x}{extension}\r\n", data.len()).bytes());
                            bytes.extend(data);
                            bytes.extend(b"\r\n");
                        }
                        bytes.extend(b"0\r\n");
                        for (name, value) in &trailers {
                            line(&mut bytes, name, value);
                        }
                        bytes.extend(b"\r\n");
                    }
                }
            }
            Case { method: if is_head { Method::HEAD } else { Method::GET }, bytes, closes }
        },
    )
}

async fn read_by_hyper(case: &Case) -> Reading {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let (mut sender, connection) = http1::handshake(Io(near)).await.unwrap();
    let driver = tokio::spawn(connection);
    let peer = async {
        let mut request = [0; 1024];
        let _ = far.read(&mut request).await.unwrap();
        far.write_all(&case.bytes).await.unwrap();
        if case.closes {
            drop(far);
            None
        } else {
            Some(far)
        }
    };
    let exchange = async {
        let request = http::Request::builder()
            .method(case.method.clone())
            .uri("/")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        let status = parts.status;
        let reason = parts.extensions.get::<hyper::ext::ReasonPhrase>();
        let reason = reason
            .map_or(status.canonical_reason().unwrap_or("").as_bytes(), |reason| reason.as_bytes())
            .to_vec();
        let body = collected.to_bytes().to_vec();
        let is_reusable = sender.ready().await.is_ok();
        Reading {
            version: parts.version,
            status: status.as_u16(),
            reason,
            fields: parts.headers,
            body,
            trailers,
            is_reusable,
        }
    };
    let (_far, reading) = tokio::join!(peer, exchange);
    drop(sender);
    driver.abort();
    reading
}

fn read_by_core(case: &Case, read_size: usize) -> Reading {
    let mut session = Session::new(longhaul_http::h1::Limits::default());
    session.begin(case.method.clone()).unwrap();
    let mut reads = case.bytes.chunks(read_size);
    let (mut found, mut body, mut trailers) = (None, Vec::new(), None);
    let end = loop {
        match session.poll().unwrap() {
            None => match reads.next() {
                Some(bytes) => session.buffer_mut().extend_from_slice(bytes),
                None => break session.close().unwrap(),
            },
            Some(Message::Interim(head)) => assert_eq!(head.status, 103),
            Some(Message::Head(head, _)) => found = Some(head),
            Some(Message::Body(bytes)) => body.extend_from_slice(&bytes),
            Some(Message::Trailers { fields, .. }) => trailers = Some(fields),
            Some(Message::End(end)) => break end,
            Some(other) => panic!("unexpected: {other:?}"),
        }
    };
    let head = found.unwrap();
    assert_eq!(head.ignored_lines, 0);
    let version = match head.version {
        Version::Http10 => http::Version::HTTP_10,
        Version::Http11 => http::Version::HTTP_11,
    };
    Reading {
        version,
        status: head.status,
        reason: head.reason.to_vec(),
        fields: head.fields,
        body,
        trailers,
        is_reusable: end.is_persistent,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn both_read_the_same(case in case(), read_size in 1_usize..400) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let by_hyper = runtime.block_on(read_by_hyper(&case));
        let mut by_core = read_by_core(&case, read_size);
        // hyper trims nothing from a reason, and gives the usual one where there is none.
        if by_core.reason.is_empty() {
            by_core.reason.clone_from(&by_hyper.reason);
        }
        prop_assert_eq!(by_core, by_hyper, "{}", case.bytes.escape_ascii());
    }
}
