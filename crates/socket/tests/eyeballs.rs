//! Happy eyeballs: which address is tried when, which connection wins, and the fault if all fail.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{
    ConnectTimeouts, Connector, Endpoint, Fault, FaultKind, Listener, Network, Phase, Stream, Target,
    TlsOptions, clock,
};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;

const PORT: u16 = 80;

struct Net {
    network: MemoryNetwork,
    connector: Connector,
    listeners: Vec<Box<dyn Listener>>,
}

impl Net {
    fn new(addresses: &[&str]) -> Self {
        let network = MemoryNetwork::new();
        network.name("a.test", addresses.iter().map(|ip| ip.parse().unwrap()));
        let connector = Connector::new(Arc::new(network.clone()), TlsOptions::empty());
        Self { network, connector, listeners: Vec::new() }
    }

    fn listening(mut self, ip: &str) -> Self {
        self.listeners.push(self.network.listen(at(ip)).unwrap());
        self
    }

    fn silent(self, ip: &str) -> Self {
        self.network.silence(at(ip));
        self
    }

    async fn connect(&self) -> Result<Stream, Fault> {
        let target = Target::new("a.test".parse().unwrap(), PORT);
        self.connector.connect(&target, &ConnectTimeouts::default()).await
    }

    async fn connect_in(&self) -> (Endpoint, Duration) {
        let start = clock::now();
        (self.connect().await.unwrap().remote().endpoint().unwrap(), start.elapsed())
    }
}

