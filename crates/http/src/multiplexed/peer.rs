//! The host: accepts TLS, speaks the protocol that was agreed on, and does what the path of each request names.
//!
//! | path | response |
//! |---|---|
//! | `/small` | a complete one |
//! | `/trailers` | a complete one with trailer fields |
//! | `/short` | less than its `Content-Length` |
//! | `/held` | the first bytes, and the rest once `/release` is requested |
//! | `/release` | a complete one |
//! | `/reset` | the first bytes, then the error code 11 |
//! | `/refused` | over the first connection none, because it was not processed; over another one a complete one |
//! | `/leave` | none, because no stream after the first is processed |
//! | `/break` | the end of the connection |
//! | `/malformed` | a frame of no kind that there is |

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Endpoint, Listener, Network, Stream, TlsAcceptor, TlsServerOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::frame::{self, Frame, Kind};
use super::session::REFUSED_STREAM;

/// The name of the protocol in the TLS handshake.
pub(super) const ALPN: &[u8] = b"multiplexed";
/// How long the host thinks before it accepts the TLS handshake.
pub(super) const HANDSHAKE_TAKES: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
pub(super) struct Host {
    pub(super) connections: Rc<Cell<usize>>,
    /// Requests and cancellations, each with the number of its connection.
    pub(super) seen: Rc<RefCell<Vec<(usize, Kind, String)>>>,
}

impl Host {
    /// A host at `https://10.0.0.1/` that speaks these protocols, the first `broken` connections not at all.
    pub(super) fn start(network: &MemoryNetwork, alpn: &[&[u8]], broken: usize) -> Self {
        let endpoint: Endpoint = "tcp://10.0.0.1:443".parse().expect("an endpoint");
        let listener = network.listen(endpoint).expect("nobody else listens there");
        let certificate =
            rcgen::generate_simple_self_signed(["host.test".to_owned()]).expect("a certificate");
        let (chain, key) = (vec![certificate.cert.der().to_vec()], certificate.signing_key.serialize_der());
        let options = TlsServerOptions::from_der(chain, key).expect("an identity").offering(alpn);
        let acceptor = TlsAcceptor::new(options).expect("an identity");
        let host = Self::default();
        spawn_local(host.clone().accept(listener, acceptor, broken));
        host
    }

    /// The texts of the frames of this kind, by connection.
    pub(super) fn seen(&self, kind: Kind) -> Vec<(usize, String)> {
        let seen = self.seen.borrow();
        let of_kind = seen.iter().filter(|(_, seen, _)| *seen == kind);
        of_kind.map(|(connection, _, text)| (*connection, text.clone())).collect()
    }

    async fn accept(self, listener: Box<dyn Listener>, acceptor: TlsAcceptor, broken: usize) {
        while let Ok((transport, _)) = listener.accept().await {
            self.connections.set(self.connections.get() + 1);
            let (host, acceptor, number) = (self.clone(), acceptor.clone(), self.connections.get());
            spawn_local(async move {
                sleep(HANDSHAKE_TAKES).await;
                if number <= broken {
                    return;
                }
                let Ok(stream) = acceptor.accept(Stream::plain(transport)).await else { return };
                if stream.tls().and_then(|tls| tls.alpn).as_deref() == Some(ALPN) {
                    host.serve(stream, number).await;
                } else {
                    serve_http1(stream).await;
                }
            });
        }
    }

    async fn serve(self, mut stream: Stream, number: usize) {
        let (mut received, mut held) = (BytesMut::new(), Vec::new());
        while matches!(stream.read_buf(&mut received).await, Ok(1..)) {
            while let Some(frame) = frame::read(&mut received).expect("a client sends no malformed frame") {
                let text = String::from_utf8(frame.text.to_vec()).expect("a text");
                self.seen.borrow_mut().push((number, frame.kind, text));
                if frame.kind == Kind::Cancel {
                    held.retain(|&stream| stream != frame.stream);
                    continue;
                }
                let Some(answer) = answer(&frame, number, &mut held) else { return };
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What the host sends; `None` to close the connection.
fn answer(request: &Frame, connection: usize, held: &mut Vec<u8>) -> Option<BytesMut> {
    let text = std::str::from_utf8(&request.text).expect("a text");
    let path = text.lines().nth(3).expect("a request has a path");
    let refused = REFUSED_STREAM.to_string();
    let mut bytes = BytesMut::new();
    let mut send =
        |stream: u8, kind: Kind, text: &str| frame::write(&mut bytes, stream, kind, text.as_bytes());
    let stream = request.stream;
    match path {
        "/break" => return None,
        "/refused" if connection == 1 => send(stream, Kind::Reset, &refused),
        "/leave" if connection == 1 => send(1, Kind::GoAway, ""),
        "/held" => {
            held.push(stream);
            send(stream, Kind::Head, "200");
            send(stream, Kind::Data, "begun");
        }
        "/reset" => {
            send(stream, Kind::Head, "200");
            send(stream, Kind::Data, "begun");
            send(stream, Kind::Reset, "11");
        }
        "/malformed" => {
            bytes.extend_from_slice(&[stream, u8::MAX, 0, 0]);
        }
        "/short" => {
            send(stream, Kind::Head, "200\ncontent-length: 9");
            send(stream, Kind::Data, "begun");
            send(stream, Kind::End, "");
        }
        _ => {
            for held in held.drain(..).filter(|_| path == "/release") {
                send(held, Kind::Data, ", done");
                send(held, Kind::End, "");
            }
            send(stream, Kind::Head, "200\nx-path: 1");
            send(stream, Kind::Data, "hello");
            send(stream, Kind::End, if path == "/trailers" { "x-sum: 5" } else { "" });
        }
    }
    Some(bytes)
}

async fn serve_http1(mut stream: Stream) {
    let mut received = Vec::new();
    while matches!(stream.read_buf(&mut received).await, Ok(1..)) {
        if received.ends_with(b"\r\n\r\n") {
            received.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.is_err() {
                return;
            }
        }
    }
}
