//! Transfer codings of whole exchanges: decoded, refused by name, and incomplete when they are cut short.

mod support;

use std::error::Error as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use longhaul_http::{Completion, Error, ProtocolFaultKind};
use longhaul_socket::FaultKind;
use support::script::Step;
use support::{Scene, Script, local, read_all};

/// Longer than what the decoder returns at once.
fn text() -> Vec<u8> {
    (0..40_000).flat_map(|line: u32| format!("line {line}\n").into_bytes()).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn chunked(bytes: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in bytes.chunks(1000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

/// Responses with these codings and these bytes, one after the other on one connection, which is closed after the last one.
fn answers(all: &[(&str, Vec<u8>)]) -> Scene {
    let mut steps = Vec::new();
    for (coding, bytes) in all {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n");
        steps.extend([Step::Request, Step::Send([head.as_bytes(), bytes].concat())]);
    }
    steps.push(Step::Close);
    Scene::new(vec![Script { steps, ..Script::default() }])
}

async fn read(scene: &Scene) -> Result<(Vec<u8>, Option<Completion>), Error> {
    let mut response = scene.get().await.expect("a head");
    assert!(response.head.is_coded());
    let bytes = read_all(&mut response.body).await?;
    assert_eq!(response.body.received(), bytes.len() as u64, "decoded bytes");
    Ok((bytes, response.body.completion()))
}

#[tokio::test(start_paused = true)]
async fn codings_behind_chunks_are_decoded_and_the_connection_is_kept() {
    local(async {
        let text = text();
        let scene = answers(&[
            ("gzip, chunked", chunked(&gzip(&text))),
            ("deflate, chunked", chunked(&zlib(&text))),
            ("deflate, x-gzip, chunked", chunked(&gzip(&zlib(&text)))),
        ]);
        for _ in 0..3 {
            let (bytes, completion) = read(&scene).await.expect("a body");
            assert!(bytes == text, "{} bytes", bytes.len());
            assert_eq!(completion, Some(Completion::LastChunk));
        }
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_coding_until_the_close_is_decoded() {
    local(async {
        let text = text();
        let (bytes, completion) = read(&answers(&[("gzip", gzip(&text))])).await.expect("a body");
        assert!(bytes == text, "{} bytes", bytes.len());
        assert_eq!(completion, Some(Completion::Close), "another member may have been cut off");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_coding_that_is_cut_short_is_an_early_close() {
    local(async {
        let coded = gzip(&text());
        for cut in [0, 5, 1000, coded.len() - 8, coded.len() - 1] {
            for answer in [("gzip", coded[..cut].to_vec()), ("gzip, chunked", chunked(&coded[..cut]))] {
                let error = read(&answers(std::slice::from_ref(&answer))).await.expect_err("it is cut");
                assert_eq!(error.fault_kind(), Some(FaultKind::ClosedEarly), "{cut} bytes, {}", answer.0);
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn other_codings_are_refused_by_name() {
    local(async {
        for (coding, message) in [
            ("br, chunked", "the transfer coding br is not supported"),
            ("compress", "the transfer coding compress is not supported"),
            ("zstd, gzip, chunked", "the transfer coding zstd is not supported"),
            ("gzip, gzip, gzip", "more than 2 transfer codings are applied"),
        ] {
            let error = read(&answers(&[(coding, chunked(b"hello"))])).await.expect_err("it is refused");
            assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::UnsupportedCoding), "{coding}");
            assert_eq!(error.source().map(ToString::to_string).as_deref(), Some(message));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_do_not_match_their_coding_are_refused() {
    local(async {
        let mut damaged = gzip(&text());
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let trailing = [gzip(b"hello"), b"hello".to_vec()].concat();
        for bytes in [b"not coded".to_vec(), damaged, trailing] {
            let error = read(&answers(&[("gzip", bytes)])).await.expect_err("it does not match");
            assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::BadCoding));
        }
        let bomb = gzip(&gzip(&vec![0; 32 * 1024 * 1024]));
        let error = read(&answers(&[("gzip, gzip", bomb)])).await.expect_err("it is a bomb");
        assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::DecodedTooLarge));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unwanted_body_is_not_decoded() {
    local(async {
        let scene =
            answers(&[("br, chunked", chunked(b"hello")), ("gzip, chunked", chunked(&gzip(b"hello")))]);
        let unwanted = scene.get().await.expect("a head");
        assert!(unwanted.body.drain().await, "its connection is kept");
        assert_eq!(read(&scene).await.expect("a body").0, b"hello");
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}
