//! `connect`, `listen` and `sockets`: with each other, and with socat, ncat and Python.
#![expect(clippy::disallowed_methods, reason = "tests play the peers that the program talks to")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::tools::is_installed;
use common::{Background, TestDirectory, json_lines, respond_always, text, unused_address};
use longhaul_socket::{Endpoint, owner};

/// Bytes of every value, more than the buffers on the way hold.
fn blob(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).expect("a byte")).collect()
}

/// Serves one client on a thread: sends `answer` of everything that the client sent before it ended its direction.
fn serve_one_client(answer: impl FnOnce(Vec<u8>) -> Vec<u8> + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let thread = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        client.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        client.write_all(&answer(received)).expect("the peer accepts the bytes");
    });
    (endpoint, thread)
}

/// `listen` in the background, with its endpoint.
struct ListeningProgram {
    program: Background,
    endpoint: String,
    printed: BufReader<ChildStderr>,
    /// A thread reads it continuously: a full pipe would stop the relay.
    out: JoinHandle<Vec<u8>>,
}

impl ListeningProgram {
    fn start(place: &TestDirectory, arguments: &[&str]) -> Self {
        let mut program = place.spawn(&[&["listen"], arguments].concat());
        let mut printed = BufReader::new(program.0.stderr.take().expect("piped"));
        let mut output = program.0.stdout.take().expect("piped");
        let out = thread::spawn(move || {
            let mut out = Vec::new();
            output.read_to_end(&mut out).expect("readable");
            out
        });
        let mut line = String::new();
        printed.read_line(&mut line).expect("a line");
        let endpoint = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let endpoint = endpoint.split_whitespace().next().expect("an endpoint").to_owned();
        Self { program, endpoint, printed, out }
    }

    fn port(&self) -> &str {
        self.endpoint.rsplit_once(':').expect("a port").1
    }

    /// Waits until it ends. Returns its exit code, standard output and standard error.
    fn end(mut self) -> (Option<i32>, Vec<u8>, String) {
        let mut printed = String::new();
        self.printed.read_to_string(&mut printed).expect("readable");
        (self.program.code(), self.out.join().expect("read"), printed)
    }
}

/// Runs another program with `input` and returns its output.
fn peer(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = assert_cmd::Command::new(program);
    let output = command.args(arguments).write_stdin(input).timeout(Duration::from_secs(30)).output();
    output.expect("the program starts").stdout
}

/// A port that is free now.
fn free_port(kind: &str) -> String {
    let any = ("127.0.0.1", 0);
    let address = match kind {
        "udp" => UdpSocket::bind(any).and_then(|socket| socket.local_addr()),
        _ => TcpListener::bind(any).and_then(|listener| listener.local_addr()),
    };
    address.expect("a free port").port().to_string()
}

/// Starts another program in the background and waits until it listens.
fn listening_peer(program: &str, arguments: &[&str], endpoint: &str) -> Background {
    listening_peer_with(program, arguments, endpoint, (Stdio::null(), Stdio::null()))
}

/// As [`listening_peer`], with this standard input and output.
fn listening_peer_with(
    program: &str,
    arguments: &[&str],
    endpoint: &str,
    (input, output): (Stdio, Stdio),
) -> Background {
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(input).stdout(output).stderr(Stdio::null()).spawn();
    let mut child = Background(child.expect("a child"));
    let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
    for _ in 0..1_000 {
        let holder = owner(endpoint).expect("proc is readable");
        if holder.is_some_and(|holder| holder.processes.iter().any(|process| process.pid == child.0.id())) {
            return child;
        }
        assert!(child.0.try_wait().expect("it is a child of this process").is_none(), "{program} has ended");
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{program} does not listen at {endpoint}");
}

#[test]
fn connect_relays_both_directions_and_their_ends() {
    let (endpoint, server) = serve_one_client(|received| received.into_iter().rev().collect());
    let content = blob(3_000_000);
    let output = TestDirectory::new()
        .longhaul(&["connect", &endpoint])
        .write_stdin(content.clone())
        .output()
        .expect("the program starts");
    server.join().expect("the server thread ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.into_iter().rev().eq(content));
    assert!(text(&output.stderr).starts_with(&format!("connected to {endpoint} in ")));
}

#[test]
fn both_directions_are_relayed_at_the_same_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut other = client.try_clone().expect("a clone");
        // The echo responds while it reads: neither side may wait for the end of the other.
        std::io::copy(&mut client, &mut other).expect("an echo")
    });
    let content = blob(8_000_000);
    let output = TestDirectory::new()
        .longhaul(&["connect", "-q", &endpoint])
        .write_stdin(content.clone())
        .output()
        .expect("the program starts");
    assert_eq!(server.join().expect("the server thread ends"), 8_000_000);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout == content, "every byte comes back");
    assert!(output.stderr.is_empty());
}