fn at(ip: &str) -> Endpoint {
    Endpoint::tcp((ip.parse::<IpAddr>().unwrap(), PORT).into())
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_the_next_address_is_tried_at_once() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2"]).listening("10.0.0.2");
    assert_eq!(net.connect_in().await, (at("10.0.0.2"), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn ipv6_is_silent_and_ipv4_answers_after_the_head_start() {
    let net = Net::new(&["10.0.0.1", "fd00::1"]).silent("fd00::1").listening("10.0.0.1");
    assert_eq!(net.connect_in().await, (at("10.0.0.1"), Duration::from_millis(250)));
}

#[tokio::test(start_paused = true)]
async fn ipv6_comes_first_and_the_families_take_turns() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"])
        .silent("fd00::1")
        .silent("10.0.0.1")
        .silent("fd00::2")
        .listening("10.0.0.2");
    assert_eq!(net.connect_in().await, (at("10.0.0.2"), Duration::from_millis(750)));
    let both = Net::new(&["10.0.0.1", "fd00::1"]).listening("10.0.0.1").listening("fd00::1");
    assert_eq!(both.connect_in().await, (at("fd00::1"), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_address_may_still_win() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2"]).silent("10.0.0.2").listening("10.0.0.1");
    net.network.latency(Duration::from_millis(400));
    assert_eq!(net.connect_in().await, (at("10.0.0.1"), Duration::from_millis(800)));
    assert_eq!(net.network.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_other_attempts_are_closed() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2"]).listening("10.0.0.1").listening("10.0.0.2");
    net.network.latency(Duration::from_millis(400));
    let winner = net.connect().await.unwrap();
    assert_eq!(winner.remote(), at("10.0.0.1"));
    let (mut loser, _from) = net.listeners[1].accept().await.unwrap();
    assert_eq!(loser.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_race_ends_at_the_deadline() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2"]).silent("10.0.0.1").silent("10.0.0.2");
    let start = clock::now();
    let fault = net.connect().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!((fault.phase(), fault.kind()), (Phase::Connect, FaultKind::TimedOut));
    assert_eq!(fault.endpoint(), Some(at("10.0.0.1")));
    assert_eq!(fault.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn resolving_and_connecting_share_one_deadline() {
    let net = Net::new(&["10.0.0.1"]).silent("10.0.0.1");
    net.network.lookup_latency(Duration::from_secs(4));
    let start = clock::now();
    let fault = net.connect().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!((fault.phase(), fault.elapsed()), (Phase::Connect, Duration::from_secs(6)));
}

#[tokio::test(start_paused = true)]
async fn refused_is_more_informative_than_unreachable() {
    let net = Net::new(&["10.0.0.1", "10.0.0.2"]);
    let fault = net.connect().await.unwrap_err();
    assert_eq!((fault.kind(), fault.endpoint()), (FaultKind::Refused, Some(at("10.0.0.2"))));
    assert_eq!(fault.to_string(), "connect to tcp://10.0.0.2:80 (a.test): refused after 0 ms");

    net.network.down();
    assert_eq!(net.connect().await.unwrap_err().kind(), FaultKind::NameServerFailed);
    let literal = Target::new("10.0.0.1".parse().unwrap(), PORT);
    let fault = net.connector.connect(&literal, &ConnectTimeouts::default()).await.unwrap_err();
    assert_eq!((fault.kind(), fault.endpoint()), (FaultKind::Unreachable, Some(at("10.0.0.1"))));
}

#[tokio::test(start_paused = true)]
async fn if_all_addresses_fail_the_name_is_looked_up_again() {
    let net = Net::new(&["10.0.0.1"]).listening("10.0.0.2");
    assert!(net.connect().await.is_err());
    net.network.name("a.test", ["10.0.0.2".parse().unwrap()]);
    assert_eq!(net.connect().await.unwrap().remote(), at("10.0.0.2"));
}

#[tokio::test(start_paused = true)]
async fn an_ip_address_needs_no_look_up() {
    let net = Net::new(&[]).listening("fd00::1");
    let target = Target::new("[fd00::1]".parse().unwrap(), PORT);
    let stream = net.connector.connect(&target, &ConnectTimeouts::default()).await.unwrap();
    assert_eq!((stream.remote().endpoint().unwrap(), net.network.lookups()), (at("fd00::1"), 0));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_changes_to_a_private_address_is_denied_if_public_only() {
    let net = Net::new(&["10.0.0.1", "127.0.0.1"]).listening("10.0.0.1");
    let target = Target::new("a.test".parse().unwrap(), PORT).public_only();
    let fault = net.connector.connect(&target, &ConnectTimeouts::default()).await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Connect, FaultKind::Denied));
    assert_eq!(net.network.dials(), 0);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Peer {
    Listens,
    Refuses,
    IsSilent,
}

fn peers() -> impl Strategy<Value = Vec<(bool, Peer)>> {
    let peer = prop_oneof![Just(Peer::Listens), Just(Peer::Refuses), Just(Peer::IsSilent)];
    proptest::collection::vec((any::<bool>(), peer), 1..=16)
}

proptest! {
    #[test]
    fn the_race_has_the_right_result_whatever_the_addresses_do(peers in peers()) {
        let addresses: Vec<String> = peers
            .iter()
            .enumerate()
            .map(|(number, (is_v6, _))| if *is_v6 { format!("fd00::{number}") } else { format!("10.0.0.{number}") })
            .collect();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut net = Net::new(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
            for (ip, (_, peer)) in addresses.iter().zip(&peers) {
                net = match peer {
                    Peer::Listens => net.listening(ip),
                    Peer::Refuses => net,
                    Peer::IsSilent => net.silent(ip),
                };
            }
            let does = |wanted| peers.iter().any(|(_, peer)| *peer == wanted);
            let silent = peers.iter().filter(|(_, peer)| *peer == Peer::IsSilent).count();
            let head_starts = Duration::from_millis(250) * u32::try_from(silent).unwrap();
            let start = clock::now();
            let outcome = net.connect().await.map_err(|fault| fault.kind());
            let elapsed = start.elapsed();
            match outcome {
                Ok(stream) => {
                    let remote = stream.remote();
                    let (_, (_, peer)) =
                        addresses.iter().zip(&peers).find(|(ip, _)| remote == at(ip)).unwrap();
                    assert_eq!(*peer, Peer::Listens);
                    assert!(elapsed <= head_starts, "{elapsed:?}");
                }
                Err(kind) if silent > 0 => {
                    assert!(!does(Peer::Listens));
                    assert_eq!((kind, elapsed), (FaultKind::TimedOut, Duration::from_secs(10)));
                }
                Err(kind) => {
                    assert!(!does(Peer::Listens));
                    assert_eq!((kind, elapsed), (FaultKind::Refused, Duration::ZERO));
                }
            }
        });
    }
}
