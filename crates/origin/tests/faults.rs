//! Each fault, as a client that inspects the bytes sees it.

mod common;

use std::time::Duration;

use common::{Client, End, Head, World};
use longhaul_origin::{FaultMix, InjectedFault, Options, Stats};
use longhaul_socket::clock;

/// Requests `/a` once; the first attempt meets `kind`.
async fn meet(kind: InjectedFault) -> (World, Client) {
    let world = World::new(FaultMix::none().on("/a", 1..=1, kind));
    let mut client = world.client().await;
    client.get("/a", "").await;
    (world, client)
}

/// Asserts that the fault was counted once, and that the next attempt is served correctly.
async fn assert_met_once(world: &World, kind: InjectedFault) -> Stats {
    let (head, body) = world.get("/a", "").await;
    assert_eq!((head.status, body), (200, world.site.content("/a").to_vec()), "after {kind}");
    let stats = world.running.stats();
    assert_eq!(stats.faults_met.iter().collect::<Vec<_>>(), [(&kind, &1)]);
    stats
}

/// Asserts that the body stopped before its end, and was correct until then.
fn assert_cut(world: &World, head: &Head, body: &[u8]) {
    assert_eq!((head.status, head.length()), (200, 1_000));
    assert!(body.len() < 1_000);
    assert!(world.site.content("/a").to_vec().starts_with(body));
}