#[test]
fn text_is_sent_with_its_escapes_and_dumped() {
    let (endpoint, server) = serve_one_client(|received| {
        assert_eq!(received, b"GET / HTTP/1.0\r\n\r\n");
        b"\x1b[2J".to_vec()
    });
    let arguments = ["connect", &endpoint, "--send", r"GET / HTTP/1.0\r\n\r\n", "--hex"];
    let output = TestDirectory::new().longhaul(&arguments).output().expect("the program starts");
    server.join().expect("the server thread ends");
    assert_eq!(
        text(&output.stdout),
        "> 00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|\n\
         > 00000010  0d 0a                                             |..|\n\
         < 00000000  1b 5b 32 4a                                       |.[2J|\n"
    );
}

#[test]
fn names_are_resolved() {
    let (endpoint, server) = serve_one_client(|received| received);
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    let output = TestDirectory::new()
        .longhaul(&["connect", &endpoint, "--send", "hello"])
        .output()
        .expect("the program starts");
    server.join().expect("the server thread ends");
    assert_eq!(text(&output.stdout), "hello");
    assert!(text(&output.stderr).contains(&format!("({endpoint})")));
}

#[test]
fn an_idle_standard_input_does_not_delay_the_end() {
    let address = respond_always(b"daytime\n");
    let mut child = TestDirectory::new().longhaul_with_open_input(&["connect", &format!("tcp://{address}")]);
    let mut out = String::new();
    // The peer reads something before it responds.
    child.0.stdin.as_mut().expect("piped").write_all(b"?").expect("the peer accepts the bytes");
    child.0.stdout.take().expect("piped").read_to_string(&mut out).expect("readable");
    assert_eq!((child.code(), out.as_str()), (Some(0), "daytime\n"));
}

#[test]
fn an_error_names_the_phase_the_endpoint_the_time_and_the_next_step() {
    let silent = respond_always(b"");
    let garbage = respond_always(b"what do you want?\r\n\r\n");
    let closed = unused_address();
    let table: [(&[&str], i32, &[&str]); 8] = [
        (
            &[&format!("tcp://{closed}")],
            4,
            &[
                &format!("connect to tcp://{closed} (127.0.0.1): refused after "),
                " ms: ",
                "start the service",
            ],
        ),
        (
            &[&format!("tcp://{silent}"), "--timeout", "300ms"],
            4,
            &[
                &format!("receive from tcp://{silent}: timed out after "),
                "no response arrived before the deadline",
            ],
        ),
        (
            &[&format!("tls://{silent}"), "--timeout", "300ms"],
            4,
            &[&format!("tls with tcp://{silent} (127.0.0.1): timed out after "), "longer timeout"],
        ),
        (&[&format!("tls://{garbage}")], 5, &["tls with tcp://", "peer does not speak tls", "tcp://"]),
        (
            &["unix:///nowhere/a.sock"],
            4,
            &["connect to unix:///nowhere/a.sock: unusable path", "check the path"],
        ),
        (&[&format!("udp://{closed}")], 4, &["receive from udp://", "refused after", "start the service"]),
        (&["http://127.0.0.1:80"], 2, &["expected tcp://HOST:PORT"]),
        (&["tcp://127.0.0.1:80", "--send", r"\q"], 2, &["--send <TEXT>': after a backslash"]),
    ];
    for (arguments, code, words) in table {
        let send: &[&str] = if arguments.contains(&"--send") { &[] } else { &["--send", "hello"] };
        let output = TestDirectory::new()
            .longhaul(&[&["connect"], arguments, send].concat())
            .output()
            .expect("the program starts");
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
        assert!(output.stdout.is_empty());
        for word in words {
            assert!(printed.contains(word), "{arguments:?}: {word:?} is not in {printed}");
        }
    }
}

