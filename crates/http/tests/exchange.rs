//! Exchanges over a memory network: what is sent, which connection is used, which connections are kept.

mod support;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_http::{
    Client, ClientOptions, Completion, ExchangeHook, Framing, Head, HeaderMap, HeaderName, HeaderValue,
    IDLE_TIME_MAX, IfRange, Limits, ProtocolFaultKind, RESERVED_FIELDS, RangeRequest, Request, Timeouts, Via,
};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{
    BoxFuture, Connector, Endpoint, FaultKind, HostName, Listener, LookupError, Network, Phase, TlsOptions,
    Transport, clock,
};
use support::{PEER, Scene, Script, local, read_all, url};
use tokio::time::sleep;

const ANSWER: &str = r#"send "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello""#;

fn answers(times: usize) -> Script {
    Script::parse(&format!("request\n{ANSWER}\n").repeat(times))
}

async fn fetch(scene: &Scene) -> Vec<u8> {
    let mut response = scene.get().await.expect("a head");
    read_all(&mut response.body).await.expect("a body")
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again() {
    local(async {
        let scene = Scene::new(vec![answers(3)]);
        for _ in 0..3 {
            assert_eq!(fetch(&scene).await, b"hello");
            assert_eq!(scene.idle(), 1);
        }
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_head_has_the_expected_fields() {
    local(async {
        let script = answers(1);
        let seen = script.seen.clone();
        let scene = Scene::new(vec![script]);
        let url = "http://user:p%40ss@10.0.0.1/a%20b?q=1#part".parse().expect("a URL");
        let if_range = Some(IfRange::Etag("\"v1\"".to_owned()));
        let request = Request::get(url)
            .with_range(Some(RangeRequest { from: 7, if_range }))
            .with_header(HeaderName::from_static("accept"), HeaderValue::from_static("text/plain"))
            .with_header(HeaderName::from_static("host"), HeaderValue::from_static("elsewhere.test"))
            .with_header(HeaderName::from_static("connection"), HeaderValue::from_static("close"));
        scene.client.send(&request).await.expect("a head");
        let seen = seen.borrow();
        let mut lines = seen[0].trim_end().split("\r\n");
        assert_eq!(lines.next(), Some("GET /a%20b?q=1 HTTP/1.1"));
        assert_eq!(lines.next(), Some("Host: 10.0.0.1"));
        let mut fields: Vec<_> = lines.collect();
        fields.sort_unstable();
        let agent = concat!("User-Agent: longhaul/", env!("CARGO_PKG_VERSION"));
        let expected = [
            "Accept-Encoding: identity",
            "Accept: text/plain",
            "Authorization: Basic dXNlcjpwQHNz",
            "If-Range: \"v1\"",
            "Range: bytes=7-",
            agent,
        ];
        assert_eq!(fields, expected);
    })
    .await;
}

/// Sets all reserved fields and one other; counts its calls.
#[derive(Default)]
struct Meddler {
    before: AtomicUsize,
    statuses: Mutex<Vec<u16>>,
}

impl ExchangeHook for Meddler {
    fn before(&self, _request: &Request, _via: Via, fields: &mut HeaderMap) {
        self.before.fetch_add(1, Ordering::Relaxed);
        fields.clear();
        for name in RESERVED_FIELDS {
            fields.insert(name, HeaderValue::from_static("meddled"));
        }
        fields.insert("x-hook", HeaderValue::from_static("1"));
    }

    fn after(&self, _request: &Request, head: &Head) {
        self.statuses.lock().expect("no test panics within").push(head.status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_sees_every_exchange_once_and_cannot_set_reserved_fields() {
    local(async {
        let (first, second) = (Script::parse(&format!("request\n{ANSWER}\nrequest\nclose")), answers(1));
        let seen = [first.seen.clone(), second.seen.clone()];
        let mut scene = Scene::new(vec![first, second]);
        let hook = Arc::new(Meddler::default());
        let options = ClientOptions { hooks: vec![hook.clone()], ..ClientOptions::default() };
        let connector = Arc::new(Connector::new(Arc::new(scene.network.clone()), TlsOptions::default()));
        scene.client = Client::new(connector, Limits::default(), Timeouts::default(), options);
        // The second request is sent twice, over two connections.
        fetch(&scene).await;
        fetch(&scene).await;
        let heads: Vec<String> = seen.iter().flat_map(|seen| seen.borrow().clone()).collect();
        assert_eq!(heads.len(), 3);
        for head in heads {
            assert_eq!(head, "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nX-Hook: 1\r\n\r\n");
        }
        assert_eq!(hook.before.load(Ordering::Relaxed), 2);
        assert_eq!(*hook.statuses.lock().expect("no test panics within"), [200, 200]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_over_a_stale_connection_is_sent_once_more() {
    for ending in ["close", "reset"] {
        local(async {
            // The peer closes only after it has read the next request, so the idle connection looked usable.
            let first = Script::parse(&format!("request\n{ANSWER}\nrequest\n{ending}"));
            let scene = Scene::new(vec![first, answers(1)]);
            fetch(&scene).await;
            assert_eq!(fetch(&scene).await, b"hello", "{ending}");
            assert_eq!(scene.connections.get(), 2, "{ending}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_by_a_host_that_keeps_connections_is_a_failure() {
    // How long the connection had been idle, how it ends, and whether the request is sent again.
    for (idle, ending, is_stale) in
        [("0s", "reset", false), ("999ms", "reset", false), ("1s", "reset", true), ("0s", "close", true)]
    {
        local(async {
            let first = Script::parse(&format!("request\n{ANSWER}\nrequest\n{ANSWER}\nrequest\n{ending}"));
            let scene = Scene::new(vec![first, answers(1)]);
            fetch(&scene).await;
            fetch(&scene).await;
            sleep(support::script::duration(idle)).await;
            match scene.get().await {
                Ok(_) => assert!(is_stale, "{ending} after {idle}"),
                Err(error) => {
                    assert!(!is_stale, "{ending} after {idle}");
                    assert_eq!((error.phase(), error.fault_kind()), (Phase::Head, Some(FaultKind::Reset)));
                }
            }
            assert_eq!(scene.connections.get(), 1 + usize::from(is_stale), "{ending} after {idle}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn connections_to_a_host_that_breaks_them_are_not_kept_for_a_minute() {
    local(async {
        let breaks = Script::parse(&format!("request\n{ANSWER}\nrequest\nreset"));
        let scene = Scene::new(vec![breaks, answers(1), answers(1), answers(2)]);
        for _ in 0..3 {
            assert_eq!(fetch(&scene).await, b"hello");
        }
        assert_eq!((scene.connections.get(), scene.idle()), (3, 0));
        sleep(Duration::from_mins(1)).await;
        for _ in 0..2 {
            assert_eq!(fetch(&scene).await, b"hello");
        }
        assert_eq!((scene.connections.get(), scene.idle()), (4, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_once_more_at_most() {
    local(async {
        let first = Script::parse(&format!("request\n{ANSWER}\nrequest\nclose"));
        let scene = Scene::new(vec![first, Script::parse("request\nclose"), answers(1)]);
        fetch(&scene).await;
        let error = scene.get().await.err().expect("two closed connections");
        assert_eq!(error.fault_kind(), Some(FaultKind::ClosedEarly));
        assert_eq!(scene.connections.get(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_has_begun_is_not_requested_again() {
    local(async {
        let first = Script::parse(&format!("request\n{ANSWER}\nrequest\nsend \"HTTP/1.1 2\"\nclose"));
        let scene = Scene::new(vec![first, answers(1)]);
        fetch(&scene).await;
        let error = scene.get().await.err().expect("a cut head");
        assert_eq!((error.phase(), error.fault_kind()), (Phase::Head, Some(FaultKind::ClosedEarly)));
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_on_a_used_connection_is_not_stale() {
    local(async {
        let first = Script::parse(&format!("request\n{ANSWER}\nrequest"));
        let scene = Scene::new(vec![first, answers(1)]);
        fetch(&scene).await;
        let error = scene.get().await.err().expect("silence");
        assert_eq!(error.fault_kind(), Some(FaultKind::TimedOut));
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_with_unrequested_bytes_is_closed() {
    local(async {
        let poisoned =
            Script::parse(&format!("request\n{ANSWER}\nwait 1s\nsend \"HTTP/1.1 200 OK\\r\\n\\r\\n\""));
        let scene = Scene::new(vec![poisoned, answers(1)]);
        fetch(&scene).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(fetch(&scene).await, b"hello");
        assert_eq!(scene.connections.get(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_after_a_time() {
    local(async {
        let scene = Scene::new(vec![answers(1), answers(1)]);
        fetch(&scene).await;
        scene.client.close_idle(clock::now());
        assert_eq!(scene.idle(), 1);
        sleep(IDLE_TIME_MAX).await;
        scene.client.close_idle(clock::now());
        assert_eq!(scene.idle(), 0);
        fetch(&scene).await;
        assert_eq!(scene.connections.get(), 2);
    })
    .await;
}

/// A network in memory whose machine gets another address.
struct Moving {
    network: MemoryNetwork,
    has_moved: Arc<AtomicBool>,
}

impl Network for Moving {
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        self.network.lookup(name)
    }

    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> {
        self.network.dial(endpoint)
    }

    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> {
        self.network.listen(endpoint)
    }

    fn is_own(&self, _ip: IpAddr) -> bool {
        !self.has_moved.load(Ordering::Relaxed)
    }
}

/// No deadline has to pass for that.
#[tokio::test(start_paused = true)]
async fn a_connection_from_an_address_that_was_lost_is_not_used_again() {
    local(async {
        let silent = Script::parse(&format!("request\n{ANSWER}\nrequest"));
        let mut scene = Scene::new(vec![silent, answers(1)]);
        let has_moved = Arc::new(AtomicBool::new(false));
        let network = Moving { network: scene.network.clone(), has_moved: Arc::clone(&has_moved) };
        let connector = Arc::new(Connector::new(Arc::new(network), TlsOptions::default()));
        scene.client =
            Client::new(connector, Limits::default(), Timeouts::default(), ClientOptions::default());
        fetch(&scene).await;
        has_moved.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(2)).await;
        let asked_at = clock::now();
        assert_eq!(fetch(&scene).await, b"hello");
        assert!(asked_at.elapsed() < Duration::from_secs(1));
        assert_eq!((scene.connections.get(), scene.idle()), (2, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_more_idle_connections_are_kept_than_allowed() {
    local(async {
        let limits = Limits { idle_per_route_max: 2, ..Limits::default() };
        let mut scene = Scene::new((0..4).map(|_| answers(1)).collect());
        let connector = Arc::new(Connector::new(Arc::new(scene.network.clone()), TlsOptions::default()));
        scene.client = Client::new(connector, limits, Timeouts::default(), ClientOptions::default());
        let mut responses = Vec::new();
        for _ in 0..4 {
            responses.push(scene.get().await.expect("a head"));
        }
        for response in &mut responses {
            read_all(&mut response.body).await.expect("a body");
        }
        assert_eq!(scene.idle(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_body_closes_its_connection() {
    local(async {
        let scene = Scene::new(vec![answers(1), answers(1)]);
        drop(scene.get().await.expect("a head"));
        assert_eq!(scene.idle(), 0);
        fetch(&scene).await;
        assert_eq!(scene.connections.get(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_a_small_rest_of_a_body_is_drained() {
    for (length, sent, kept) in [(5_000, 5_000, true), (50_000, 50_000, false), (5_000, 4_999, false)] {
        local(async {
            let script = format!(
                "request\nsend \"HTTP/1.1 503 Busy\\r\\nContent-Length: {length}\\r\\n\\r\\n\"\nrepeat {sent} \"x\""
            );
            let scene = Scene::new(vec![Script::parse(&script)]);
            let started = clock::now();
            let response = scene.get().await.expect("a head");
            assert_eq!(response.body.drain().await, kept, "{sent} of {length}");
            assert_eq!(scene.idle(), usize::from(kept));
            assert!(started.elapsed() <= longhaul_http::DRAIN_TIME_MAX + Duration::from_millis(1));
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_to_head_has_no_body_whatever_its_fields_say() {
    local(async {
        let script = "request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n\"\n".repeat(2);
        let scene = Scene::new(vec![Script::parse(&script)]);
        for _ in 0..2 {
            let mut response = scene.client.send(&Request::head(url("/"))).await.expect("a head");
            assert_eq!((response.head.framing, response.head.content_length), (Framing::Empty, Some(5)));
            assert_eq!(response.body.chunk().await.expect("an end"), None);
            assert_eq!(response.body.completion(), Some(Completion::Length));
        }
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_make_its_peer_slow() {
    local(async {
        let script = "request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 200000\\r\\n\\r\\n\"\nrepeat 2000 \"\
            aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
        let scene = Scene::new(vec![Script::parse(script)]);
        let mut response = scene.get().await.expect("a head");
        while response.body.chunk().await.expect("no error, however slow we are").is_some() {
            sleep(Duration::from_mins(1)).await;
        }
        assert_eq!(response.body.received(), 200_000);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_ends_an_exchange() {
    let timeouts = Timeouts { total: Some(Duration::from_secs(5)), ..Timeouts::default() };
    local(async {
        let script =
            "request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n\"\ndrip 1s \"123456789\"";
        let scene = Scene::with(vec![Script::parse(script)], timeouts);
        let started = clock::now();
        let mut response = scene.get().await.expect("a head");
        let error = read_all(&mut response.body).await.expect_err("an end");
        assert_eq!((error.phase(), error.fault_kind()), (Phase::Body, Some(FaultKind::TimedOut)));
        assert_eq!(started.elapsed().as_secs(), 5);
        assert_eq!(error.elapsed().as_secs(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_wait_ends_at_its_deadline() {
    local(async {
        let network = MemoryNetwork::new();
        network.silence(PEER);
        let connector = Arc::new(Connector::new(Arc::new(network), TlsOptions::default()));
        let timeouts = Timeouts::all(Duration::from_secs(3));
        let client = Client::new(connector, Limits::default(), timeouts, ClientOptions::default());
        let started = clock::now();
        let error = client.send(&Request::get(url("/"))).await.err().expect("a black hole");
        assert_eq!((error.phase(), error.fault_kind()), (Phase::Connect, Some(FaultKind::TimedOut)));
        assert_eq!(started.elapsed().as_secs(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_private_address_is_refused_if_the_request_forbids_it() {
    local(async {
        let scene = Scene::new(vec![answers(2)]);
        fetch(&scene).await;
        let request = Request::get(url("/")).with_forbid_private(true);
        let error = scene.client.send(&request).await.err().expect("10.0.0.1 is private");
        assert_eq!(error.fault_kind(), Some(FaultKind::Denied));
        assert_eq!(scene.connections.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_body_stays_failed() {
    local(async {
        let script = "request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nfive!\"\nclose";
        let scene = Scene::new(vec![Script::parse(script)]);
        let mut response = scene.get().await.expect("a head");
        assert!(read_all(&mut response.body).await.is_err());
        assert!(response.body.chunk().await.is_err());
        assert_eq!((response.body.received(), response.body.completion()), (5, None));
        assert!(!response.body.is_verified_length());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_error_displays_phase_peer_kind_and_time() {
    local(async {
        let scene = Scene::new(vec![Script::parse("request\nwait 2s\nsend \"nonsense\\r\\n\\r\\n\"")]);
        let error = scene.get().await.err().expect("no HTTP");
        assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::NotHttp));
        assert_eq!(error.to_string(), "head from tcp://10.0.0.1:80: the response is not HTTP after 2000 ms");
        assert!(std::error::Error::source(&error).is_some());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn sending_to_a_peer_that_never_reads_times_out() {
    local(async {
        let scene = Scene::new(vec![Script::default()]);
        let large = HeaderValue::from_str(&"x".repeat(1 << 20)).expect("a long value");
        let request = Request::get(url("/")).with_header(HeaderName::from_static("x-large"), large);
        let started = clock::now();
        let error = scene.client.send(&request).await.err().expect("no room for the request");
        assert_eq!((error.phase(), error.fault_kind()), (Phase::Send, Some(FaultKind::TimedOut)));
        assert_eq!(started.elapsed(), Timeouts::default().send);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_request_is_discarded_with_its_connection() {
    local(async {
        let premature =
            Script::parse("send \"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nwrong\"\nrequest");
        let scene = Scene::new(vec![premature]);
        scene.network.latency(Duration::from_millis(10));
        let error = scene.get().await.err().expect("nothing had been asked");
        assert_eq!(error.protocol_fault_kind(), Some(ProtocolFaultKind::UnaskedBytes));
        assert_eq!(scene.idle(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_peer_will_close_is_not_pooled() {
    local(async {
        let script = "request\nsend \"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 5\\r\\n\\r\\nhello\"";
        let scene = Scene::new(vec![Script::parse(script)]);
        fetch(&scene).await;
        assert_eq!(scene.idle(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn extreme_limits_and_timeouts_are_clamped() {
    local(async {
        let script =
            "request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n\"\nwait 1s\nsend \"hello\"";
        let timeouts = Timeouts { total: Some(Duration::MAX), ..Timeouts::all(Duration::MAX) };
        let mut scene = Scene::with(vec![Script::parse(script)], timeouts);
        let connector = Arc::new(Connector::new(Arc::new(scene.network.clone()), TlsOptions::default()));
        let limits = Limits { head_bytes_max: 0, idle_total_max: 0, ..Limits::default() };
        scene.client = Client::new(connector, limits, timeouts, ClientOptions::default());
        assert_eq!(fetch(&scene).await, b"hello");
        assert_eq!(scene.idle(), 0);
    })
    .await;
}
