//! Without faults, the hostile server is a correct HTTP/1.1 server.

mod common;

use std::time::Duration;

use common::{Client, End, World};
use longhaul_origin::{FaultMix, InjectedFault, Options};
use longhaul_socket::clock;

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_whole_with_its_validators() {
    let world = World::new(FaultMix::none());
    let (head, body) = world.get("/a", "").await;
    let content = world.site.content("/a");
    assert_eq!(head.status, 200);
    assert_eq!(head.field("etag"), Some(content.etag().as_str()));
    assert_eq!(head.field("last-modified"), Some("Wed, 01 Jan 2020 00:00:00 GMT"));
    assert_eq!(head.field("accept-ranges"), Some("bytes"));
    assert!(head.field("date").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(body, content.to_vec());
}

#[tokio::test(start_paused = true)]
async fn one_connection_serves_many_requests_even_if_pipelined() {
    let world = World::new(FaultMix::none());
    let mut client = world.client().await;
    client.send("GET /a HTTP/1.1\r\nHost: o\r\n\r\n\r\nHEAD /b HTTP/1.1\r\nHost: o\r\n\r\n").await;
    client.get("http://o.test/c?size=200000", "").await;

    let head = client.head().await.expect("a head");
    assert_eq!(client.body(head.length()).await, Ok(world.site.content("/a").to_vec()));
    let head = client.head().await.expect("a head");
    assert_eq!(head.length(), 1_000, "a HEAD tells the length and sends nothing");
    let head = client.head().await.expect("a head");
    assert_eq!(client.body(head.length()).await, Ok(world.site.content("/c?size=200000").to_vec()));

    let stats = world.running.stats();
    assert_eq!((stats.connections, stats.requests, stats.responses_complete), (1, 3, 3));
    assert_eq!((stats.bytes_served, stats.bytes_served_twice), (201_000, 0));
    assert_eq!(stats.statuses[&200], 3);
}

#[tokio::test(start_paused = true)]
async fn a_single_range_is_served() {
    let world = World::new(FaultMix::none());
    let whole = world.site.content("/a").to_vec();
    for (range, expected) in [("0-0", 0..1), ("990-2000", 990..1_000), ("7-", 7..1_000), ("-3", 997..1_000)] {
        let (head, body) = world.get("/a", &format!("Range: bytes={range}\r\n")).await;
        assert_eq!(head.status, 206, "{range}");
        let described = format!("bytes {}-{}/1000", expected.start, expected.end - 1);
        assert_eq!(head.field("content-range"), Some(described.as_str()));
        assert_eq!(body, whole[expected]);
    }
    let (head, _) = world.get("/a", "Range: bytes=1000-\r\n").await;
    assert_eq!((head.status, head.field("content-range")), (416, Some("bytes */1000")));
    let (head, _) = world.get("/a", "Range: bytes=0-1,5-6\r\n").await;
    assert_eq!(head.status, 200, "several ranges are ignored");
}

#[tokio::test(start_paused = true)]
async fn a_range_applies_only_to_the_content_that_the_client_means() {
    let world = World::new(FaultMix::none());
    let etag = world.site.content("/a").etag();
    for (validator, status) in [
        (etag.as_str(), 206),
        ("\"other\"", 200),
        (&format!("W/{etag}"), 200),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 206),
        ("Wed, 01 Jan 2020 00:00:01 GMT", 200),
    ] {
        let (head, _) = world.get("/a", &format!("Range: bytes=5-\r\nIf-Range: {validator}\r\n")).await;
        assert_eq!(head.status, status, "{validator}");
    }
    world.site.next_generation();
    let (head, body) = world.get("/a", &format!("Range: bytes=5-\r\nIf-Range: {etag}\r\n")).await;
    assert_eq!(head.status, 200, "the content has changed");
    assert_eq!(body, world.site.content("/a").to_vec());
}

