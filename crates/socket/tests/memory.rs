//! The network in memory: the ends of connections, latency, limits, and a network that goes down and up.

use std::io;
use std::time::Duration;

use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Address, Deadline, Endpoint, Network, Transport, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LATENCY: Duration = Duration::from_millis(50);

async fn connected() -> (MemoryNetwork, Box<dyn Transport>, Box<dyn Transport>) {
    let network = MemoryNetwork::new();
    network.latency(LATENCY);
    let listener = network.listen(endpoint()).unwrap();
    let client = network.dial(endpoint()).await.unwrap();
    let (server, from) = listener.accept().await.unwrap();
    assert_eq!((Address::from(from), server.remote()), (client.local(), client.local()));
    assert_eq!((server.local(), client.remote()), (endpoint().into(), endpoint().into()));
    (network, client, server)
}

fn endpoint() -> Endpoint {
    "tcp://10.0.0.1:80".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_with_fin() {
    let (_network, mut client, mut server) = connected().await;
    server.write_all(b"last").await.unwrap();
    server.shutdown().await.unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"last");
    // The other direction stays open.
    client.write_all(b"thanks").await.unwrap();
    let mut thanks = [0; 6];
    server.read_exact(&mut thanks).await.unwrap();
    assert_eq!(&thanks, b"thanks");
    assert_eq!(server.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_with_rst() {
    let (_network, mut client, mut server) = connected().await;
    server.write_all(b"last").await.unwrap();
    server.reset();
    let mut received = Vec::new();
    let error = client.read_to_end(&mut received).await.unwrap_err();
    assert_eq!((error.kind(), received.as_slice()), (io::ErrorKind::ConnectionReset, b"last".as_slice()));
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_never_ends() {
    let (_network, mut client, _server) = connected().await;
    let hour = Deadline::after(Duration::from_hours(1));
    assert!(hour.bound(client.read(&mut [0; 1])).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn dropping_with_unread_bytes_sends_rst() {
    let (_network, mut client, server) = connected().await;
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);

    let (_network, mut client, server) = connected().await;
    client.write_all(b"unread").await.unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_after_the_latency() {
    let (_network, mut client, mut server) = connected().await;
    let start = clock::now();
    client.write_all(b"ab").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.write_all(b"cd").await.unwrap();
    let mut first = [0; 2];
    server.read_exact(&mut first).await.unwrap();
    assert_eq!((&first, start.elapsed()), (b"ab", LATENCY));
    server.read_exact(&mut first).await.unwrap();
    assert_eq!((&first, start.elapsed()), (b"cd", LATENCY + Duration::from_millis(20)));
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_when_the_pipe_is_full() {
    let (_network, mut client, mut server) = connected().await;
    let megabyte = vec![7; 1 << 20];
    let blocked = Deadline::after(Duration::from_mins(1)).bound(client.write_all(&megabyte)).await;
    assert!(blocked.is_err());

    let mut received = vec![0; 64 * 1024];
    server.read_exact(&mut received).await.unwrap();
    let (sent, received) = tokio::join!(client.write_all(&megabyte), async {
        let mut received = vec![0; 1 << 20];
        server.read_exact(&mut received).await.map(|_| received)
    });
    sent.unwrap();
    assert_eq!(received.unwrap(), megabyte);
}

#[tokio::test(start_paused = true)]
async fn dials_are_refused_without_a_listener_and_hang_when_silenced() {
    let network = MemoryNetwork::new();
    network.latency(LATENCY);
    let start = clock::now();
    assert_eq!(refusal(&network).await, io::ErrorKind::ConnectionRefused);
    assert_eq!(start.elapsed(), LATENCY * 2);

    network.silence(endpoint());
    assert!(Deadline::after(Duration::from_hours(1)).bound(network.dial(endpoint())).await.is_err());
    network.unsilence(endpoint());
    assert_eq!(refusal(&network).await, io::ErrorKind::ConnectionRefused);
}

async fn refusal(network: &MemoryNetwork) -> io::ErrorKind {
    match network.dial(endpoint()).await {
        Ok(_) => panic!("there is no listener"),
        Err(error) => error.kind(),
    }
}

#[tokio::test(start_paused = true)]
async fn connections_stall_while_the_network_is_down_and_lose_nothing() {
    let (network, mut client, mut server) = connected().await;
    client.write_all(b"before").await.unwrap();
    network.down();
    assert_eq!(refusal(&network).await, io::ErrorKind::NetworkUnreachable);
    assert!(network.lookup(&"a.test".parse().unwrap()).await.is_err());
    let mut received = [0; 6];
    assert!(Deadline::after(Duration::from_hours(1)).bound(server.read_exact(&mut received)).await.is_err());

    let later = network.clone();
    let up = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        later.up();
    };
    let (read, ()) = tokio::join!(server.read_exact(&mut received), up);
    read.unwrap();
    assert_eq!(&received, b"before");
}

#[tokio::test(start_paused = true)]
async fn in_a_blackout_dials_and_look_ups_hang() {
    let network = MemoryNetwork::new();
    network.name("a.test", ["10.0.0.1".parse().unwrap()]).blackout();
    let hour = || Deadline::after(Duration::from_hours(1));
    assert!(hour().bound(network.dial(endpoint())).await.is_err());
    assert!(hour().bound(network.lookup(&"a.test".parse().unwrap())).await.is_err());
    network.up();
    assert!(network.lookup(&"a.test".parse().unwrap()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_has_one_listener() {
    let network = MemoryNetwork::new();
    let free: Endpoint = "tcp://0.0.0.0:0".parse().unwrap();
    let (first, second) = (network.listen(free).unwrap(), network.listen(free).unwrap());
    assert_ne!(first.endpoint(), second.endpoint());
    assert_eq!(network.listen(first.endpoint()).err().unwrap().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(
        network.listen("udp://0.0.0.0:0".parse().unwrap()).err().unwrap().kind(),
        io::ErrorKind::InvalidInput
    );

    // A listener at the unspecified address listens at each address.
    let each =
        Endpoint::new("10.9.8.7".parse().unwrap(), first.endpoint().protocol(), first.endpoint().port());
    let mut client = network.dial(each).await.unwrap();
    // A dropped listener refuses, and resets the connections that it has not accepted.
    drop(first);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(network.dial(each).await.is_err());
    assert!(network.listen(free).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_closed_peer_fails_after_a_round_trip() {
    let (_network, mut client, server) = connected().await;
    drop(server);
    client.write_all(b"lost").await.unwrap();
    tokio::time::sleep(LATENCY).await;
    client.write_all(b"lost too").await.unwrap();
    tokio::time::sleep(LATENCY).await;
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
