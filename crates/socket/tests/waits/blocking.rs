//! The waits of the blocking flavour.

use std::sync::Arc;

use longhaul_socket::blocking::{
    Connector, Interest, Stream, TcpListener, TlsAcceptor, UdpSocket, UnixListener, wait_ready,
};
use longhaul_socket::{
    ConnectTimeouts, FaultKind, Phase, SocketOptions, SystemNetwork, TlsOptions, UnixPath,
};

use crate::{TIMEOUT, Watch, any, identity, localhost, set_short_default, soon};

fn pair() -> (Stream, Stream) {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let client = Stream::connect(listener.local()).unwrap();
    (client, listener.accept().unwrap())
}

#[test]
fn resolving() {
    set_short_default();
    let silent = UdpSocket::bind(any("udp")).unwrap();
    let network = SystemNetwork::with_name_servers(vec![silent.local().socket_addr()]);
    let connector = Connector::new(Arc::new(network), TlsOptions::empty());
    let mut target = localhost(80);
    target.host = "a.test".parse().unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Resolve, TIMEOUT, connector.connect(&target, &ConnectTimeouts::default()));
    let watch = Watch::start();
    let timeouts = ConnectTimeouts { connect: TIMEOUT / 2, tls: TIMEOUT };
    watch.ended(Phase::Resolve, TIMEOUT / 2, connector.connect(&target, &timeouts));
}

#[test]
fn connecting() {
    set_short_default();
    let listener = TcpListener::bind_with(any("tcp"), &SocketOptions::default(), 0).unwrap();
    // Nothing accepts, so the backlog fills, and then the system does not respond.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        match Stream::connect_within(listener.local(), soon()) {
            Ok(stream) => waiting.push(stream),
            Err(_) => break,
        }
    }
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT, Stream::connect(listener.local()));
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT / 2, Stream::connect_within(listener.local(), soon()));
}

#[test]
fn connecting_to_a_path() {
    set_short_default();
    let file = std::env::temp_dir().join(format!("longhaul-full-blocking-{}", std::process::id()));
    let path = UnixPath::new(file.clone()).unwrap();
    let listener = UnixListener::bind_with(path.clone(), &SocketOptions::system(), 0).unwrap();
    let _first = Stream::connect(path.clone()).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Connect, TIMEOUT, Stream::connect(path.clone()));
    let _accepted = listener.accept().unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT, listener.accept());
    rustix::fs::unlink(&file).unwrap();
}

#[test]
fn accepting() {
    set_short_default();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT, listener.accept());
    let watch = Watch::start();
    watch.ended(Phase::Accept, TIMEOUT / 2, listener.accept_within(soon()));
}

#[test]
fn handshake_with_a_silent_server() {
    set_short_default();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let (_, trust) = identity();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = localhost(listener.local().port()).with_tls();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT, connector.connect(&target, &ConnectTimeouts::default()));
    let stream = Stream::connect(listener.local()).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT / 2, connector.start_tls(stream, &target, soon()));
}

#[test]
fn handshake_with_a_silent_client() {
    set_short_default();
    let acceptor = TlsAcceptor::new(identity().0).unwrap();
    let (_client, server) = pair();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT, acceptor.accept(server));
    let (_client, server) = pair();
    let watch = Watch::start();
    watch.ended(Phase::Tls, TIMEOUT / 2, acceptor.accept_within(server, soon()));
}

#[test]
fn receiving() {
    set_short_default();
    let (mut client, _server) = pair();
    let mut buffer = [0; 4];
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, client.receive(&mut buffer));
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT / 2, client.receive_within(&mut buffer, soon()));
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, client.receive_exact(&mut buffer));
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, client.readable());
}

#[test]
fn sending() {
    set_short_default();
    let (mut client, _server) = pair();
    let more_than_any_buffer = vec![0; 64 << 20];
    let watch = Watch::start();
    watch.ended(Phase::Send, TIMEOUT, client.send(&more_than_any_buffer));
    let watch = Watch::start();
    watch.ended(Phase::Send, TIMEOUT / 2, client.send_within(&more_than_any_buffer, soon()));
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, client.writable());
}

#[test]
fn receiving_datagrams() {
    set_short_default();
    let mut socket = UdpSocket::bind(any("udp")).unwrap();
    let mut buffer = [0; 4];
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, socket.receive_from(&mut buffer));
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT / 2, socket.receive_from_within(&mut buffer, soon()));
    socket.connect(socket.local()).unwrap();
    let watch = Watch::start();
    watch.ended(Phase::Receive, TIMEOUT, socket.receive(&mut buffer));
    let watch = Watch::start();
    watch.ended(Phase::Wait, TIMEOUT, socket.readable());
}

#[test]
fn shutting_down() {
    set_short_default();
    let (server, trust) = identity();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let acceptor = TlsAcceptor::new(server).unwrap();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = localhost(listener.local().port()).with_tls();
    let timeouts = ConnectTimeouts { connect: TIMEOUT * 50, tls: TIMEOUT * 50 };
    let (client, server) = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let server = listener.accept().unwrap();
            acceptor.accept_within(server, longhaul_socket::Deadline::after(timeouts.tls))
        });
        (connector.connect(&target, &timeouts), server.join().unwrap())
    });
    let (mut client, _never_reads) = (client.unwrap(), server.unwrap());
    let piece = vec![0; 1 << 16];
    let full = client.send_within(&vec![0; 64 << 20], soon()).unwrap_err();
    assert_eq!(full.kind(), FaultKind::TimedOut);
    let refusal = (0..1000).find_map(|_| client.try_send(&piece).err()).unwrap();
    assert_eq!(refusal.kind(), FaultKind::WouldBlock);
    let watch = Watch::start();
    watch.ended(Phase::Shutdown, TIMEOUT, client.shutdown_write());
    let watch = Watch::start();
    watch.ended(Phase::Shutdown, TIMEOUT / 2, client.shutdown_write_within(soon()));
}

#[test]
fn waiting_for_several_sockets() {
    set_short_default();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let socket = UdpSocket::bind(any("udp")).unwrap();
    let watch = Watch::start();
    let both = [(&listener as _, Interest::Readable), (&socket as _, Interest::Readable)];
    watch.ended(Phase::Wait, TIMEOUT / 2, wait_ready(&both, soon()));
}
