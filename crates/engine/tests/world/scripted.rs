//! Hosts that follow a script: every byte of an answer, and how the connection ends, is the test's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use longhaul_socket::{Endpoint, Network as _, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::World;

/// A request, as far as scripts look at it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many requests the host has had with this one.
    pub(crate) number: usize,
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) fields: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The offset of `Range: bytes=OFFSET-`.
    pub(crate) fn range_from(&self) -> Option<usize> {
        self.field("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// The state of the connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    NextRequest,
    Fin,
    Reset,
    /// Nothing more comes, and the connection stays.
    Silence,
}

/// The bytes of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    end: End,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { head: format!("HTTP/1.1 {status} scripted\r\n"), body: Vec::new(), end: End::NextRequest }
    }

    /// No byte comes, then this.
    pub(crate) fn nothing(end: End) -> Self {
        Self { head: String::new(), body: Vec::new(), end }
    }

    pub(crate) fn field(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.head = format!("{}{name}: {value}\r\n", self.head);
        self
    }

    /// A body with its length announced.
    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { body: body.clone(), ..self.field("Content-Length", body.len()) }
    }

    /// A body in one chunk, complete.
    pub(crate) fn chunked(self, body: &[u8]) -> Self {
        let mut coded = format!("{:x}\r\n", body.len()).into_bytes();
        coded.extend_from_slice(body);
        coded.extend_from_slice(b"\r\n0\r\n\r\n");
        Self { body: coded, ..self.field("Transfer-Encoding", "chunked") }
    }

    /// The bytes that `head` and `body` announce, without a `Content-Length` of their own.
    pub(crate) fn raw(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Only so many bytes of the body come, then this.
    pub(crate) fn cut(mut self, bytes: usize, end: End) -> Self {
        self.body.truncate(bytes);
        Self { end, ..self }
    }

    pub(crate) fn end(self, end: End) -> Self {
        Self { end, ..self }
    }
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

/// A host at work until it is dropped.
pub(crate) struct Scripted {
    requests: Arc<Mutex<Vec<Request>>>,
    /// Each open connection holds one.
    presence: Arc<()>,
    _connections: JoinSet<()>,
}

impl Scripted {
    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no script panics").clone()
    }

    /// Counts the connections that are open whenever it is asked.
    pub(crate) fn connections(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let presence = Arc::downgrade(&self.presence);
        move || presence.strong_count().saturating_sub(2)
    }
}

impl World {
    /// Adds a host that answers as the script says.
    pub(crate) fn scripted(
        &self,
        name: &str,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Scripted {
        self.scripted_at(self.endpoint(name), script)
    }

    /// The same at an endpoint without a name.
    pub(crate) fn scripted_at(
        &self,
        endpoint: Endpoint,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Scripted {
        let listener = self.network.listen(endpoint).expect("nobody else listens there");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&requests));
        let presence = Arc::new(());
        let present = Arc::clone(&presence);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((transport, _)) = listener.accept().await {
                let (script, seen, present) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&present));
                connections.spawn(async move {
                    serve(transport, script, seen).await;
                    drop(present);
                });
            }
        });
        Scripted { requests, presence, _connections: accepting }
    }
}

async fn serve(mut transport: Box<dyn Transport>, script: Arc<Script>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut received = Vec::new();
    loop {
        let Some(request) = receive(&mut *transport, &mut received, &seen).await else { return };
        let Reply { head, body, end } = script(&request);
        let written = async {
            if !head.is_empty() {
                transport.write_all(format!("{head}\r\n").as_bytes()).await?;
            }
            transport.write_all(&body).await
        };
        if written.await.is_err() {
            return;
        }
        match end {
            End::NextRequest => {}
            End::Fin => {
                let _ = transport.shutdown().await;
                return;
            }
            End::Reset => return transport.reset(),
            End::Silence => std::future::pending().await,
        }
    }
}

async fn receive(
    transport: &mut dyn Transport,
    received: &mut Vec<u8>,
    seen: &Mutex<Vec<Request>>,
) -> Option<Request> {
    let end = loop {
        if let Some(at) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if transport.read_buf(received).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(received.drain(..end).collect()).expect("we send ASCII");
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = seen.lock().expect("no script panics");
    let request = Request { number: seen.len() + 1, path, fields };
    seen.push(request.clone());
    Some(request)
}
