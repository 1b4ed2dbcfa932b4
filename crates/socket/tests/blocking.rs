//! The blocking flavour on the loopback interface: servers and clients, without waiting and under deadlines.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "tests remove the files of their Unix-domain sockets")]

use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use longhaul_socket::blocking::{
    Connector, Interest, MonitoredStream, Stream, TcpListener, TlsAcceptor, UdpSocket, UnixListener,
    wait_ready,
};
use longhaul_socket::{
    Address, CertificateFault, ConnectTimeouts, Deadline, Dscp, Endpoint, FaultKind, Group, KeepAlive,
    Linger, MinimumSpeed, Phase, SocketOptions, SystemNetwork, Target, Timeouts, TlsOptions,
    TlsServerOptions, UnixPath,
};

fn any(protocol: &str) -> Endpoint {
    format!("{protocol}://127.0.0.1:0").parse().unwrap()
}

fn pair() -> (Stream, Stream) {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let client = Stream::connect(listener.local()).unwrap();
    (client, listener.accept().unwrap())
}

#[test]
fn each_direction_of_a_stream_is_closed_on_its_own() {
    let (mut client, mut server) = pair();
    assert_eq!((client.local(), client.remote()), (server.remote(), server.local()));
    client.send(b"question").unwrap();
    client.shutdown_write().unwrap();
    let mut question = [0; 8];
    server.receive_exact(&mut question).unwrap();
    assert_eq!(&question, b"question");
    assert_eq!(server.receive(&mut question).unwrap(), 0);
    server.send(b"answer").unwrap();
    server.close().unwrap();
    let fault = client.receive_exact(&mut [0; 7]).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::ClosedEarly));
}

#[test]
fn try_calls_do_not_wait() {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let fault = listener.try_accept().unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Accept, FaultKind::WouldBlock));
    let mut client = Stream::connect(listener.local()).unwrap();
    let mut server = listener.try_accept().unwrap();
    let fault = server.try_receive(&mut [0; 4]).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::WouldBlock));
    assert_eq!(fault.address(), Some(&server.remote()));

    client.send(b"ping").unwrap();
    server.readable().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(server.try_receive(&mut buffer).unwrap(), 4);

    server.writable().unwrap();
    let piece = vec![0; 1 << 20];
    let refusal = (0..1000).find_map(|_| server.try_send(&piece).err()).unwrap();
    assert_eq!((refusal.phase(), refusal.kind()), (Phase::Send, FaultKind::WouldBlock));

    let udp = UdpSocket::bind(any("udp")).unwrap();
    assert_eq!(udp.try_receive_from(&mut buffer).unwrap_err().kind(), FaultKind::WouldBlock);
}

#[test]
fn datagrams_in_connected_and_unconnected_mode() {
    let server = UdpSocket::bind(any("udp")).unwrap();
    let mut client = UdpSocket::bind(any("udp")).unwrap();
    client.connect(server.local()).unwrap();
    client.send(b"one").unwrap();
    let mut buffer = [0; 64];
    let (length, from) = server.receive_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (b"one".as_slice(), client.local()));
    server.send_to(b"two", from).unwrap();
    assert_eq!(client.receive(&mut buffer).unwrap(), 3);

    // The peer is gone, and the system reports it to a connected socket.
    drop(server);
    client.send(b"three").unwrap();
    let fault = client.receive(&mut buffer).unwrap_err();
    assert_eq!((fault.kind(), fault.endpoint()), (FaultKind::Refused, client.remote()));
}

#[test]
fn options_are_set_before_connecting_and_can_be_read_back() {
    let asked = SocketOptions {
        no_delay: Some(false),
        keep_alive: Some(KeepAlive::On {
            idle: Duration::from_secs(70),
            interval: Duration::from_secs(7),
            probes: 4,
        }),
        send_buffer_bytes: Some(65_536),
        receive_buffer_bytes: Some(32_768),
        linger: Some(Linger::Wait(Duration::from_secs(1))),
        dscp: Dscp::new(10),
        ..SocketOptions::default()
    };
    let listener = TcpListener::bind_with(any("tcp"), &asked, 16).unwrap();
    assert_eq!(listener.options().reuse_address, Some(true));
    let deadline = Deadline::after(Duration::from_secs(20));
    let client = Stream::connect_with(listener.local(), &asked, deadline).unwrap();
    let found = client.options().unwrap();
    assert_eq!(
        (found.no_delay, found.keep_alive, found.linger, found.dscp),
        (asked.no_delay, asked.keep_alive, asked.linger, asked.dscp)
    );
    assert!(found.send_buffer_bytes >= asked.send_buffer_bytes);
    assert!(found.receive_buffer_bytes >= asked.receive_buffer_bytes);
    #[cfg(target_os = "linux")]
    assert_eq!(found.user_timeout, Some(Duration::from_secs(30)));

    let quick = SocketOptions { no_delay: Some(true), ..SocketOptions::system() };
    client.set_options(&quick).unwrap();
    assert_eq!(client.options().unwrap().no_delay, Some(true));
    assert_eq!(client.options().unwrap().keep_alive, asked.keep_alive);
}