#[test]
fn connect_relays_datagrams() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    server.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let endpoint = format!("udp://{}", server.local_addr().expect("it is bound"));
    let thread = thread::spawn(move || {
        let mut buffer = [0; 2_000];
        let (length, from) = server.recv_from(&mut buffer).expect("a datagram");
        for piece in [&buffer[..length], b" once", b" twice"] {
            server.send_to(piece, from).expect("sent");
        }
    });
    let output = TestDirectory::new()
        .longhaul(&["connect", &endpoint, "--send", "printed"])
        .output()
        .expect("the program starts");
    thread.join().expect("the server thread ends");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "printed once twice"));

    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("udp://{}", silent.local_addr().expect("it is bound"));
    let arguments = ["connect", &endpoint, "--send", "hello", "--timeout", "300ms"];
    let output = TestDirectory::new().longhaul(&arguments).output().expect("the program starts");
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{printed}");
    assert!(printed.contains(&format!("receive from {endpoint}: timed out after ")), "{printed}");
}

#[test]
fn listen_serves_one_client() {
    let place = TestDirectory::new();
    let listening = ListeningProgram::start(&place, &["tcp://127.0.0.1:0", "--send", "welcome"]);
    let output = place
        .longhaul(&["connect", &listening.endpoint])
        .write_stdin("hello")
        .output()
        .expect("the program starts");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"));
    let (code, out, printed) = listening.end();
    assert_eq!((code, text(&out).as_str()), (Some(0), "hello"), "{printed}");
    assert!(printed.starts_with("connection from tcp://127.0.0.1:"), "{printed}");
}

#[test]
fn listen_serves_one_sender_of_datagrams() {
    let place = TestDirectory::new();
    let listening = ListeningProgram::start(&place, &["udp://127.0.0.1:0", "--send", "welcome"]);
    let arguments = ["connect", &listening.endpoint, "--send", "hello"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"));
    let (code, out, printed) = listening.end();
    assert_eq!((code, text(&out).as_str()), (Some(0), "hello"), "{printed}");
}

#[test]
fn with_keep_many_clients_are_served_until_it_is_stopped() {
    let place = TestDirectory::new();
    let path = place.path("a.sock");
    let endpoint = format!("unix://{}", path.display());
    let listening = ListeningProgram::start(&place, &[&endpoint, "--keep", "--send", "welcome"]);
    let idle: Vec<_> =
        (0..5).map(|_| std::os::unix::net::UnixStream::connect(&path).expect("connected")).collect();
    for number in 0..5 {
        let arguments = ["connect", "-q", &endpoint, "--send", &format!("client {number}\n")];
        let output = place.longhaul(&arguments).output().expect("the program starts");
        assert_eq!(text(&output.stdout), "welcome", "{}", text(&output.stderr));
    }
    let output = place.longhaul(&["listen", &endpoint]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("address in use"), "{}", text(&output.stderr));

    rustix::process::kill_process(listening.program.pid(), rustix::process::Signal::TERM).expect("sent");
    let (code, out, printed) = listening.end();
    let expected = [0, 1, 2, 3, 4].map(|number| format!("client {number}\n")).concat();
    assert_eq!((code, text(&out)), (Some(0), expected), "{printed}");
    assert!(!path.exists(), "the file of the socket is removed");
    drop(idle);
}

#[test]
fn listen_times_out_without_a_client() {
    let place = TestDirectory::new();
    let arguments = ["listen", "tcp://127.0.0.1:0", "--accept-timeout", "100ms"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{printed}");
    assert!(
        printed.contains("accept on tcp://127.0.0.1:") && printed.contains(": timed out after "),
        "{printed}"
    );
}

/// The files of a certificate for localhost, whose subject contains an escape sequence, and of its key.
fn identity(place: &TestDirectory) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "\u{1b}]0;owned\u{7}");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let file = |name, text: String| place.file(name, text).to_str().expect("UTF-8").to_owned();
    (file("cert.pem", certificate.pem()), file("key.pem", key.serialize_pem()))
}

