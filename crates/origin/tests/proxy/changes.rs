//! Proxies and toxics that change while connections run.

use std::io::ErrorKind;
use std::time::Duration;

use longhaul_origin::proxy::{Direction, ProxyChange, ProxyError, ToxicChange, ToxicKind};
use longhaul_origin::{Ending, Share};
use longhaul_socket::{Deadline, Network, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::street::{PROXY, Street, bound, endpoint, ms, pass, pattern, spec, toxic};

fn change(attributes: &[(&str, u64)]) -> ToxicChange {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
    ToxicChange { toxicity: None, attributes }
}

#[tokio::test(start_paused = true)]
async fn toxics_are_added_changed_and_removed_on_an_open_connection() {
    let street = Street::new().await;
    let mut pair = street.connect().await;
    let mut buffer = [0; 5];
    let mut trip = async |expected: u64| {
        let start = clock::now();
        pair.client.write_all(b"hello").await.expect("taken");
        bound(pair.server.read_exact(&mut buffer)).await.expect("passed on");
        assert_eq!((&buffer, start.elapsed()), (b"hello", ms(expected)));
    };
    trip(0).await;
    street
        .proxies
        .add_toxic(PROXY, toxic(ToxicKind::Latency, Direction::Upstream, &[("latency", 100)]))
        .await
        .unwrap();
    trip(100).await;
    let changed = street.proxies.update_toxic(PROXY, "latency_upstream", change(&[("latency", 50)])).await;
    assert_eq!(changed.unwrap().effect.attributes(), [("latency", 50), ("jitter", 0)]);
    trip(50).await;
    let never = ToxicChange { toxicity: Some(Share::NONE), attributes: Vec::new() };
    street.proxies.update_toxic(PROXY, "latency_upstream", never).await.unwrap();
    trip(0).await;
    let always = ToxicChange { toxicity: Some(Share::ALL), attributes: Vec::new() };
    street.proxies.update_toxic(PROXY, "latency_upstream", always).await.unwrap();
    trip(50).await;
    street.proxies.remove_toxic(PROXY, "latency_upstream").await.unwrap();
    trip(0).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_toxic_holds_passes_on_when_it_is_removed() {
    let street =
        Street::with_toxic(toxic(ToxicKind::Latency, Direction::Downstream, &[("latency", 3_600_000)])).await;
    let mut pair = street.connect().await;
    let start = clock::now();
    pair.server.write_all(b"hello").await.expect("taken");
    tokio::time::sleep(Duration::from_mins(2)).await;
    street.proxies.remove_toxic(PROXY, "latency_downstream").await.unwrap();
    pair.server.write_all(b" again").await.expect("taken");
    let mut buffer = [0; 11];
    bound(pair.client.read_exact(&mut buffer)).await.expect("passed on");
    assert_eq!((&buffer, start.elapsed()), (b"hello again", Duration::from_mins(2)));
}

#[tokio::test(start_paused = true)]
async fn removing_a_toxic_that_has_discarded_data_ends_the_connection() {
    let street = Street::with_toxic(toxic(ToxicKind::Timeout, Direction::Upstream, &[("timeout", 0)])).await;
    let mut pair = street.connect().await;
    let mut untouched = street.connect().await;
    pair.client.write_all(b"lost").await.expect("taken");
    tokio::time::sleep(Duration::from_secs(5)).await;
    street.proxies.remove_toxic(PROXY, "timeout_upstream").await.unwrap();
    assert_eq!(bound(pair.server.read(&mut [0; 8])).await.expect("an end in order"), 0);
    assert_eq!(bound(pair.client.read(&mut [0; 8])).await.expect("an end in order"), 0);
    drop(pair);
    assert_eq!(street.reports(1).await[0].ending, Ending::Toxic(ToxicKind::Timeout));
    untouched.client.write_all(b"there").await.expect("taken");
    let mut buffer = [0; 5];
    bound(untouched.server.read_exact(&mut buffer)).await.expect("passed on");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_proxy_refuses_connections_and_ends_open_ones() {
    let street = Street::new().await;
    let mut pair = street.connect().await;
    pair.client.write_all(b"a").await.expect("taken");
    pair.server.read_exact(&mut [0; 1]).await.expect("passed on");
    let down = ProxyChange { enabled: Some(false), ..ProxyChange::default() };
    let state = street.proxies.update(PROXY, down.clone()).await.expect("it can be disabled");
    assert!(!state.enabled);
    assert!(matches!(bound(pair.client.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    assert!(matches!(bound(pair.server.read(&mut [0; 1])).await, Ok(0) | Err(_)));
    assert_eq!(street.reports(1).await[0].ending, Ending::Stopped);
    let refused = street.network.dial(street.proxy.listen.endpoint()).await.err().expect("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(!street.proxies.update(PROXY, down).await.expect("it is down already").enabled);

    let up = ProxyChange { enabled: Some(true), ..ProxyChange::default() };
    let state = street.proxies.update(PROXY, up).await.expect("its endpoint is free");
    assert_eq!((state.enabled, state.listen), (true, street.proxy.listen));
    let received = pass(street.connect().await, Direction::Upstream, pattern(10)).await;
    assert_eq!(received.bytes(), pattern(10));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_changes_its_address_and_its_upstream() {
    let street = Street::new().await;
    street
        .proxies
        .add_toxic(PROXY, toxic(ToxicKind::Latency, Direction::Upstream, &[("latency", 10)]))
        .await
        .unwrap();
    let other = street.network.listen(endpoint("tcp://10.0.0.3:80")).expect("a free endpoint");
    let moved = ProxyChange {
        listen: Some("10.0.0.2:0".parse().unwrap()),
        upstream: Some("10.0.0.3:80".parse().unwrap()),
        enabled: None,
    };
    let state = street.proxies.update(PROXY, moved).await.expect("a free port");
    assert_ne!(state.listen, street.proxy.listen);
    assert_ne!(state.listen.endpoint().port(), 0);
    assert_eq!((state.enabled, state.toxics.len()), (true, 1));
    let mut client = street.network.dial(state.listen.endpoint()).await.expect("it listens");
    let (mut server, _) = bound(other.accept()).await.expect("it connects");
    client.write_all(b"hello").await.expect("taken");
    let mut buffer = [0; 5];
    bound(server.read_exact(&mut buffer)).await.expect("passed on");
    assert!(street.network.dial(street.proxy.listen.endpoint()).await.is_err());

    // Where it cannot listen it stays where it is, and its connections stay.
    let taken = ProxyChange { listen: Some("10.0.0.3:80".parse().unwrap()), ..ProxyChange::default() };
    assert!(matches!(street.proxies.update(PROXY, taken).await, Err(ProxyError::Listen(_))));
    assert_eq!(street.proxies.get(PROXY).await.unwrap().listen, state.listen);
    server.write_all(b"still").await.expect("taken");
    bound(client.read_exact(&mut buffer)).await.expect("passed on");
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_future_is_dropped_leaves_a_proxy_that_can_be_enabled() {
    let street = Street::new().await;
    let _busy = street.connect().await;
    let elsewhere =
        || ProxyChange { upstream: Some("10.0.0.9:80".parse().unwrap()), ..ProxyChange::default() };
    let dropped = Deadline::at(clock::now()).bound(street.proxies.update(PROXY, elsewhere())).await;
    assert!(dropped.is_err(), "it had not time to stop its connection");
    let state = street.proxies.get(PROXY).await.expect("it is there");
    assert_eq!((state.enabled, state.upstream.to_string()), (false, "10.0.0.1:80".to_owned()));
    tokio::time::sleep(ms(2_000)).await;
    street.proxies.reset().await.expect("its endpoint is free");
    let received = pass(street.connect().await, Direction::Upstream, pattern(10)).await;
    assert_eq!(received.bytes(), pattern(10));
}

#[tokio::test(start_paused = true)]
async fn populate_keeps_proxies_that_are_as_requested() {
    let street = Street::new().await;
    street
        .proxies
        .add_toxic(PROXY, toxic(ToxicKind::Latency, Direction::Upstream, &[("latency", 10)]))
        .await
        .unwrap();
    let same = spec(PROXY, "10.0.0.2:80", "10.0.0.1:80");
    let new = spec("q", "10.0.0.2:81", "10.0.0.1:80");
    let states = street.proxies.populate(vec![same, new]).await.expect("free endpoints");
    assert_eq!(states.iter().map(|state| state.toxics.len()).collect::<Vec<_>>(), [1, 0]);
    let other = spec(PROXY, "10.0.0.2:80", "10.0.0.9:80");
    let states = street.proxies.populate(vec![other]).await.expect("its own endpoint is free");
    assert_eq!((states[0].toxics.len(), states[0].upstream.to_string()), (0, "10.0.0.9:80".to_owned()));
    assert_eq!(street.proxies.list().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn names_are_unique() {
    let street = Street::new().await;
    let latency = || toxic(ToxicKind::Latency, Direction::Upstream, &[("latency", 10)]);
    let taken = street.proxies.add(spec(PROXY, "10.0.0.2:81", "10.0.0.1:80")).await;
    assert!(matches!(taken, Err(ProxyError::ProxyExists)));
    street.proxies.add_toxic(PROXY, latency()).await.unwrap();
    assert!(matches!(street.proxies.add_toxic(PROXY, latency()).await, Err(ProxyError::ToxicExists)));
    assert!(matches!(street.proxies.add_toxic("q", latency()).await, Err(ProxyError::NoProxy)));
    assert!(matches!(street.proxies.remove_toxic(PROXY, "x").await, Err(ProxyError::NoToxic)));
    assert!(matches!(street.proxies.remove("q").await, Err(ProxyError::NoProxy)));
    street.proxies.remove(PROXY).await.expect("it is there");
    assert!(street.proxies.list().await.is_empty());
    let gone = Deadline::after(ms(1_000)).bound(street.network.dial(street.proxy.listen.endpoint())).await;
    assert!(gone.expect("an answer at once").is_err());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_toxics_is_limited() {
    let street = Street::new().await;
    let mut added = 0;
    let refused = loop {
        let toxic =
            toxic(ToxicKind::Latency, Direction::Upstream, &[]).named(added.to_string().parse().unwrap());
        match street.proxies.add_toxic(PROXY, toxic).await {
            Ok(()) => added += 1,
            Err(error) => break error,
        }
        assert!(added < 10_000);
    };
    assert!(matches!(refused, ProxyError::TooMany(most) if most == added), "{refused}");
}
