//! A scripted peer on a memory network, and a client for it.
#![allow(dead_code, reason = "each test file uses its part of this")]

pub(crate) mod script;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use longhaul_http::{Body, Client, ClientOptions, Error, HttpUrl, Limits, Request, Response, Timeouts};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Connector, Endpoint, Network, Protocol, TlsOptions, Transport};
use tokio::io::AsyncReadExt;

pub(crate) use script::Script;

pub(crate) const PEER: Endpoint = Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), Protocol::Tcp, 80);

/// A network with one peer, which plays the n-th script on its n-th connection, and is silent on further ones.
pub(crate) struct Scene {
    pub(crate) network: MemoryNetwork,
    pub(crate) client: Client,
    pub(crate) connections: Rc<Cell<usize>>,
}

impl Scene {
    pub(crate) fn new(scripts: Vec<Script>) -> Self {
        Self::with(scripts, Timeouts::default())
    }

    pub(crate) fn with(scripts: Vec<Script>, timeouts: Timeouts) -> Self {
        let network = MemoryNetwork::new();
        let listener = network.listen(PEER).expect("nobody else listens there");
        let connections = Rc::new(Cell::new(0));
        let counter = Rc::clone(&connections);
        tokio::task::spawn_local(async move {
            let mut scripts = scripts.into_iter();
            while let Ok((transport, _)) = listener.accept().await {
                counter.set(counter.get() + 1);
                let script = scripts.next().unwrap_or_default();
                tokio::task::spawn_local(script.play(transport));
            }
        });
        let connector = Arc::new(Connector::new(Arc::new(network.clone()), TlsOptions::default()));
        let client = Client::new(connector, Limits::default(), timeouts, ClientOptions::default());
        Self { network, client, connections }
    }

    pub(crate) async fn get(&self) -> Result<Response, Error> {
        self.client.send(&Request::get(url("/"))).await
    }

    pub(crate) fn idle(&self) -> usize {
        self.client.idle_connections(url("/").origin())
    }
}

pub(crate) fn url(path: &str) -> HttpUrl {
    format!("http://10.0.0.1{path}").parse().expect("the test's own URL")
}

/// Reads to the end.
pub(crate) async fn read_all(body: &mut Body) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads one request head; `None` if the peer closed first.
pub(crate) async fn read_head(transport: &mut Box<dyn Transport>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(transport.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Runs a test that spawns tasks of its own thread.
pub(crate) async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}
