//! The system's network, on the loopback interface: TCP with its faults, and names from a name server of the test.
#![expect(clippy::disallowed_methods, reason = "the name server of the test is not under test")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{
    ConnectTimeouts, Connector, Deadline, Endpoint, FaultKind, HostName, LookupError, Network, Phase, Stream,
    SystemNetwork, Target, TlsOptions, kind_of,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const ANY_PORT: &str = "tcp://127.0.0.1:0";

fn long() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

async fn connected() -> (Stream, Stream) {
    let network = SystemNetwork::new();
    let listener = network.listen(ANY_PORT.parse().unwrap()).unwrap();
    let client = network.dial(listener.endpoint()).await.unwrap();
    let (server, _from) = listener.accept().await.unwrap();
    (Stream::plain(client), Stream::plain(server))
}

#[tokio::test]
async fn bytes_go_both_ways_and_end_with_fin() {
    let (mut client, mut server) = connected().await;
    client.send_within(b"ping", long()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"ping");
    server.send_within(b"pong", long()).await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.receive_within(&mut buffer, long()).await.unwrap(), 4);
    drop(server);
    assert_eq!(client.receive_within(&mut buffer, long()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_reset_is_reported_as_reset() {
    let (mut client, server) = connected().await;
    server.reset();
    let fault = client.receive_within(&mut [0; 1], long()).await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::Reset));
    assert_eq!(fault.address(), Some(&client.remote()));
}

#[tokio::test]
async fn sending_to_a_peer_that_never_reads_times_out() {
    let (mut client, _server) = connected().await;
    let more_than_any_buffer = vec![0; 64 << 20];
    let deadline = Deadline::after(Duration::from_millis(50));
    let fault = client.send_within(&more_than_any_buffer, deadline).await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Send, FaultKind::TimedOut));
}

#[tokio::test]
async fn a_port_without_a_listener_refuses() {
    let network = SystemNetwork::new();
    let free = network.listen(ANY_PORT.parse().unwrap()).unwrap().endpoint();
    let error = network.dial(free).await.err().unwrap();
    assert_eq!(kind_of(&error), FaultKind::Refused);

    let connector = Connector::new(Arc::new(network), TlsOptions::empty());
    let target = Target::new("localhost".parse().unwrap(), free.port());
    let fault = connector.connect(&target, &ConnectTimeouts::default()).await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Connect, FaultKind::Refused));
}