#[test]
fn a_tls_session_is_verified_and_summarised() {
    let place = TestDirectory::new();
    let (cert, key) = identity(&place);
    let tls = ["tls://127.0.0.1:0", "--cert", &cert, "--key", &key, "--keep", "--send", "welcome"];
    let listening = ListeningProgram::start(&place, &tls);
    let endpoint = format!("tls://localhost:{}", listening.port());

    let output =
        place.longhaul(&["connect", &endpoint, "--send", "hello"]).output().expect("the program starts");
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{printed}");
    assert!(printed.contains("certificate from an unknown issuer after"), "{printed}");
    assert!(
        printed.contains("no authority that this machine trusts has signed the certificate"),
        "{printed}"
    );

    let trusting = |flags: &[&str], cert: &str| {
        let mut command = place.longhaul(&[&["connect", &endpoint, "--send", "hello"], flags].concat());
        command.env("SSL_CERT_FILE", cert).output().expect("the program starts")
    };
    for (flags, checked) in [(&[] as &[&str], "checked   yes"), (&["-k"], "checked   no")] {
        let output = trusting(flags, &cert);
        let printed = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"), "{printed}");
        for line in
            ["protocol  TLSv1.3", "cipher    TLS13_", "subject   ", "issuer    ", "valid     ", checked]
        {
            assert!(printed.contains(line), "{line:?} is not in {printed}");
        }
        assert!(printed.contains("names     localhost"), "{printed}");
        assert!(
            printed.contains("owned") && !printed.contains('\u{1b}') && !printed.contains('\u{7}'),
            "{printed:?}"
        );
    }
}

