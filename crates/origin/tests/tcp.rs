//! The same server over TCP on loopback.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{End, World};
use longhaul_origin::{FaultMix, InjectedFault, Options};
use longhaul_socket::SystemNetwork;

fn world(faults: FaultMix, options: Options) -> World {
    let endpoint = "tcp://127.0.0.1:0".parse().expect("an endpoint");
    World::in_network(Arc::new(SystemNetwork::new()), endpoint, faults, options)
}

#[tokio::test]
async fn files_ranges_and_keep_alive() {
    let world = world(FaultMix::none(), Options::default());
    assert_ne!(world.running.endpoint().port(), 0);
    let target = "/a?size=3000000";
    let expected = world.site.content(target).to_vec();
    let mut client = world.client().await;
    for (range, begin) in [("", 0), ("Range: bytes=1234567-\r\n", 1_234_567)] {
        client.get(target, range).await;
        let head = client.head().await.expect("a head");
        assert!(client.body(head.length()).await.as_deref() == Ok(&expected[begin..]), "{range}");
    }
    let stats = world.running.stop().await;
    assert_eq!((stats.connections, stats.bytes_served_twice), (1, 3_000_000 - 1_234_567));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let world = world(FaultMix::none().on("/a", .., InjectedFault::ResetBeforeHead), Options::default());
    let mut client = world.client().await;
    client.get("/a", "").await;
    assert_eq!(client.rest().await, (Vec::new(), End::Reset));
}

#[tokio::test]
async fn a_fin_is_a_fin_even_with_a_request_unread() {
    let world = world(FaultMix::none().on("/a", .., InjectedFault::BadLength), Options::default());
    let mut client = world.client().await;
    client.send("GET /a HTTP/1.1\r\nHost: o\r\n\r\nGET /b HTTP/1.1\r\nHost: o\r\n\r\n").await;
    client.head().await.expect("a head");
    assert_eq!(client.rest().await, (world.site.content("/a").to_vec(), End::Fin));
}

#[tokio::test]
async fn a_stall_is_bounded() {
    let options = Options { stall: Duration::from_millis(50), ..Options::default() };
    let world = world(FaultMix::none().on("/a", .., InjectedFault::StallBeforeHead), options);
    let mut client = world.client().await;
    client.get("/a", "").await;
    assert_eq!(client.rest().await, (Vec::new(), End::Fin));
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let options = Options { write_time: Duration::from_millis(50), ..Options::default() };
    let world = world(FaultMix::none(), options);
    let mut client = world.client().await;
    client.get("/a?size=1000000000", "").await;
    // Bounded by iterations rather than by a time: the loop waits for the write deadline of the server.
    for _ in 0..10_000 {
        if world.running.stats().connections == 1 && world.running.stats().connections_open == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the connection is still open");
}
