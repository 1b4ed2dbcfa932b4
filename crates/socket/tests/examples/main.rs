//! The examples against other programs: socat, ncat and Python's socket module; our servers with their clients, and our
//! clients with their servers. A test whose tool is absent fails in CI, and is skipped elsewhere.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "many clients that send nothing")]

mod processes;
mod tls_servers;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use longhaul_socket::{Endpoint, clock};
use socket2::{Domain, Socket, Type};

use crate::processes::{Process, free_port, installed, run, until_taken};

const TEXT: &str = "as it was sent";
const SERVERS: [&str; 3] = ["echo_server_async", "echo_server_blocking", "echo_server_nonblocking"];
const CLIENTS: [&str; 3] = ["echo_client_async", "echo_client_blocking", "echo_client_nonblocking"];

const PYTHON_CLIENT: &str = "
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)
s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
while chunk := s.recv(4096): sys.stdout.buffer.write(chunk)
";
const PYTHON_SERVER: &str = "
import socket, sys
l = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    c, _ = l.accept()
    c.settimeout(20)
    while chunk := c.recv(4096): c.sendall(chunk)
    c.close()
";
const PYTHON_UDP_CLIENT: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
s.sendto(sys.stdin.buffer.read(), ('127.0.0.1', int(sys.argv[1])))
sys.stdout.buffer.write(s.recvfrom(65535)[0])
";
const PYTHON_UDP_SERVER: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', int(sys.argv[1])))
while True:
    data, peer = s.recvfrom(65535); s.sendto(data, peer)
";

/// Other clients: each is a command that sends its input and prints the response.
fn their_clients(port: u16) -> Vec<(&'static str, Vec<String>)> {
    let port = port.to_string();
    vec![
        ("socat", vec!["-t10".into(), "-".into(), format!("TCP:127.0.0.1:{port}")]),
        ("ncat", vec!["127.0.0.1".into(), port.clone()]),
        ("python3", vec!["-c".into(), PYTHON_CLIENT.into(), port]),
    ]
}