#[tokio::test(start_paused = true)]
async fn content_that_the_client_has_is_not_sent_again() {
    let world = World::new(FaultMix::none());
    let etag = world.site.content("/a").etag();
    let mut client = world.client().await;
    for (field, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-None-Match: \"x\", W/{etag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-Modified-Since: Thu, 02 Jan 2020 00:00:00 GMT".to_owned(), 304),
        ("If-Modified-Since: Tue, 31 Dec 2019 00:00:00 GMT".to_owned(), 200),
        ("If-None-Match: \"x\"\r\nIf-Modified-Since: Thu, 02 Jan 2020 00:00:00 GMT".to_owned(), 200),
    ] {
        client.get("/a", &format!("{field}\r\n")).await;
        let head = client.head().await.expect("a head");
        assert_eq!(head.status, status, "{field}");
        assert_eq!(head.field("etag"), Some(etag.as_str()));
        if status == 200 {
            client.body(head.length()).await.expect("the whole body");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_query_chooses_the_framing() {
    let world = World::new(FaultMix::none());
    let expected = world.site.content("/a?size=150000").to_vec();

    let mut client = world.client().await;
    client.get("/a?size=150000&chunked", "").await;
    let head = client.head().await.expect("a head");
    assert_eq!((head.field("transfer-encoding"), head.field("content-length")), (Some("chunked"), None));
    assert_eq!(client.chunked().await.as_ref(), Ok(&expected));
    client.get("/a?size=0&chunked", "").await;
    client.head().await.expect("a head on the same connection");
    assert_eq!(client.chunked().await, Ok(Vec::new()));

    client.get("/a?size=150000&close", "Range: bytes=1-\r\n").await;
    let head = client.head().await.expect("a head");
    assert_eq!((head.status, head.field("connection")), (206, Some("close")));
    assert_eq!(client.rest().await, (expected[1..].to_vec(), End::Fin));
}

#[tokio::test(start_paused = true)]
async fn redirects_lead_to_the_rest_of_the_path() {
    let world = World::new(FaultMix::none());
    let mut target = "/redirect/3/dir/a?size=5".to_owned();
    for _ in 0..3 {
        let (head, _) = world.get(&target, "").await;
        assert_eq!(head.status, 302);
        target = head.field("location").expect("a location").to_owned();
    }
    assert_eq!(target, "/dir/a?size=5");
}

#[tokio::test(start_paused = true)]
async fn absent_paths_are_not_found_until_they_appear() {
    let world = World::new(FaultMix::none());
    world.site.set_exists("/a", false);
    assert_eq!(world.get("/a?size=5", "").await.0.status, 404);
    world.site.set_exists("/a", true);
    assert_eq!(world.get("/a?size=5", "").await.0.status, 200);
}

#[tokio::test(start_paused = true)]
async fn connections_end_when_either_side_says_so() {
    let world = World::new(FaultMix::none());
    for request in [
        "GET /a HTTP/1.1\r\nHost: o\r\nConnection: x, CLOSE\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let mut client = world.client().await;
        client.send(request).await;
        let head = client.head().await.expect("a head");
        assert_eq!(head.field("connection"), Some("close"), "{request}");
        client.body(head.length()).await.expect("the whole body");
        assert_eq!(client.rest().await, (Vec::new(), End::Fin), "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_are_refused() {
    let world = World::new(FaultMix::none());
    let long = "x".repeat(9_000);
    let fields = "A: b\r\n".repeat(101);
    for (request, status) in [
        ("\x16\x03\x01 garbage\r\n\r\n".to_owned(), 400),
        ("GET /a\r\n\r\n".to_owned(), 400),
        ("GET  /a HTTP/1.1\r\nHost: o\r\n\r\n".to_owned(), 400),
        ("GET a HTTP/1.1\r\nHost: o\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/1.1\r\nHost: o\r\nHost: p\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/1.1\r\nHost : o\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/1.1\r\nHost: o\r\n folded\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/1.1\r\nHost: o\nX: y\r\n\r\n".to_owned(), 400),
        ("GET /a HTTP/2.0\r\nHost: o\r\n\r\n".to_owned(), 505),
        ("DELETE /a HTTP/1.1\r\nHost: o\r\n\r\n".to_owned(), 405),
        (format!("GET /{long} HTTP/1.1\r\nHost: o\r\n\r\n"), 414),
        (format!("GET /{long}"), 414),
        (format!("GET /a HTTP/1.1\r\nHost: o\r\n{fields}\r\n"), 431),
        (format!("GET /a HTTP/1.1\r\nX: {}", "x".repeat(40_000)), 431),
        ("GET /a HTTP/1.1\r\nHos".to_owned(), 408),
    ] {
        let mut client = world.client().await;
        client.send(&request).await;
        assert_eq!(client.head().await.expect("a head").status, status, "{request:.60}");
    }
    assert_eq!(world.running.stats().bytes_served, 0);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_without_a_response() {
    let world = World::new(FaultMix::none());
    let mut client = world.client().await;
    let start = clock::now();
    assert_eq!(client.rest().await, (Vec::new(), End::Fin));
    assert!(start.elapsed() >= Options::default().head_time);
}

#[tokio::test(start_paused = true)]
async fn latency_adds_up() {
    let options = Options { latency: Duration::from_millis(300), ..Options::default() };
    let world = World::with_options(FaultMix::none(), options);
    let start = clock::now();
    world.get("/a?latency=200", "").await;
    assert_eq!(start.elapsed().as_millis(), 500);
}

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_wait() {
    let options = Options { connections_max: 2, latency: Duration::from_secs(1), ..Options::default() };
    let world = World::with_options(FaultMix::none(), options);
    let get = async || {
        let mut client = world.client().await;
        client.get("/a", "Connection: close\r\n").await;
        client.rest().await
    };
    let start = clock::now();
    tokio::join!(get(), get(), get(), get());
    assert!(start.elapsed() >= Duration::from_secs(2));
    let stats = world.running.stats();
    assert_eq!((stats.connections, stats.connections_open_max, stats.in_flight_max), (4, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn bytes_served_twice_are_counted_per_content() {
    let world = World::new(FaultMix::none());
    world.get("/a", "Range: bytes=0-99\r\n").await;
    world.get("/a", "Range: bytes=50-\r\n").await;
    world.get("/b", "").await;
    assert_eq!(world.running.stats().bytes_served_twice, 50);
    world.site.next_generation();
    world.get("/a", "").await;
    assert_eq!(world.running.stats().bytes_served_twice, 50, "other content is served for the first time");
    assert_eq!(world.running.server().requests_of("/a?chunked"), 3);
}

#[tokio::test(start_paused = true)]
async fn two_listeners_are_one_server() {
    let world = World::new(FaultMix::none().on("/a", 2..=2, InjectedFault::Status503));
    let endpoint = "tcp://10.0.0.1:8080".parse().expect("an endpoint");
    let second = world.running.server().listen(&*world.network, endpoint).expect("a free endpoint");
    assert_eq!(world.get("/a", "").await.0.status, 200);
    let mut client = Client::connect(&*world.network, second.endpoint()).await;
    client.get("/a", "").await;
    assert_eq!(client.head().await.expect("a head").status, 503);
    second.stop().await;
    assert_eq!(world.get("/a", "").await.0.status, 200);
    assert_eq!(world.running.stats().requests, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_server_drops_everything() {
    let world = World::new(FaultMix::none());
    let mut client = world.client().await;
    client.get("/a?latency=100000", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let origin = world.running.server().clone();
    assert_eq!(origin.stats().in_flight, 1);
    let stats = world.running.stop().await;
    assert_eq!((stats.connections_open, stats.in_flight, stats.responses_complete), (0, 0, 0));
    assert!(client.head().await.is_err());
}