#[test]
fn a_listener_with_tls_needs_a_certificate() {
    let place = TestDirectory::new();
    let output = place.longhaul(&["listen", "tls://127.0.0.1:0"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let file = place.file("a.pem", "nothing");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["listen", "tls://127.0.0.1:0", "--cert", file, "--key", file];
    assert_eq!(place.longhaul(&arguments).output().expect("the program starts").status.code(), Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn sockets_name_the_process_of_a_listener_a_connection_and_a_datagram_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("connected");
    let (_server, _) = listener.accept().expect("accepted");
    let client = client.local_addr().expect("it is bound");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let udp = udp.local_addr().map(|address| (udp, address)).expect("it is bound");
    let us = u64::from(std::process::id());
    let place = TestDirectory::new();
    let ask = |endpoint: String| {
        let output = place.longhaul(&["sockets", &endpoint, "--json"]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut lines = json_lines(&output.stdout);
        // Another test may have used the port before. Its closed connections have no process.
        lines.retain(|line| line["state"] != "time-wait");
        assert!(lines.iter().all(|line| line["processes"][0]["pid"] == us), "{lines:?}");
        let rows = lines.iter().map(|line| {
            let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            (field("local"), field("remote"), field("state"))
        });
        rows.collect::<Vec<_>>()
    };
    let row =
        |local: &str, remote: &str, state: &str| (local.to_owned(), remote.to_owned(), state.to_owned());
    let (here, there) = (format!("tcp://{address}"), format!("tcp://{client}"));
    let mut both = vec![row(&here, &there, "established"), row(&there, &here, "established")];
    both.sort();
    let mut found = ask(there.clone());
    found.sort();
    assert_eq!(found, both);
    let found = ask(here.clone());
    assert_eq!(found.len(), 3);
    assert!(found.contains(&row(&here, "-", "listening")));
    assert_eq!(ask(format!("tcp://:{}", address.port())), found);
    let at_udp = format!("udp://{}", udp.1);
    assert_eq!(ask(at_udp.clone()), [row(&at_udp, "-", "unconnected")]);

    let output = place.longhaul(&["sockets", &here]).output().expect("the program starts");
    let table = text(&output.stdout);
    assert!(table.starts_with("protocol  local "), "{table}");
    assert!(table.lines().skip(1).all(|line| line.contains(&format!(" {us} "))), "{table}");
    let all = text(&place.longhaul(&["sockets"]).output().expect("the program starts").stdout);
    assert!(all.contains(&here) && all.contains(&at_udp), "{all}");

    drop(udp);
    let output = place.longhaul(&["sockets", &at_udp]).output().expect("the program starts");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
}

/// The advice leads to the process that holds the address, also if all addresses were requested.
#[cfg(target_os = "linux")]
#[test]
fn the_endpoint_of_an_address_in_use_leads_to_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held = listener.local_addr().expect("it is bound");
    let place = TestDirectory::new();
    let output = place
        .longhaul(&["serve", &format!("echo=tcp://:{}", held.port())])
        .output()
        .expect("the program starts");
    let printed = text(&output.stderr);
    assert!(printed.contains(&format!("tcp://0.0.0.0:{}: address in use", held.port())), "{printed}");
    assert!(printed.contains("`longhaul sockets ENDPOINT`"), "{printed}");
    for asked in ["0.0.0.0", "[::]", ""] {
        let output = place.longhaul(&["sockets", &format!("tcp://{asked}:{}", held.port())]).output();
        let table = text(&output.expect("the program starts").stdout);
        assert!(table.contains(&format!("tcp://{held} ")), "{asked}: {table}");
        assert!(table.contains(&format!(" {} ", std::process::id())), "{asked}: {table}");
    }
}

/// Python: reads everything that one client sends, sends it back, and ends.
const PYTHON_SERVER: &str = "
import socket, sys
kind, place = sys.argv[1], sys.argv[2]
if kind == 'udp':
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', int(place)))
    data, peer = s.recvfrom(65535); s.sendto(data, peer)
else:
    s = socket.socket(socket.AF_INET); s.bind(('127.0.0.1', int(place))); s.listen()
    c, _ = s.accept()
    while data := c.recv(65536): c.sendall(data)
    c.close()
";

/// Python: sends standard input and prints the response.
const PYTHON_CLIENT: &str = "
import socket, sys
kind, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)
s.settimeout(20); s.connect(('127.0.0.1', port)); s.sendall(sys.stdin.buffer.read())
if kind == 'udp':
    sys.stdout.buffer.write(s.recv(65535))
else:
    s.shutdown(socket.SHUT_WR)
    while data := s.recv(65536): sys.stdout.buffer.write(data)
";

/// Connects to the echo server of another program and compares the bytes.
fn echoes(place: &TestDirectory, endpoint: &str, content: &[u8], who: &str) {
    let output = place
        .longhaul(&["connect", "-q", "-k", endpoint])
        .write_stdin(content)
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{who} at {endpoint}: {}", text(&output.stderr));
    assert!(output.stdout == content, "{who} at {endpoint}: {} bytes", output.stdout.len());
}

#[test]
fn connect_works_with_other_servers() {
    let place = TestDirectory::new();
    let (tcp, udp) = (blob(300_000), b"one datagram".to_vec());
    if is_installed("python3") {
        for (kind, content) in [("tcp", &tcp), ("udp", &udp)] {
            let port = free_port(kind);
            let endpoint = format!("{kind}://127.0.0.1:{port}");
            let _server = listening_peer("python3", &["-c", PYTHON_SERVER, kind, &port], &endpoint);
            echoes(&place, &endpoint, content, "python3");
        }
    }
    if is_installed("socat") {
        for (kind, listen, content) in [("tcp", "TCP4-LISTEN", &tcp), ("udp", "UDP4-RECVFROM", &udp)] {
            let port = free_port(kind);
            let endpoint = format!("{kind}://127.0.0.1:{port}");
            let listen = format!("{listen}:{port},bind=127.0.0.1");
            let _server = listening_peer("socat", &[&listen, "EXEC:cat"], &endpoint);
            echoes(&place, &endpoint, content, "socat");
        }
        let (cert, key) = identity(&place);
        let port = free_port("tcp");
        let listen = format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,cert={cert},key={key},verify=0");
        let _server = listening_peer("socat", &[&listen, "EXEC:cat"], &format!("tcp://127.0.0.1:{port}"));
        echoes(&place, &format!("tls://127.0.0.1:{port}"), b"over TLS", "socat");
        let path = place.path("socat.sock");
        let listen = format!("UNIX-LISTEN:{}", path.display());
        let server = Command::new("socat").args([&listen, "EXEC:cat"]).stdin(Stdio::null()).spawn();
        let _server = Background(server.expect("a child"));
        for _ in 0..1_000 {
            if path.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        echoes(&place, &format!("unix://{}", path.display()), &tcp, "socat");
    }
    if is_installed("ncat") {
        let port = free_port("tcp");
        let endpoint = format!("tcp://127.0.0.1:{port}");
        let arguments = ["-l", "127.0.0.1", &port];
        let (printed, heard) = (place.file("printed", "welcome"), place.path("heard"));
        let files = (
            std::fs::File::open(printed).expect("it exists").into(),
            std::fs::File::create(&heard).expect("a file").into(),
        );
        let mut server = listening_peer_with("ncat", &arguments, &endpoint, files);
        let output = place.longhaul(&["connect", "-q", &endpoint]).write_stdin(tcp.clone()).output();
        assert_eq!(text(&output.expect("the program starts").stdout), "welcome", "ncat");
        assert_eq!(server.code(), Some(0));
        assert!(place.read("heard") == tcp, "ncat");
    }
}

/// Connects the client of another program to `listen`, and compares what each received.
fn check_client(
    place: &TestDirectory,
    listen: &[&str],
    program: &str,
    arguments: impl Fn(&ListeningProgram) -> Vec<String>,
    content: &[u8],
) {
    let listening = ListeningProgram::start(place, &[listen, &["--send", "welcome"]].concat());
    let arguments = arguments(&listening);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let heard = peer(program, &arguments, content);
    let (code, out, printed) = listening.end();
    assert_eq!(text(&heard), "welcome", "{program} {arguments:?}: {printed}");
    assert_eq!(code, Some(0), "{program} {arguments:?}: {printed}");
    assert!(out == content, "{program} {arguments:?}: {} bytes", out.len());
}

#[test]
fn listen_works_with_other_clients() {
    let place = TestDirectory::new();
    let (tcp, udp) = (blob(300_000), b"one datagram".to_vec());
    let strings = |arguments: &[&str]| arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    if is_installed("python3") {
        for (kind, content) in [("tcp", &tcp), ("udp", &udp)] {
            let endpoint = format!("{kind}://127.0.0.1:0");
            let arguments =
                |listening: &ListeningProgram| strings(&["-c", PYTHON_CLIENT, kind, listening.port()]);
            check_client(&place, &[&endpoint], "python3", arguments, content);
        }
    }
    if is_installed("socat") {
        for (kind, connect, content) in [("tcp", "TCP4", &tcp), ("udp", "UDP4", &udp)] {
            let endpoint = format!("{kind}://127.0.0.1:0");
            let arguments = |listening: &ListeningProgram| {
                strings(&["-t2", "-", &format!("{connect}:127.0.0.1:{}", listening.port())])
            };
            check_client(&place, &[&endpoint], "socat", arguments, content);
        }
        let endpoint = format!("unix://{}", place.path("listen.sock").display());
        let arguments = |listening: &ListeningProgram| {
            let path = listening.endpoint.strip_prefix("unix://").expect("a path");
            strings(&["-t5", "-", &format!("UNIX-CONNECT:{path}")])
        };
        check_client(&place, &[&endpoint], "socat", arguments, &tcp);
        let (cert, key) = identity(&place);
        let listen = ["tls://127.0.0.1:0", "--cert", &cert, "--key", &key];
        let arguments = |listening: &ListeningProgram| {
            strings(&["-t5", "-", &format!("OPENSSL:127.0.0.1:{},verify=0", listening.port())])
        };
        check_client(&place, &listen, "socat", arguments, b"over TLS");
    }
    if is_installed("ncat") {
        let arguments = |listening: &ListeningProgram| strings(&["127.0.0.1", listening.port()]);
        check_client(&place, &["tcp://127.0.0.1:0"], "ncat", arguments, &tcp);
    }
}