#[test]
fn an_endpoint_of_the_other_protocol_is_misuse() {
    let fault = TcpListener::bind(any("udp")).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Bind, FaultKind::Misuse));
    let fault = UdpSocket::bind(any("tcp")).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Bind, FaultKind::Misuse));
    let fault = Stream::connect(any("udp")).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Connect, FaultKind::Misuse));
    let mut socket = UdpSocket::bind(any("udp")).unwrap();
    let fault = socket.send_to(b"x", any("tcp")).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Send, FaultKind::Misuse));
    assert_eq!(socket.connect(any("tcp")).unwrap_err().kind(), FaultKind::Misuse);
}

#[test]
fn sending_after_our_own_shutdown_is_not_blamed_on_the_peer() {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let mut client = Stream::connect(listener.local()).unwrap();
    let mut server = listener.accept().unwrap();
    client.shutdown_write().unwrap();
    for fault in [client.send(b"more").unwrap_err(), client.try_send(b"more").unwrap_err()] {
        assert_eq!((fault.phase(), fault.kind()), (Phase::Send, FaultKind::Reset));
        assert!(
            fault.advice().meaning.starts_with("this side has ended its direction"),
            "{}",
            fault.advice()
        );
    }
    server.send(b"still open").unwrap();
    client.receive_exact(&mut [0; 10]).unwrap();
}

#[test]
fn try_calls_of_a_connected_datagram_socket_do_not_wait() {
    let mut client = UdpSocket::bind(any("udp")).unwrap();
    let mut server = UdpSocket::bind(any("udp")).unwrap();
    assert_eq!(client.try_send(b"without a peer").unwrap_err().kind(), FaultKind::Misuse);
    client.connect(server.local()).unwrap();
    server.connect(client.local()).unwrap();
    let soon = || Deadline::after(Duration::from_millis(20));
    let mut buffer = [0; 16];
    assert_eq!(client.try_receive(&mut buffer).unwrap_err().kind(), FaultKind::WouldBlock);
    assert_eq!(client.readable_within(soon()).unwrap_err().kind(), FaultKind::TimedOut);
    client.writable_within(soon()).unwrap();
    client.try_send(b"hello").unwrap();
    server.readable().unwrap();
    assert_eq!(server.try_receive(&mut buffer).unwrap(), 5);

    let listener = TcpListener::bind(any("tcp")).unwrap();
    let client = Stream::connect(listener.local()).unwrap();
    client.writable_within(soon()).unwrap();
    let fault = client.readable_within(soon()).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Wait, FaultKind::TimedOut));
}

#[test]
fn receiving_into_an_empty_buffer_does_not_wait() {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let mut client = Stream::connect(listener.local()).unwrap();
    let _silent = listener.accept().unwrap();
    client.set_timeouts(Timeouts::all(Duration::from_millis(50)));
    assert_eq!(client.receive(&mut []).unwrap(), 0);
    client.receive_exact(&mut []).unwrap();
    assert_eq!(client.try_receive(&mut []).unwrap(), 0);
    let mut client = MonitoredStream::new(client, Duration::from_millis(50), MinimumSpeed::default());
    assert_eq!(client.receive(&mut []).unwrap(), 0);
    assert_eq!(client.receive(&mut [0]).unwrap_err().kind(), FaultKind::TimedOut);
}

