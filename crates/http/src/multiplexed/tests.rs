//! Exchanges over sessions that are shared, from the TLS handshake to the end of each body.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Connector, FaultKind, Phase, TlsOptions, clock};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

use super::frame::Kind;
use super::peer::{ALPN, HANDSHAKE_TAKES, Host};
use super::session::{Multiplexed, SLOTS_MAX};
use crate::connection::{HTTP1, PROTOCOLS, Protocol, Session};
use crate::fault::StreamReset;
use crate::{
    Body, Client, ClientOptions, Completion, Error, Framing, Limits, ProtocolFaultKind, Request, Response,
    Timeouts,
};

const MULTIPLEXED: Protocol = Protocol {
    alpn: ALPN,
    is_multiplexing: true,
    open: |opened| Session::Multiplexed(Multiplexed::new(opened)),
};

const HTTP1_ALPN: &[u8] = HTTP1.alpn;

/// A host, and a client that prefers the protocol of the tests.
struct Scene {
    host: Host,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[MULTIPLEXED, HTTP1], &[ALPN, HTTP1_ALPN], 0)
    }

    fn with(protocols: &'static [Protocol], alpn: &[&[u8]], broken: usize) -> Self {
        let network = MemoryNetwork::new();
        let host = Host::start(&network, alpn, broken);
        let tls = TlsOptions::empty().insecure_everywhere();
        let connector = Arc::new(Connector::new(Arc::new(network), tls));
        let (limits, timeouts) = (Limits::default(), Timeouts::default());
        let client = Client::speaking(protocols, connector, limits, timeouts, ClientOptions::default());
        Self { host, client }
    }

    async fn get(&self, path: &str) -> Result<Response, Error> {
        self.client.send(&request(path)).await
    }

    /// Sends so many requests at once, and reads their responses.
    async fn get_at_once(&self, count: usize, path: &str) -> Vec<Result<Vec<u8>, Error>> {
        let mut exchanges = JoinSet::new();
        for _ in 0..count {
            let (client, request) = (self.client.clone(), request(path));
            exchanges.spawn_local(async move {
                let mut response = client.send(&request).await?;
                read(&mut response.body).await
            });
        }
        exchanges.join_all().await
    }
}

fn request(path: &str) -> Request {
    Request::get(format!("https://10.0.0.1{path}").parse().expect("the test's own URL"))
}

async fn read(body: &mut Body) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The error code, where the peer has reset the stream.
fn reset_code(error: &Error) -> Option<u32> {
    let source = error.source()?;
    source.downcast_ref::<StreamReset>().map(|reset| reset.code)
}

fn simulate(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.expect("a runtime without I/O"), test);
}

#[test]
fn a_request_arrives_in_its_parts() {
    simulate(async {
        let scene = Scene::new();
        scene.get("/small?a=b").await.expect("a head");
        let requests = scene.host.seen(Kind::Request);
        let (_, text) = requests.first().expect("a request");
        let mut lines = text.lines();
        let control_data: Vec<&str> = lines.by_ref().take(4).collect();
        assert_eq!(control_data, ["GET", "https", "10.0.0.1", "/small?a=b"]);
        let mut names: Vec<&str> = lines.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "user-agent"], "nothing frames a message");
    });
}

#[test]
fn several_exchanges_share_a_connection_and_one_that_is_dropped_harms_no_other() {
    simulate(async {
        let scene = Scene::new();
        let mut first = scene.get("/held").await.expect("a head");
        let dropped = scene.get("/held").await.expect("a head");
        let mut third = scene.get("/held").await.expect("a head");
        assert_eq!((first.is_new_connection, third.is_new_connection), (true, false));
        drop(dropped);
        let mut last = scene.get("/release").await.expect("a head");
        assert_eq!(read(&mut last.body).await.expect("a body"), b"hello");
        assert_eq!(read(&mut third.body).await.expect("a body"), b"begun, done");
        assert_eq!(read(&mut first.body).await.expect("a body"), b"begun, done");
        assert_eq!(scene.host.seen(Kind::Cancel).len(), 1, "the host is told at once");
        assert_eq!((scene.host.connections.get(), scene.client.open_connections()), (1, 1));
        assert_eq!(scene.client.idle_connections(request("/").url().origin()), SLOTS_MAX);
    });
}