#[tokio::test(start_paused = true)]
async fn reset_before_the_head() {
    let (world, mut client) = meet(InjectedFault::ResetBeforeHead).await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
    let stats = assert_met_once(&world, InjectedFault::ResetBeforeHead).await;
    assert_eq!((stats.requests, stats.responses_complete, stats.statuses[&200]), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn reset_in_the_body() {
    let (world, mut client) = meet(InjectedFault::ResetInBody).await;
    // A reset may overtake what was sent before it, including the head.
    if let Ok(head) = client.head().await {
        let (body, end) = client.rest().await;
        assert_cut(&world, &head, &body);
        assert_eq!(end, End::Reset);
    }
    let stats = assert_met_once(&world, InjectedFault::ResetInBody).await;
    assert_eq!(stats.bytes_served, 1_000 + stats.bytes_served_twice);
}

#[tokio::test(start_paused = true)]
async fn fin_in_the_body() {
    let (world, mut client) = meet(InjectedFault::FinInBody).await;
    let head = client.head().await.expect("a head");
    let (body, end) = client.rest().await;
    assert_cut(&world, &head, &body);
    assert_eq!(end, End::Fin);
    let stats = assert_met_once(&world, InjectedFault::FinInBody).await;
    assert_eq!(stats.bytes_served_twice, body.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn stalls_end() {
    let (world, mut client) = meet(InjectedFault::StallBeforeHead).await;
    let start = clock::now();
    assert_eq!(client.rest().await, (Vec::new(), End::Fin));
    assert_eq!(start.elapsed().as_secs(), Options::default().stall.as_secs());
    assert_met_once(&world, InjectedFault::StallBeforeHead).await;

    let (world, mut client) = meet(InjectedFault::StallInBody).await;
    let head = client.head().await.expect("a head comes at once");
    let start = clock::now();
    let (body, end) = client.rest().await;
    assert_cut(&world, &head, &body);
    assert_eq!((end, start.elapsed().as_secs()), (End::Fin, Options::default().stall.as_secs()));
    assert_met_once(&world, InjectedFault::StallInBody).await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_does_not_outlive_the_client() {
    let (world, client) = meet(InjectedFault::StallBeforeHead).await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.running.stats().connections_open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_drip_is_one_byte_a_second_and_ends() {
    let (world, mut client) = meet(InjectedFault::Drip).await;
    let head = client.head().await.expect("a head comes at once");
    let start = clock::now();
    client.body(3).await.expect("three bytes");
    assert_eq!(start.elapsed().as_secs(), 3);
    let (body, end) = client.rest().await;
    assert_eq!((head.length(), body.len(), end), (1_000, 57, End::Fin));
    assert_met_once(&world, InjectedFault::Drip).await;

    let world = World::new(FaultMix::none().under("/", .., InjectedFault::Drip));
    let (_, body) = world.get("/a?size=5", "").await;
    assert_eq!(body, world.site.content("/a?size=5").to_vec(), "a short body is whole in the end");
}

#[tokio::test(start_paused = true)]
async fn statuses_leave_the_connection_open() {
    let world = World::new(
        FaultMix::none()
            .on("/a", 1..=1, InjectedFault::Status500)
            .on("/a", 2..=2, InjectedFault::Status503)
            .on("/a", 3..=3, InjectedFault::Status429RetryAfter(17))
            .on("/a", 4..=4, InjectedFault::NotFound),
    );
    let mut client = world.client().await;
    for (status, retry_after) in [(500, None), (503, None), (429, Some("17")), (404, None), (200, None)] {
        client.get("/a", "").await;
        let head = client.head().await.expect("a head");
        assert_eq!((head.status, head.field("retry-after")), (status, retry_after));
        client.body(head.length()).await.expect("the whole body");
    }
    let stats = world.running.stats();
    assert_eq!((stats.connections, stats.responses_complete, stats.faults_met.len()), (1, 5, 4));
}

#[tokio::test(start_paused = true)]
async fn the_last_chunk_is_missing() {
    let (world, mut client) = meet(InjectedFault::CutChunkedBody).await;
    let head = client.head().await.expect("a head");
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    assert_eq!(client.chunked().await, Err((world.site.content("/a").to_vec(), End::Fin)));
    assert_met_once(&world, InjectedFault::CutChunkedBody).await;
}

#[tokio::test(start_paused = true)]
async fn the_length_is_too_large() {
    let (world, mut client) = meet(InjectedFault::BadLength).await;
    let head = client.head().await.expect("a head");
    assert!(head.length() > 1_000);
    assert_eq!(client.rest().await, (world.site.content("/a").to_vec(), End::Fin));
    assert_met_once(&world, InjectedFault::BadLength).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_body_does_not_meet_faults_of_the_body() {
    for kind in [
        InjectedFault::ResetInBody,
        InjectedFault::StallInBody,
        InjectedFault::BadLength,
        InjectedFault::CutChunkedBody,
    ] {
        let world = World::new(FaultMix::none().under("/", .., kind));
        let mut client = world.client().await;
        client.send("HEAD /a HTTP/1.1\r\nHost: o\r\n\r\n").await;
        assert_eq!(client.head().await.expect("a head").length(), 1_000);
        client.get("/a?size=0", "").await;
        assert_eq!(client.head().await.expect("a head on the same connection").length(), 0);
        assert!(world.running.stats().faults_met.is_empty(), "{kind}");
    }
}

/// Requests each path three times, in this order, and returns the result of each request.
async fn ask(world: &World, paths: impl Iterator<Item = u32>) -> Vec<String> {
    let mut outcomes = Vec::new();
    for path in paths {
        for attempt in 1..=3 {
            let mut client = world.client().await;
            client.get(&format!("/{path}"), "Connection: close\r\n").await;
            let head = client
                .head()
                .await
                .map(|head| (head.status, head.field("content-length").map(str::to_owned)));
            let (body, end) = client.rest().await;
            outcomes.push(format!("/{path} {attempt}: {head:?}, {} bytes, {end:?}", body.len()));
        }
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_faults_in_any_order() {
    let world = World::new(FaultMix::rehearsal());
    let mut in_order = ask(&world, 0..100).await;
    in_order.sort();
    let faults_met = world.running.stop().await.faults_met;
    assert!(faults_met.len() > 8, "{faults_met:?}");

    let world = World::new(FaultMix::rehearsal());
    let (mut at_once, second) = tokio::join!(ask(&world, (0..60).rev()), ask(&world, 60..100));
    at_once.extend(second);
    at_once.sort();
    assert_eq!(at_once, in_order);
    assert_eq!(world.running.stop().await.faults_met, faults_met);
}