#[test]
fn datagram_sockets_share_an_endpoint_only_if_both_have_the_option() {
    for options in [
        SocketOptions::default(),
        SocketOptions::system(),
        SocketOptions { receive_buffer_bytes: Some(1 << 18), ..SocketOptions::default() },
    ] {
        let first = UdpSocket::bind_with(any("udp"), &options).unwrap();
        let fault = UdpSocket::bind_with(first.local(), &options).unwrap_err();
        assert_eq!((fault.kind(), fault.endpoint()), (FaultKind::AddressInUse, Some(first.local())));
    }
    let shared = SocketOptions { reuse_address: Some(true), ..SocketOptions::default() };
    let first = UdpSocket::bind_with(any("udp"), &shared).unwrap();
    assert!(UdpSocket::bind_with(first.local(), &shared).is_ok());
    assert!(UdpSocket::bind(first.local()).is_err());
}

#[test]
fn times_are_rounded_up_and_a_fault_names_the_refused_option() {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let keep_alive = |idle, interval, probes| SocketOptions {
        keep_alive: Some(KeepAlive::On { idle, interval, probes }),
        linger: Some(Linger::Wait(Duration::from_millis(300))),
        ..SocketOptions::system()
    };
    let (second, half) = (Duration::from_secs(1), Duration::from_millis(500));
    let deadline = Deadline::after(Duration::from_secs(20));
    let client = Stream::connect_with(listener.local(), &keep_alive(half, half, 1), deadline).unwrap();
    let found = client.options().unwrap();
    assert_eq!(found.keep_alive, Some(KeepAlive::On { idle: second, interval: second, probes: 1 }));
    assert_eq!(found.linger, Some(Linger::Wait(second)));

    for (options, name) in [
        (keep_alive(Duration::ZERO, second, 1), "keep_alive.idle"),
        (keep_alive(second, Duration::ZERO, 1), "keep_alive.interval"),
        (keep_alive(second, second, 0), "keep_alive.probes"),
    ] {
        let fault = client.set_options(&options).unwrap_err();
        let text = std::error::Error::source(&fault).unwrap().to_string();
        assert_eq!((fault.kind(), text.contains(name)), (FaultKind::Misuse, true), "{text}");
    }
}

#[test]
fn listeners_share_a_port_only_if_both_have_the_option() {
    let shared = SocketOptions { reuse_port: Some(true), ..SocketOptions::default() };
    let first = TcpListener::bind_with(any("tcp"), &shared, 1).unwrap();
    assert!(TcpListener::bind_with(first.local(), &shared, 1).is_ok());
    let fault = TcpListener::bind(first.local()).unwrap_err();
    assert_eq!((fault.kind(), fault.endpoint()), (FaultKind::AddressInUse, Some(first.local())));
    assert!(matches!(fault.phase(), Phase::Bind | Phase::Listen));
}

#[test]
fn a_member_receives_what_is_sent_to_its_multicast_group() {
    let group = Group::V4([239, 77, 7, 1].into(), [127, 0, 0, 1].into());
    let listener = UdpSocket::bind("udp://0.0.0.0:0".parse().unwrap()).unwrap();
    listener.join_multicast(group).unwrap();
    let speaker = UdpSocket::bind(any("udp")).unwrap();
    speaker.set_multicast_interface(group).unwrap();
    speaker.set_multicast_loop(true).unwrap();
    speaker.set_multicast_hops(0).unwrap();
    let there = format!("udp://239.77.7.1:{}", listener.local().port()).parse().unwrap();
    speaker.send_to(b"all", there).unwrap();
    let (length, from) = listener.receive_from(&mut [0; 16]).unwrap();
    assert_eq!((length, from), (3, speaker.local()));
    listener.leave_multicast(group).unwrap();
}

#[test]
fn broadcasts_are_denied_without_the_option() {
    let socket = UdpSocket::bind(any("udp")).unwrap();
    let everybody = "udp://127.255.255.255:9".parse().unwrap();
    assert_eq!(socket.send_to(b"x", everybody).unwrap_err().kind(), FaultKind::Denied);
    socket.set_broadcast(true).unwrap();
    socket.send_to(b"x", everybody).unwrap();
}