#[test]
fn the_end_of_a_stream_proves_that_the_body_is_complete() {
    simulate(async {
        let scene = Scene::new();
        let mut response = scene.get("/trailers").await.expect("a head");
        assert_eq!(response.head.framing, Framing::Stream);
        assert_eq!(response.body.completion(), None);
        assert_eq!(read(&mut response.body).await.expect("a body"), b"hello");
        assert_eq!(response.body.completion(), Some(Completion::StreamEnd));
        assert!(response.body.is_verified_length());
        let trailers = response.body.trailers().expect("trailers");
        assert_eq!(trailers.get("x-sum").map(crate::HeaderValue::as_bytes), Some(&b"5"[..]));
        let mut response = scene.get("/short").await.expect("a head");
        assert_eq!(response.head.framing, Framing::Length(9));
        let error = read(&mut response.body).await.expect_err("four bytes are missing");
        assert_eq!(error.fault_kind(), Some(FaultKind::ClosedEarly));
    });
}

#[test]
fn a_stream_that_is_reset_says_why_and_harms_no_other() {
    simulate(async {
        let scene = Scene::new();
        let mut held = scene.get("/held").await.expect("a head");
        let mut response = scene.get("/reset").await.expect("a head");
        let error = read(&mut response.body).await.expect_err("it is reset");
        assert_eq!((error.fault_kind(), reset_code(&error)), (Some(FaultKind::Reset), Some(11)));
        assert_eq!(response.body.completion(), None);
        scene.get("/release").await.expect("a head");
        assert_eq!(read(&mut held.body).await.expect("a body"), b"begun, done");
        assert_eq!(scene.host.connections.get(), 1);
    });
}

#[test]
fn a_connection_that_breaks_ends_all_its_exchanges() {
    simulate(async {
        let scene = Scene::new();
        let mut held = scene.get("/held").await.expect("a head");
        // Sent again over a new connection, because the other one may have been closed before it came.
        let error = scene.get("/break").await.map(|_| ()).expect_err("it breaks each connection");
        assert_eq!(error.fault_kind(), Some(FaultKind::ClosedEarly));
        let error = read(&mut held.body).await.expect_err("it was on the first connection");
        assert_eq!((error.fault_kind(), reset_code(&error)), (Some(FaultKind::ClosedEarly), None));
        assert_eq!(held.body.completion(), None);
        drop(held);
        assert_eq!(scene.host.connections.get(), 2);
        scene.client.close_idle(clock::now());
        assert_eq!(scene.client.open_connections(), 0);
    });
}

#[test]
fn a_malformed_frame_ends_all_exchanges_of_its_connection() {
    simulate(async {
        let scene = Scene::new();
        let mut held = scene.get("/held").await.expect("a head");
        assert_eq!(held.body.chunk().await.expect("the first bytes").as_deref(), Some(&b"begun"[..]));
        let error = scene.get("/malformed").await.map(|_| ()).expect_err("there is no such frame");
        assert_eq!(
            (error.protocol_fault_kind(), error.phase()),
            (Some(ProtocolFaultKind::BadFrame), Phase::Head)
        );
        let error = read(&mut held.body).await.expect_err("nothing after the frame can be read");
        assert_eq!(
            (error.protocol_fault_kind(), error.phase()),
            (Some(ProtocolFaultKind::BadFrame), Phase::Body)
        );
        drop(held);
        let mut response = scene.get("/small").await.expect("over another connection");
        assert_eq!(read(&mut response.body).await.expect("a body"), b"hello");
        assert_eq!(scene.host.connections.get(), 2);
    });
}

#[test]
fn a_request_that_was_not_processed_is_sent_again() {
    // A session that goes on gets the request once more; then, and where the session takes no more, a new one does.
    for (path, connections) in [("/refused", vec![1, 1, 2]), ("/leave", vec![1, 2])] {
        simulate(async {
            let scene = Scene::new();
            let mut held = scene.get("/held").await.expect("a head");
            let mut response = scene.get(path).await.expect("a head");
            assert_eq!(read(&mut response.body).await.expect("a body"), b"hello");
            let requests = scene.host.seen(Kind::Request);
            let of_path = requests.iter().filter(|(_, text)| text.contains(path));
            assert_eq!(of_path.map(|(connection, _)| *connection).collect::<Vec<_>>(), connections, "{path}");
            // Only a host that lets no stream begin is left alone.
            let mut other = scene.get("/held").await.expect("a head");
            assert!(!other.is_new_connection);
            scene.client.close_all_idle();
            drop(held.body.chunk().await.expect("the first bytes"));
            drop(other.body.chunk().await.expect("the first bytes"));
            assert_eq!(scene.client.open_connections(), 2, "{path}: exchanges keep their connections");
        });
    }
}

