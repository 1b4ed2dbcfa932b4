//! A client that works on bytes: it knows no rules of HTTP, so it can observe how they are broken.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_origin::{FaultMix, HostileServer, Options, RunningHostileServer, Site, Sizes};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Deadline, Endpoint, Network, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest wait of a test, in virtual or real time.
const TEST_TIME: Duration = Duration::from_mins(10);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// A response head.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn length(&self) -> usize {
        self.field("content-length").expect("a length").parse().expect("a number")
    }
}

pub(crate) struct Client {
    transport: Box<dyn Transport>,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(network: &dyn Network, endpoint: Endpoint) -> Self {
        Self::over(bound(network.dial(endpoint)).await.expect("the server listens"))
    }

    pub(crate) fn over(transport: Box<dyn Transport>) -> Self {
        Self { transport, received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        bound(self.transport.write_all(bytes.as_ref())).await.expect("the server reads");
    }

    /// Ends the client's own direction.
    pub(crate) async fn end(&mut self) {
        bound(self.transport.shutdown()).await.expect("the server is there");
    }

    /// Sends a `GET` with further field lines, each ended by CRLF.
    pub(crate) async fn get(&mut self, target: &str, fields: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: o.test\r\n{fields}\r\n")).await;
    }

    /// Reads a head. The error is the end of the connection before it.
    pub(crate) async fn head(&mut self) -> Result<Head, End> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            self.read().await?;
        };
        let text: Vec<u8> = self.received.drain(..end + 4).collect();
        let text = String::from_utf8(text).expect("a head in ASCII");
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let fields = lines.map(|line| line.split_once(": ").expect("a field"));
        Ok(Head {
            status: status.parse().expect("a status"),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }

    pub(crate) async fn body(&mut self, len: usize) -> Result<Vec<u8>, End> {
        while self.received.len() < len {
            self.read().await?;
        }
        Ok(self.received.drain(..len).collect())
    }

    /// Everything up to the end, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.read().await {
                return (std::mem::take(&mut self.received), end);
            }
        }
    }

    /// A whole chunked body. The error is an end before the last chunk, with the data until then.
    pub(crate) async fn chunked(&mut self) -> Result<Vec<u8>, (Vec<u8>, End)> {
        let mut body = Vec::new();
        loop {
            let Some(end) = self.received.windows(2).position(|window| window == b"\r\n") else {
                if let Err(end) = self.read().await {
                    return Err((body, end));
                }
                continue;
            };
            let line: Vec<u8> = self.received.drain(..end + 2).collect();
            let size = std::str::from_utf8(&line[..end]).expect("a chunk size");
            let size = usize::from_str_radix(size, 16).expect("a hexadecimal number");
            match self.body(size + 2).await {
                Ok(chunk) if size > 0 => body.extend(&chunk[..size]),
                Ok(_) => return Ok(body),
                Err(end) => return Err((body, end)),
            }
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        match bound(self.transport.read_buf(&mut self.received)).await {
            Ok(0) => Err(End::Fin),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("an end of a third kind: {error}"),
        }
    }
}

async fn bound<F: Future>(future: F) -> F::Output {
    Deadline::after(TEST_TIME)
        .bound(future)
        .await
        .expect("the server responds or closes the connection in time")
}

/// A hostile server in a network in memory, with files of 1,000 bytes.
pub(crate) struct World {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) site: Arc<Site>,
    pub(crate) running: RunningHostileServer,
}

impl World {
    pub(crate) fn new(faults: FaultMix) -> Self {
        Self::with_options(faults, Options::default())
    }

    pub(crate) fn with_options(faults: FaultMix, options: Options) -> Self {
        let endpoint = "tcp://10.0.0.1:80".parse().expect("an endpoint");
        Self::in_network(Arc::new(MemoryNetwork::new()), endpoint, faults, options)
    }

    pub(crate) fn in_network(
        network: Arc<dyn Network>,
        endpoint: Endpoint,
        faults: FaultMix,
        options: Options,
    ) -> Self {
        let site = Arc::new(Site::new(7).with_sizes(Sizes::fixed(1_000)));
        let running = HostileServer::start(&*network, endpoint, Arc::clone(&site), faults, options)
            .expect("a free endpoint");
        Self { network, site, running }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&*self.network, self.running.endpoint()).await
    }

    /// The answer to one `GET` on a connection of its own, whose body has a length.
    pub(crate) async fn get(&self, target: &str, fields: &str) -> (Head, Vec<u8>) {
        let mut client = self.client().await;
        client.get(target, fields).await;
        let head = client.head().await.expect("a head");
        let body = client.body(head.length()).await.expect("the whole body");
        (head, body)
    }
}