#[test]
fn unix_domain_streams_have_the_same_calls() {
    let folder = std::env::temp_dir().join(format!("longhaul-unix-blocking-{}", std::process::id()));
    let _ = std::fs::remove_file(&folder);
    let path = UnixPath::new(folder.clone()).unwrap();
    let listener = UnixListener::bind(path.clone()).unwrap();
    assert_eq!(listener.try_accept().unwrap_err().kind(), FaultKind::WouldBlock);
    let mut client = Stream::connect(path.clone()).unwrap();
    let mut server = listener.accept().unwrap();
    assert_eq!(server.remote(), Address::Unix(path.clone()));
    client.send(b"hello").unwrap();
    client.shutdown_write().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(server.receive(&mut buffer).unwrap(), 5);
    assert_eq!(server.receive(&mut buffer).unwrap(), 0);
    assert_eq!(UnixListener::bind(path).unwrap_err().phase(), Phase::Bind);
    std::fs::remove_file(&folder).unwrap();
}

#[test]
fn total_and_idle_timeouts_end_calls() {
    let (mut client, mut server) = pair();
    let short = Duration::from_millis(100);
    client.set_timeouts(Timeouts { idle: Some(short), ..Timeouts::default() });
    assert_eq!(client.receive(&mut [0; 1]).unwrap_err().kind(), FaultKind::TimedOut);
    server.set_timeouts(Timeouts { total: Some(short), ..Timeouts::default() });
    let far = Deadline::after(Duration::from_mins(10));
    assert_eq!(server.receive_within(&mut [0; 1], far).unwrap_err().kind(), FaultKind::TimedOut);
}

#[test]
fn wait_ready_returns_the_ready_ones_of_several_sockets() {
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let udp = UdpSocket::bind(any("udp")).unwrap();
    let mut client = Stream::connect(listener.local()).unwrap();
    let soon = || Deadline::after(Duration::from_secs(20));
    let ready = wait_ready(&[(&udp, Interest::Readable), (&listener, Interest::Readable)], soon()).unwrap();
    assert_eq!((ready.len(), ready[0].index, ready[0].readable, ready[0].writable), (1, 1, true, false));

    let server = listener.accept().unwrap();
    client.send(b"x").unwrap();
    udp.send_to(b"x", udp.local()).unwrap();
    let sockets = [
        (&udp as _, Interest::Readable),
        (&server as _, Interest::Both),
        (&listener as _, Interest::Readable),
    ];
    server.readable().unwrap();
    let ready = wait_ready(&sockets, soon()).unwrap();
    assert_eq!(ready.iter().map(|ready| ready.index).collect::<Vec<_>>(), [0, 1]);
    assert!(ready[1].readable && ready[1].writable);
}

/// A server for `localhost`, and a client that trusts it.
fn identity() -> (TlsServerOptions, TlsOptions) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let chain = vec![made.cert.der().to_vec()];
    let server = TlsServerOptions::from_der(chain, made.signing_key.serialize_der()).unwrap();
    (server.offering(&[b"echo"]), TlsOptions::empty().with_roots_pem(made.cert.pem().as_bytes()).unwrap())
}

#[test]
fn tls_on_both_sides() {
    let (server, trust) = identity();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let acceptor = TlsAcceptor::new(server).unwrap();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = Target::new("localhost".parse().unwrap(), listener.local().port());
    let target = target.with_tls().offering(&[b"echo"]);
    let sent = vec![7; 300_000];
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = acceptor.accept(listener.accept().unwrap()).unwrap();
            let mut received = vec![0; sent.len()];
            server.receive_exact(&mut received).unwrap();
            assert_eq!(server.receive(&mut [0; 1]).unwrap(), 0);
            server.send(&received).unwrap();
            server.close().unwrap();
        });
        let mut client = connector.connect(&target, &ConnectTimeouts::default()).unwrap();
        assert_eq!(client.tls().unwrap().alpn.as_deref(), Some(b"echo".as_slice()));
        assert_eq!(client.peer_certificates().len(), 1);
        assert_eq!(client.try_receive(&mut [0; 1]).unwrap_err().kind(), FaultKind::WouldBlock);
        client.send(&sent).unwrap();
        client.shutdown_write().unwrap();
        client.readable().unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received, sent);
    });
}

#[test]
fn a_certificate_from_an_unknown_issuer_is_refused() {
    let (server, _) = identity();
    let (_, trust) = identity();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let acceptor = TlsAcceptor::new(server).unwrap();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = Target::new("localhost".parse().unwrap(), listener.local().port()).with_tls();
    thread::scope(|scope| {
        let server = scope.spawn(|| acceptor.accept(listener.accept().unwrap()));
        let fault = connector.connect(&target, &ConnectTimeouts::default()).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Certificate(CertificateFault::UnknownIssuer));
        assert_eq!(fault.host(), Some(&target.host));
        assert_eq!(server.join().unwrap().unwrap_err().phase(), Phase::Tls);
    });
}