#[test]
fn exchanges_beyond_the_slots_of_a_session_open_another() {
    simulate(async {
        let scene = Scene::new();
        let mut held = Vec::new();
        for _ in 0..=SLOTS_MAX {
            held.push(scene.get("/held").await.expect("a head"));
        }
        assert_eq!(scene.host.connections.get(), 2);
        held.clear();
        assert_eq!(scene.client.idle_connections(request("/").url().origin()), 2 * SLOTS_MAX);
    });
}

#[test]
fn the_first_requests_to_a_host_wait_for_a_session_that_may_be_shared() {
    simulate(async {
        let scene = Scene::new();
        let bodies = scene.get_at_once(SLOTS_MAX, "/small").await;
        assert!(bodies.iter().all(|body| matches!(body, Ok(bytes) if bytes == b"hello")));
        assert_eq!(scene.host.connections.get(), 1);
    });
}

/// Nobody waits for a second session, once the first has turned out to carry one exchange at a time.
#[test]
fn a_host_that_shares_no_session_delays_requests_once() {
    simulate(async {
        let scene = Scene::with(&[MULTIPLEXED, HTTP1], &[HTTP1_ALPN], 0);
        for (connections, handshakes) in [(3, 2), (6, 1)] {
            let started = clock::now();
            let bodies = scene.get_at_once(3, "/small").await;
            assert!(bodies.iter().all(Result::is_ok));
            assert_eq!(scene.host.connections.get(), connections);
            assert_eq!(started.elapsed(), HANDSHAKE_TAKES * handshakes);
            scene.client.close_all_idle();
        }
    });
}

#[test]
fn requests_go_on_by_themselves_if_the_session_that_they_wait_for_fails() {
    simulate(async {
        let scene = Scene::with(&[MULTIPLEXED, HTTP1], &[ALPN], 1);
        let bodies = scene.get_at_once(3, "/small").await;
        assert_eq!(bodies.iter().filter(|body| body.is_ok()).count(), 2);
        assert!(scene.host.connections.get() >= 2);
        // The same if the first is dropped.
        let scene = Scene::new();
        let (client, first) = (scene.client.clone(), request("/small"));
        let opening = tokio::task::spawn_local(async move { client.send(&first).await.is_ok() });
        let others = scene.get_at_once(2, "/small");
        let ((), bodies) = tokio::join!(
            async {
                sleep(HANDSHAKE_TAKES / 2).await;
                opening.abort();
            },
            others
        );
        assert!(bodies.iter().all(Result::is_ok));
    });
}

/// What this crate speaks today carries one exchange at a time: no request waits for another.
#[test]
fn without_a_protocol_that_is_shared_nobody_waits() {
    simulate(async {
        let scene = Scene::with(PROTOCOLS, &[HTTP1_ALPN], 0);
        let started = clock::now();
        assert!(scene.get_at_once(3, "/small").await.iter().all(Result::is_ok));
        assert_eq!((scene.host.connections.get(), started.elapsed()), (3, HANDSHAKE_TAKES));
    });
}

/// A wait for another request's session ends with the exchange.
#[test]
fn a_wait_for_a_session_has_the_deadline_of_the_exchange() {
    simulate(async {
        let mut scene = Scene::new();
        let network = MemoryNetwork::new();
        let _silent = Host::start(&network, &[ALPN], 0);
        let total = Some(Duration::from_millis(500));
        let timeouts = Timeouts { total, ..Timeouts::default() };
        let connector = Connector::new(Arc::new(network), TlsOptions::empty().insecure_everywhere());
        let options = ClientOptions::default();
        scene.client = Client::speaking(
            &[MULTIPLEXED, HTTP1],
            Arc::new(connector),
            Limits::default(),
            timeouts,
            options,
        );
        let started = clock::now();
        let bodies = scene.get_at_once(2, "/small").await;
        let timed_out = |body: &Result<Vec<u8>, Error>| {
            body.as_ref().is_err_and(|error| error.fault_kind() == Some(FaultKind::TimedOut))
        };
        assert!(bodies.iter().all(timed_out));
        assert!(started.elapsed() < HANDSHAKE_TAKES);
    });
}
