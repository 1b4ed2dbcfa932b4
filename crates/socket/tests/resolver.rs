//! The resolver: cache, one look-up per name, limits, deadlines.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Deadline, FaultKind, Host, HostName, LookupError, Phase, Resolver, clock};
use tokio::time::advance;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn setup() -> (MemoryNetwork, Resolver) {
    let network = MemoryNetwork::new();
    let resolver = Resolver::new(Arc::new(network.clone()));
    (network, resolver)
}

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

#[tokio::test(start_paused = true)]
async fn a_result_is_cached_for_a_minute() {
    let (network, resolver) = setup();
    network.name("a.test", [A]);
    for _ in 0..3 {
        assert_eq!(*resolver.resolve(&name("a.test"), soon()).await.unwrap(), [A]);
    }
    assert_eq!(network.lookups(), 1);
    advance(Duration::from_secs(59)).await;
    resolver.resolve(&name("a.test"), soon()).await.unwrap();
    assert_eq!(network.lookups(), 1);
    advance(Duration::from_secs(1)).await;
    resolver.resolve(&name("a.test"), soon()).await.unwrap();
    assert_eq!(network.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_cached_for_two_seconds() {
    let (network, resolver) = setup();
    for _ in 0..3 {
        let fault = resolver.resolve(&name("a.test"), soon()).await.unwrap_err();
        assert_eq!((fault.phase(), fault.kind()), (Phase::Resolve, FaultKind::NameNotFound));
        assert_eq!(fault.host(), Some(&Host::Name(name("a.test"))));
    }
    assert_eq!(network.lookups(), 1);
    network.name("a.test", [A]);
    advance(Duration::from_secs(2)).await;
    assert!(resolver.resolve(&name("a.test"), soon()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_name_is_looked_up_again() {
    let (network, resolver) = setup();
    network.name("a.test", [A]);
    resolver.resolve(&name("a.test"), soon()).await.unwrap();
    resolver.forget(&name("a.test"));
    resolver.resolve(&name("a.test"), soon()).await.unwrap();
    assert_eq!(network.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_one_look_up() {
    let (network, resolver) = setup();
    network.name("a.test", [A]).name("b.test", [A]).lookup_latency(Duration::from_millis(300));
    let start = clock::now();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let resolver = resolver.clone();
        let name = name(if number % 2 == 0 { "a.test" } else { "b.test" });
        callers.spawn(async move { resolver.resolve(&name, soon()).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|found| found));
    assert_eq!(network.lookups(), 2);
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_its_own_deadline() {
    let (network, resolver) = setup();
    network.name("a.test", [A]).lookup_latency(Duration::from_secs(3));
    let start = clock::now();
    let (hasty, patient) = tokio::join!(
        async {
            let name = name("a.test");
            let outcome = resolver.resolve(&name, Deadline::after(Duration::from_secs(1))).await;
            (outcome, start.elapsed())
        },
        async {
            let name = name("a.test");
            let outcome = resolver.resolve(&name, Deadline::after(Duration::from_secs(9))).await;
            (outcome, start.elapsed())
        },
    );
    let fault = hasty.0.unwrap_err();
    assert_eq!((fault.kind(), hasty.1), (FaultKind::TimedOut, Duration::from_secs(1)));
    assert_eq!(fault.elapsed(), Duration::from_secs(1));
    // The look-up of the caller with the short deadline ended with it; the other caller took over.
    assert!(patient.0.is_ok());
    assert_eq!((network.lookups(), patient.1), (2, Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_network_does_not_outlast_the_deadline() {
    let (network, resolver) = setup();
    network.name_fails("a.test", LookupError::Silent);
    let start = clock::now();
    let fault = resolver.resolve(&name("a.test"), soon()).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::TimedOut);
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn failures_keep_their_kinds() {
    let (network, resolver) = setup();
    let local = |kind: io::ErrorKind| LookupError::Local(Arc::new(kind.into()));
    let cases = [
        ("a.test", LookupError::NotFound, FaultKind::NameNotFound),
        ("b.test", LookupError::ServerFailed("SERVFAIL".into()), FaultKind::NameServerFailed),
        ("c.test", local(io::ErrorKind::NetworkUnreachable), FaultKind::LocalNetworkDown),
        ("d.test", local(io::ErrorKind::OutOfMemory), FaultKind::LocalExhausted),
    ];
    for (text, error, kind) in cases {
        network.name_fails(text, error);
        let fault = resolver.resolve(&name(text), soon()).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_sixteen_addresses_are_used() {
    let (network, resolver) = setup();
    network.name("a.test", (0..10_000).map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n / 2).into()));
    let addresses = resolver.resolve(&name("a.test"), soon()).await.unwrap();
    assert_eq!(addresses.len(), 16);
    assert_eq!(addresses[15], IpAddr::V4(Ipv4Addr::new(10, 0, 0, 15)));
}

#[tokio::test(start_paused = true)]
async fn the_cache_evicts_the_least_recently_used_names() {
    let (network, resolver) = setup();
    network.name("often.test", [A]);
    for number in 0..20_000 {
        resolver.resolve(&name("often.test"), soon()).await.unwrap();
        let _ = resolver.resolve(&name(&format!("n{number}.test")), soon()).await;
    }
    assert_eq!(network.lookups(), 20_001);
}