#[test]
fn an_end_without_close_notify_is_closed_early() {
    let (server, trust) = identity();
    let listener = TcpListener::bind(any("tcp")).unwrap();
    let acceptor = TlsAcceptor::new(server).unwrap();
    let connector = Connector::new(Arc::new(SystemNetwork::new()), trust);
    let target = Target::new("localhost".parse().unwrap(), listener.local().port()).with_tls();
    thread::scope(|scope| {
        scope.spawn(|| drop(acceptor.accept(listener.accept().unwrap()).unwrap()));
        let mut client = connector.connect(&target, &ConnectTimeouts::default()).unwrap();
        let fault = client.receive(&mut [0; 16]).unwrap_err();
        assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::ClosedEarly));
    });
}

#[test]
fn a_port_without_a_listener_refuses() {
    let free = TcpListener::bind(any("tcp")).unwrap().local();
    let fault = Stream::connect(free).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Connect, FaultKind::Refused));
    assert_eq!(fault.endpoint(), Some(free));
}

#[test]
fn a_reset_is_reported_as_reset() {
    let (mut client, server) = pair();
    server.reset();
    assert_eq!(client.receive(&mut [0; 1]).unwrap_err().kind(), FaultKind::Reset);
}

#[test]
fn a_stream_that_sends_a_byte_now_and_then_is_too_slow() {
    let (mut client, server) = pair();
    let speed = MinimumSpeed { bytes_per_second: 1_000, window: Duration::from_millis(100) };
    let mut watched = MonitoredStream::new(server, Duration::from_secs(20), speed);
    client.send(b"a few bytes").unwrap();
    let mut buffer = [0; 64];
    assert_eq!(watched.receive(&mut buffer).unwrap(), 11);
    let fault = watched.receive(&mut buffer).unwrap_err();
    assert_eq!((fault.kind(), fault.address()), (FaultKind::TooSlow, Some(&client.local())));
}

#[cfg(target_os = "linux")]
#[test]
fn a_datagram_longer_than_the_buffer_is_too_long() {
    let socket = UdpSocket::bind(any("udp")).unwrap();
    socket.send_to(b"twelve bytes", socket.local()).unwrap();
    socket.send_to(b"fits", socket.local()).unwrap();
    let mut buffer = [0; 4];
    let fault = socket.receive_from(&mut buffer).unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::TooLong));
    assert_eq!(socket.receive_from(&mut buffer).unwrap().0, 4);
}

#[cfg(target_os = "linux")]
#[test]
fn device_and_family_options_can_be_read_back() {
    let asked = SocketOptions {
        bind_device: Some("lo".into()),
        reuse_port: Some(true),
        user_timeout: Some(Duration::from_secs(7)),
        ..SocketOptions::default()
    };
    let listener = TcpListener::bind_with(any("tcp"), &asked, 4).unwrap();
    let found = listener.options();
    assert_eq!(
        (found.bind_device, found.reuse_port, found.user_timeout, found.v6_only),
        (asked.bind_device.clone(), asked.reuse_port, asked.user_timeout, None)
    );
    let udp =
        UdpSocket::bind_with(any("udp"), &SocketOptions { dscp: Dscp::new(46), ..asked.clone() }).unwrap();
    assert_eq!((udp.options().dscp, udp.options().no_delay), (Dscp::new(46), None));

    let nowhere = SocketOptions { bind_device: Some("longhaul-none".into()), ..SocketOptions::default() };
    assert_eq!(TcpListener::bind_with(any("tcp"), &nowhere, 4).unwrap_err().phase(), Phase::Bind);

    for v6_only in [true, false] {
        let options = SocketOptions { v6_only: Some(v6_only), ..SocketOptions::default() };
        match UdpSocket::bind_with("udp://[::]:0".parse().unwrap(), &options) {
            Ok(socket) => assert_eq!(socket.options().v6_only, Some(v6_only)),
            Err(fault) => println!("skipped: there is no IPv6 here ({fault})"),
        }
    }
}