/// Other echo servers.
fn their_servers(port: u16) -> Vec<(&'static str, Vec<String>)> {
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    vec![
        ("socat", words(format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork PIPE"))),
        ("ncat", words(format!("-l -k 127.0.0.1 {port} -e /bin/cat"))),
        ("python3", vec!["-c".into(), PYTHON_SERVER.into(), port.to_string()]),
    ]
}

fn our_server(example: &str) -> (Process, Endpoint) {
    let mut server = Process::example(example, &["tcp://127.0.0.1:0"]);
    let endpoint = server.line().strip_prefix("listening on ").unwrap().parse().unwrap();
    (server, endpoint)
}

#[test]
fn our_echo_servers_serve_other_clients() {
    for server in SERVERS {
        let (_server, endpoint) = our_server(server);
        for (client, arguments) in their_clients(endpoint.port()) {
            if installed(client) {
                assert_eq!(run(Process::start(client, &arguments), TEXT), TEXT, "{server} and {client}");
            }
        }
    }
}

#[test]
fn our_echo_clients_use_other_servers() {
    for (index, (server, _)) in their_servers(0).into_iter().enumerate() {
        if !installed(server) {
            continue;
        }
        let port = free_port();
        let (server, arguments) = their_servers(port).swap_remove(index);
        let _server = Process::start(server, &arguments);
        until_taken(port);
        for client in CLIENTS {
            let endpoint = format!("tcp://127.0.0.1:{port}");
            let answer = run(Process::example(client, &[&endpoint, TEXT]), "");
            assert_eq!(answer.trim_end(), TEXT, "{client} and {server}");
        }
    }
}

#[test]
fn our_echo_clients_use_our_servers() {
    for server in SERVERS {
        let (_server, endpoint) = our_server(server);
        let long = "x".repeat(100_000);
        for client in CLIENTS {
            let answer = run(Process::example(client, &[&endpoint.to_string(), &long]), "");
            assert_eq!(answer.trim_end(), long, "{client} and {server}");
        }
    }
}

#[test]
fn a_client_reports_phase_endpoint_and_time_of_a_failure() {
    // Bound, so that no other process gets the port, and not listening.
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    held.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = held.local_addr().expect("it is bound").as_socket().expect("an IP address");
    let endpoint = format!("tcp://{address}");
    for client in CLIENTS {
        let (code, error) = Process::example(client, &[&endpoint]).failure();
        assert_eq!(code, Some(1));
        assert!(error.contains("phase: Connect, kind: Refused, elapsed: "), "{error}");
    }
}

#[test]
fn our_datagram_server_serves_other_clients() {
    let mut server = Process::example("udp_server", &["udp://127.0.0.1:0"]);
    let endpoint: Endpoint = server.line().strip_prefix("listening on ").unwrap().parse().unwrap();
    let port = endpoint.port().to_string();
    let clients = [
        ("socat", vec!["-t2".into(), "-".into(), format!("UDP:127.0.0.1:{port}")]),
        ("python3", vec!["-c".into(), PYTHON_UDP_CLIENT.into(), port.clone()]),
    ];
    for (client, arguments) in clients {
        if installed(client) {
            assert_eq!(run(Process::start(client, &arguments), TEXT), TEXT, "{client}");
        }
    }
    // At the end of its input ncat ends without waiting for a response, so the input must stay open.
    if installed("ncat") {
        let mut client = Process::start("ncat", &["-u".into(), "127.0.0.1".into(), port]);
        client.say(TEXT);
        assert_eq!(client.line(), TEXT);
    }
    let ours = run(Process::example("udp_client", &[&endpoint.to_string(), TEXT]), "");
    assert_eq!(ours.trim_end(), TEXT);
}

type Arguments = fn(u16) -> Vec<String>;

#[test]
fn our_datagram_client_uses_other_servers() {
    let servers: [(&str, Arguments); 3] = [
        ("socat", |port| vec![format!("UDP-LISTEN:{port},bind=127.0.0.1,fork"), "PIPE".into()]),
        ("ncat", |port| {
            ["-u", "-l", "127.0.0.1", &port.to_string(), "-e", "/bin/cat"].map(str::to_owned).into()
        }),
        ("python3", |port| vec!["-c".into(), PYTHON_UDP_SERVER.into(), port.to_string()]),
    ];
    for (server, arguments) in servers {
        if !installed(server) {
            continue;
        }
        let port = free_port();
        let _server = Process::start(server, &arguments(port));
        // From outside it is unknown whether a datagram socket is bound yet.
        let start = clock::now();
        let answer = loop {
            let endpoint = format!("udp://127.0.0.1:{port}");
            let answer = run(Process::example("udp_client", &[&endpoint, TEXT]), "");
            if !answer.is_empty() || start.elapsed() > Duration::from_secs(20) {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(answer.trim_end(), TEXT, "{server}");
    }
}

#[test]
fn many_services_run_in_one_process() {
    let mut services = Process::example("many_services", &["127.0.0.1"]);
    let line = services.line();
    let endpoints: Vec<Endpoint> =
        line.split(' ').map(|service| service.split_once('=').unwrap().1.parse().unwrap()).collect();
    let expected: [fn(&str) -> bool; 3] =
        [|answer| answer == TEXT, str::is_empty, |answer| answer.ends_with("s since 1970\r\n")];
    for (endpoint, is_expected) in endpoints.iter().zip(expected) {
        for (client, arguments) in their_clients(endpoint.port()) {
            if installed(client) {
                let answer = run(Process::start(client, &arguments), TEXT);
                assert!(is_expected(&answer), "{client} at {endpoint} got {answer:?}");
            }
        }
    }
    let ours = run(Process::example("udp_client", &[&endpoints[3].to_string(), TEXT]), "");
    assert_eq!(ours.trim_end(), TEXT);
}

/// With too few descriptors for all clients, the servers pause between their attempts, and serve later clients.
#[test]
fn servers_survive_running_out_of_descriptors() {
    /// Enough for a few clients beside the listeners, the runtime, and the descriptors that the shell has inherited.
    const DESCRIPTORS: u32 = 32;
    for example in
        ["echo_server_async", "echo_server_blocking", "echo_server_nonblocking", "chat", "many_services"]
    {
        let argument = if example == "many_services" { "127.0.0.1" } else { "tcp://127.0.0.1:0" };
        let mut server = Process::limited_example(example, &[argument], DESCRIPTORS);
        let line = server.line();
        let place = line.split_once("tcp://").unwrap().1.split(' ').next().unwrap().to_owned();
        let crowd: Vec<TcpStream> = (0..DESCRIPTORS).map(|_| TcpStream::connect(&place).unwrap()).collect();
        // One attempt every 50 ms; without a pause there are thousands.
        let complaints = server.complaints(Duration::from_millis(300));
        assert!(complaints < 50, "{example} prints {complaints} lines to standard error");
        drop(crowd);
        let mut later = TcpStream::connect(&place).unwrap();
        later.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        later.write_all(b"later\n").unwrap();
        let answered = later.read(&mut [0; 16]);
        assert!(answered.as_ref().is_ok_and(|count| *count > 0), "{example}: {answered:?}");
    }
}

#[test]
fn a_chat_carries_lines_from_one_tool_to_another() {
    let (_server, endpoint) = our_server("chat");
    let there = (endpoint.ip().to_string(), endpoint.port().to_string());
    let mut guests = Vec::new();
    for tool in ["socat", "ncat"] {
        let arguments = match tool {
            "socat" => vec!["-".into(), format!("TCP:{}:{}", there.0, there.1)],
            _ => vec![there.0.clone(), there.1.clone()],
        };
        if installed(tool) {
            let mut guest = Process::start(tool, &arguments);
            assert_eq!(guest.line(), format!("you are {}", guests.len() + 1));
            guests.push(guest);
        }
    }
    let [first, second] = guests.as_mut_slice() else { return };
    assert_eq!(first.line(), "2 has come");
    second.say("good evening");
    assert_eq!(first.line(), "2: good evening");
    first.say("likewise");
    assert_eq!(second.line(), "1: likewise");
}
