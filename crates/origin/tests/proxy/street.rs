//! A network with one proxy, a server behind it that the test plays itself, and the log of its connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_origin::proxy::{Direction, Effect, Proxies, ProxySpec, ProxyState, Toxic, ToxicKind};
use longhaul_origin::{ConnectionReport, Limits, ServiceHost};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Deadline, Endpoint, Listener, Network, Transport, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

/// The value of every time limit in the tests.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// No test waits longer, in virtual time.
const TEST_TIME: Duration = Duration::from_hours(1);

pub(crate) const PROXY: &str = "p";

pub(crate) struct Street {
    pub(crate) network: MemoryNetwork,
    pub(crate) proxies: Proxies,
    pub(crate) host: ServiceHost,
    pub(crate) proxy: ProxyState,
    server: Box<dyn Listener>,
    reports: Arc<Mutex<Vec<ConnectionReport>>>,
}

/// The two ends of a proxied connection.
pub(crate) struct Pair {
    pub(crate) client: Box<dyn Transport>,
    pub(crate) server: Box<dyn Transport>,
}

impl Pair {
    /// The two ends, as the sender and the receiver of a direction.
    pub(crate) fn along(self, direction: Direction) -> (Box<dyn Transport>, Box<dyn Transport>) {
        match direction {
            Direction::Upstream => (self.client, self.server),
            Direction::Downstream => (self.server, self.client),
        }
    }
}

impl Street {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::waiting(WAIT), 1).await
    }

    pub(crate) async fn with(limits: Limits, seed: u64) -> Self {
        let network = MemoryNetwork::new();
        let server = network.listen(endpoint("tcp://10.0.0.1:80")).expect("a free endpoint");
        let reports = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&reports);
        let host = ServiceHost::new(limits, move |report| log.lock().expect("no panic").push(*report));
        let proxies = Proxies::new(host.clone(), Arc::new(network.clone()), seed);
        let proxy = proxies.add(spec(PROXY, "10.0.0.2:80", "10.0.0.1:80")).await.expect("a free endpoint");
        Self { network, proxies, host, proxy, server, reports }
    }

    /// A network whose proxy has a toxic.
    pub(crate) async fn with_toxic(toxic: Toxic) -> Self {
        let street = Self::new().await;
        street.proxies.add_toxic(PROXY, toxic).await.expect("a new name");
        street
    }

    pub(crate) async fn dial(&self) -> Box<dyn Transport> {
        self.network.dial(self.proxy.listen.endpoint()).await.expect("the proxy listens")
    }

    /// A client, and the server's end of its connection.
    pub(crate) async fn connect(&self) -> Pair {
        let client = self.dial().await;
        let (server, _) = bound(self.server.accept()).await.expect("the proxy connects");
        Pair { client, server }
    }

    /// The reports, when there are `count` of them; waits within bounds.
    pub(crate) async fn reports(&self, count: usize) -> Vec<ConnectionReport> {
        for _ in 0..36_000 {
            let reports = self.reports.lock().expect("no panic").clone();
            if reports.len() >= count {
                return reports;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} reports never came");
    }
}

pub(crate) fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

pub(crate) fn spec(name: &str, listen: &str, upstream: &str) -> ProxySpec {
    ProxySpec {
        name: name.parse().expect("a name"),
        listen: listen.parse().expect("an address"),
        upstream: upstream.parse().expect("a host and a port"),
        enabled: true,
    }
}

pub(crate) fn toxic(kind: ToxicKind, direction: Direction, attributes: &[(&str, u64)]) -> Toxic {
    let mut effect = Effect::of(kind);
    for (key, value) in attributes {
        effect.set(key, *value).expect("an attribute of the kind");
    }
    Toxic::new(effect, direction)
}

pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) async fn bound<F: Future>(future: F) -> F::Output {
    Deadline::after(TEST_TIME).bound(future).await.expect("an end within an hour of virtual time")
}

/// What a receiver received: each piece with the time since `start`, and how and when it ended.
pub(crate) struct Received {
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    /// The error is a reset.
    pub(crate) end: Result<(), std::io::ErrorKind>,
    pub(crate) ended: Duration,
}

impl Received {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// Receives to the end.
pub(crate) async fn receive(mut from: impl tokio::io::AsyncRead + Unpin, start: Instant) -> Received {
    let mut pieces = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let end = loop {
        match bound(from.read(&mut buffer)).await {
            Ok(0) => break Ok(()),
            Ok(len) => pieces.push((start.elapsed(), buffer[..len].to_vec())),
            Err(error) => break Err(error.kind()),
        }
    };
    Received { pieces, end, ended: start.elapsed() }
}

/// Sends `bytes` along a direction of a connection, ends it, and returns what the other side received.
pub(crate) async fn pass(pair: Pair, direction: Direction, bytes: Vec<u8>) -> Received {
    let (from, to) = pair.along(direction);
    let start = clock::now();
    let (reading, mut writing) = tokio::io::split(from);
    let send = tokio::spawn(async move {
        // A sender whose connection is closed or reset fails, which is not tested here.
        let _ = bound(writing.write_all(&bytes)).await;
        let _ = writing.shutdown().await;
        let _ = receive(reading, clock::now()).await;
    });
    let (reading, mut writing) = tokio::io::split(to);
    let received = receive(reading, start).await;
    let _ = writing.shutdown().await;
    drop(writing);
    send.await.expect("no panic");
    received
}