#[tokio::test]
async fn a_udp_endpoint_has_no_streams() {
    let network = SystemNetwork::new();
    let endpoint: Endpoint = "udp://127.0.0.1:0".parse().unwrap();
    assert_eq!(network.dial(endpoint).await.err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(network.listen(endpoint).err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn special_use_names_are_not_sent_to_a_server() {
    let network = SystemNetwork::with_name_servers(Vec::new());
    for name in ["localhost", "a.localhost", "LOCALHOST."] {
        let addresses = network.lookup(&name.parse().unwrap()).await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback), "{name}: {addresses:?}");
    }
    for name in ["invalid", "a.b.invalid"] {
        assert!(matches!(network.lookup(&name.parse().unwrap()).await, Err(LookupError::NotFound)));
    }
    assert!(network.lookup(&"notlocalhost".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_name_server_is_asked() {
    let mut server = NameServer::start(Answer::Address([192, 0, 2, 7])).await;
    assert_eq!(server.lookup("a.test").await.unwrap(), [IpAddr::from([192, 0, 2, 7])]);
    assert!(server.queries() >= 1);
    // By RFC 952 not the name of a host, but in use.
    assert_eq!(server.lookup("ex_ample.test").await.unwrap(), [IpAddr::from([192, 0, 2, 7])]);
    assert!(server.queries() >= 1);
    // No query can contain this name: none is sent, and no server has failed.
    assert!(matches!(server.lookup("-a.test").await, Err(LookupError::NotFound)));
    assert_eq!(server.queries(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_queried_twice() {
    let mut server = NameServer::start(Answer::Code(3)).await;
    assert!(matches!(server.lookup("a.test").await, Err(LookupError::NotFound)));
    assert!(server.queries() >= 4, "two look-ups for two families");
}

#[tokio::test]
async fn an_error_of_the_name_server_is_not_a_missing_name() {
    for code in [2, 5] {
        let server = NameServer::start(Answer::Code(code)).await;
        let outcome = server.lookup("a.test").await;
        assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{code}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_truncated_response_is_queried_again_over_tcp() {
    let server = NameServer::start(Answer::OverTcp([192, 0, 2, 8])).await;
    assert_eq!(server.lookup("a.test").await.unwrap(), [IpAddr::from([192, 0, 2, 8])]);
}

#[tokio::test]
async fn a_silent_name_server_does_not_outlast_the_deadline() {
    let server = NameServer::start(Answer::Nothing).await;
    let name: HostName = "a.test".parse().unwrap();
    let short = Deadline::after(Duration::from_millis(50));
    assert!(short.bound(server.network.lookup(&name)).await.is_err());
    // The next look-up is made, too.
    assert!(server.network.lookup(&"localhost".parse().unwrap()).await.is_ok());
}

#[test]
fn one_network_serves_several_runtimes() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second, servers) = (runtime(), runtime(), runtime());
    let server = servers.block_on(NameServer::start(Answer::Address([192, 0, 2, 9])));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let driver = std::thread::spawn(move || servers.block_on(stopped));

    assert!(first.block_on(server.lookup("a.test")).is_ok());
    // From now on nothing drives the first runtime.
    assert_eq!(second.block_on(server.lookup("b.test")).unwrap(), [IpAddr::from([192, 0, 2, 9])]);
    drop(stop);
    assert!(driver.join().unwrap().is_err());
}

/// How the name server of a test responds to every query.
#[derive(Clone, Copy)]
enum Answer {
    Address([u8; 4]),
    Code(u8),
    OverTcp([u8; 4]),
    Nothing,
}

/// A name server on the loopback interface, and a network that asks only this one.
struct NameServer {
    network: SystemNetwork,
    seen: tokio::sync::mpsc::UnboundedReceiver<()>,
}

impl NameServer {
    async fn start(answer: Answer) -> Self {
        let (udp, tcp) = Self::sockets().await;
        let address: SocketAddr = udp.local_addr().unwrap();
        let (count, seen) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut query).await {
                let _ = count.send(());
                if let Some(reply) = reply_to(&query[..length], answer, false) {
                    let _ = udp.send_to(&reply, from).await;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _from)) = tcp.accept().await {
                tokio::spawn(serve_over_tcp(stream, answer));
            }
        });
        Self { network: SystemNetwork::with_name_servers(vec![address]), seen }
    }

    /// Two sockets on one port: a port that is free for one protocol may be taken for the other.
    async fn sockets() -> (UdpSocket, TcpListener) {
        for _ in 0..100 {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                return (udp, tcp);
            }
        }
        panic!("no port is free for both protocols");
    }

    async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let name: HostName = name.parse().unwrap();
        long().bound(self.network.lookup(&name)).await.expect("an answer within the deadline")
    }

    fn queries(&mut self) -> usize {
        std::iter::from_fn(|| self.seen.try_recv().ok()).count()
    }
}

/// Each message has its length before it (RFC 1035 section 4.2.2).
async fn serve_over_tcp(mut stream: TcpStream, answer: Answer) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let Some(reply) = reply_to(&query, answer, true) else { break };
        stream.write_u16(reply.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&reply).await.unwrap();
    }
}

/// A reply in the format of RFC 1035 section 4.1: the header and the question of the query, and at most one record.
fn reply_to(query: &[u8], answer: Answer, over_tcp: bool) -> Option<Vec<u8>> {
    const TYPE_A: [u8; 2] = [0, 1];
    let question_end = 12 + query[12..].iter().position(|&byte| byte == 0)? + 5;
    let question_type = [query[question_end - 4], query[question_end - 3]];
    let (truncated, code, address) = match answer {
        Answer::Address(address) => (0, 0, Some(address)),
        Answer::OverTcp(address) if over_tcp => (0, 0, Some(address)),
        Answer::OverTcp(_) => (2, 0, None),
        Answer::Code(code) => (0, code, None),
        Answer::Nothing => return None,
    };
    let address = address.filter(|_| question_type == TYPE_A);
    let mut reply = query[..question_end].to_vec();
    reply[2] = 0x81 | truncated;
    reply[3] = 0x80 | code;
    reply[4..12].copy_from_slice(&[0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    if let Some(address) = address {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address);
    }
    Some(reply)
}
