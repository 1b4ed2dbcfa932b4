//! The waits of the async flavour.

use std::sync::Arc;

use longhaul_socket::{
    ConnectTimeouts, Connector, FaultKind, Phase, SocketOptions, Stream, SystemNetwork, TcpListener,
    TlsAcceptor, TlsOptions, UdpSocket,
};

use crate::{TIMEOUT, Watch, any, identity, localhost, set_short_default, soon};

async fn pair() -> (Stream, Stream) {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let client = Stream::connect(listener.local()).await.unwrap();
    (client, listener.accept().await.unwrap())
}

#[tokio::test]
async fn resolving() {
    set_short_default();
    let silent = UdpSocket::bind(any("udp")).unwrap();
    let network = SystemNetwork::with_name_servers(vec![silent.local().socket_addr()]);
    let connector = Connector::new(Arc::new(network), TlsOptions::empty());
    let mut target = localhost(80);
    target.host = "a.test".parse().unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Resolve, TIMEOUT, connector.connect(&target, &ConnectTimeouts::default()).await);
    let watch = Watch::start();
    let outcome = connector.resolver().resolve(&"b.test".parse().unwrap(), soon()).await;
    watch.ended(Phase::Resolve, TIMEOUT / 2, outcome);
}

#[tokio::test]
async fn connecting() {
    set_short_default();
    let listener = TcpListener::bind_with(any("tcp"), &SocketOptions::default(), 0).unwrap();
    // Nothing accepts, so the backlog fills, and then the system does not respond.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        match Stream::connect_within(listener.local(), soon()).await {
            Ok(stream) => waiting.push(stream),
            Err(_) => break,
        }
    }
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT, Stream::connect(listener.local()).await);
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT / 2, Stream::connect_within(listener.local(), soon()).await);
}

#[tokio::test]
async fn connecting_to_a_path() {
    use longhaul_socket::{UnixListener, UnixPath};
    set_short_default();
    let file = std::env::temp_dir().join(format!("longhaul-full-{}", std::process::id()));
    let path = UnixPath::new(file.clone()).unwrap();
    let listener = UnixListener::bind_with(path.clone(), &SocketOptions::system(), 0).unwrap();
    let _first = Stream::connect(path.clone()).await.unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT, Stream::connect(path.clone()).await);
    let _accepted = listener.accept().await.unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT, listener.accept().await);
    rustix::fs::unlink(&file).unwrap();
}

#[tokio::test]
async fn accepting() {
    set_short_default();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT, listener.accept().await);
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT / 2, listener.accept_within(soon()).await);
}

#[tokio::test]
async fn handshake_with_a_silent_server() {
    set_short_default();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let (_, trust) = identity();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = localhost(listener.local().port()).with_tls();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT, connector.connect(&target, &ConnectTimeouts::default()).await);
    let stream = Stream::connect(listener.local()).await.unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT / 2, connector.start_tls(stream, &target, soon()).await);
}

#[tokio::test]
async fn handshake_with_a_silent_client() {
    set_short_default();
    let acceptor = TlsAcceptor::new(identity().0).unwrap();
    let (_client, server) = pair().await;
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT, acceptor.accept(server).await);
    let (_client, server) = pair().await;
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT / 2, acceptor.accept_within(server, soon()).await);
}

#[tokio::test]
async fn receiving() {
    set_short_default();
    let (mut client, _server) = pair().await;
    let mut buffer = [0; 4];
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, client.receive(&mut buffer).await);
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT / 2, client.receive_within(&mut buffer, soon()).await);
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, client.receive_exact(&mut buffer).await);
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, client.readable().await);
}

#[tokio::test]
async fn sending() {
    set_short_default();
    let (mut client, _server) = pair().await;
    let more_than_any_buffer = vec![0; 64 << 20];
    let watch = Watch::start();
    watch.ended(Phase::Send, TIMEOUT, client.send(&more_than_any_buffer).await);
    let watch = Watch::start();
    watch.ended(Phase::Send, TIMEOUT / 2, client.send_within(&more_than_any_buffer, soon()).await);
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, client.writable().await);
}

#[tokio::test]
async fn receiving_datagrams() {
    set_short_default();
    let mut socket = UdpSocket::bind(any("udp")).unwrap();
    let mut buffer = [0; 4];
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, socket.receive_from(&mut buffer).await);
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT / 2, socket.receive_from_within(&mut buffer, soon()).await);
    socket.connect(socket.local()).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, socket.receive(&mut buffer).await);
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, socket.readable().await);
}

#[tokio::test]
async fn shutting_down() {
    set_short_default();
    let (server, trust) = identity();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let acceptor = TlsAcceptor::new(server).unwrap();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = localhost(listener.local().port()).with_tls();
    let timeouts = ConnectTimeouts { connect: TIMEOUT * 50, tls: TIMEOUT * 50 };
    let (client, server) = tokio::join!(connector.connect(&target, &timeouts), async {
        let server = listener.accept().await.unwrap();
        acceptor.accept_within(server, longhaul_socket::Deadline::after(timeouts.tls)).await
    });
    let (mut client, _never_reads) = (client.unwrap(), server.unwrap());
    let piece = vec![0; 1 << 16];
    let full = client.send_within(&vec![0; 64 << 20], soon()).await.unwrap_err();
    assert_eq!(full.kind(), FaultKind::TimedOut);
    let refusal = (0..1000).find_map(|_| client.try_send(&piece).err()).unwrap();
    assert_eq!(refusal.kind(), FaultKind::WouldBlock);
    let watch = Watch::start();
    watch.ended(Phase::Shutdown, TIMEOUT, client.shutdown_write().await);
    let watch = Watch::start();
    watch.ended(Phase::Shutdown, TIMEOUT / 2, client.shutdown_write_within(soon()).await);
}
