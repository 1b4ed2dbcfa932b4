//! `connect`, `listen` and `sockets`: against each other, and against socat, ncat and Python.
#![expect(clippy::disallowed_methods, reason = "tests play the peers that the program talks to")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::tools::is_installed;
use common::{Background, Place, answering, json_lines, refusing, text};
use longhaul_socket::{Endpoint, owner};

/// All byte values, longer than any buffer on the way.
fn blob(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).expect("a byte")).collect()
}

/// Serves one client on a thread: `answer` of everything it has sent until it ended its direction.
fn answering_once(answer: impl FnOnce(Vec<u8>) -> Vec<u8> + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("its address"));
    let thread = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        client.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        client.write_all(&answer(received)).expect("taken");
    });
    (endpoint, thread)
}

/// The program, listening in the background, and where it listens.
struct Listening {
    program: Background,
    endpoint: String,
    said: BufReader<ChildStderr>,
    /// Read as it comes: a full pipe would hold the exchange up.
    out: JoinHandle<Vec<u8>>,
}

impl Listening {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut program = place.spawn(&[&["listen"], arguments].concat());
        let mut said = BufReader::new(program.0.stderr.take().expect("piped"));
        let mut output = program.0.stdout.take().expect("piped");
        let out = thread::spawn(move || {
            let mut out = Vec::new();
            output.read_to_end(&mut out).expect("readable");
            out
        });
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        let endpoint = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let endpoint = endpoint.split_whitespace().next().expect("an endpoint").to_owned();
        Self { program, endpoint, said, out }
    }

    fn port(&self) -> &str {
        self.endpoint.rsplit_once(':').expect("a port").1
    }

    /// Its exit code, what it put out and what it said, after it has ended by itself.
    fn end(mut self) -> (Option<i32>, Vec<u8>, String) {
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("readable");
        (self.program.code(), self.out.join().expect("read"), said)
    }
}

/// Runs a peer that brings `input`, and returns what it put out.
fn peer(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = assert_cmd::Command::new(program);
    let output = command.args(arguments).write_stdin(input).timeout(Duration::from_secs(30)).output();
    output.expect("it runs").stdout
}

/// A port that nobody holds.
fn free_port(kind: &str) -> String {
    let any = ("127.0.0.1", 0);
    let address = match kind {
        "udp" => UdpSocket::bind(any).and_then(|socket| socket.local_addr()),
        _ => TcpListener::bind(any).and_then(|listener| listener.local_addr()),
    };
    address.expect("a free port").port().to_string()
}

/// A peer in the background that listens, and has begun to.
fn listening_peer(program: &str, arguments: &[&str], endpoint: &str) -> Background {
    listening_peer_with(program, arguments, endpoint, (Stdio::null(), Stdio::null()))
}

/// The same with this standard input and output.
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
        assert!(child.0.try_wait().expect("a child of ours").is_none(), "{program} has ended");
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{program} does not listen at {endpoint}");
}

#[test]
fn what_is_piped_in_is_sent_and_ended_and_what_comes_is_put_out_and_nothing_else() {
    let (endpoint, server) = answering_once(|received| received.into_iter().rev().collect());
    let content = blob(3_000_000);
    let output = Place::new()
        .longhaul(&["connect", &endpoint])
        .write_stdin(content.clone())
        .output()
        .expect("it runs");
    server.join().expect("served");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.into_iter().rev().eq(content));
    assert!(text(&output.stderr).starts_with(&format!("connected to {endpoint} in ")));
}

#[test]
fn both_directions_flow_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("its address"));
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut other = client.try_clone().expect("a clone");
        // An echo that answers as it reads: neither side may wait for the other's end.
        std::io::copy(&mut client, &mut other).expect("an echo")
    });
    let content = blob(8_000_000);
    let output = Place::new()
        .longhaul(&["connect", "-q", &endpoint])
        .write_stdin(content.clone())
        .output()
        .expect("it runs");
    assert_eq!(server.join().expect("served"), 8_000_000);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout == content, "every byte comes back");
    assert!(output.stderr.is_empty());
}

#[test]
fn text_is_sent_with_its_escapes_and_dumped() {
    let (endpoint, server) = answering_once(|received| {
        assert_eq!(received, b"GET / HTTP/1.0\r\n\r\n");
        b"\x1b[2J".to_vec()
    });
    let arguments = ["connect", &endpoint, "--send", r"GET / HTTP/1.0\r\n\r\n", "--hex"];
    let output = Place::new().longhaul(&arguments).output().expect("it runs");
    server.join().expect("served");
    assert_eq!(
        text(&output.stdout),
        "> 00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|\n\
         > 00000010  0d 0a                                             |..|\n\
         < 00000000  1b 5b 32 4a                                       |.[2J|\n"
    );
}

#[test]
fn names_are_resolved() {
    let (endpoint, server) = answering_once(|received| received);
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    let output = Place::new().longhaul(&["connect", &endpoint, "--send", "hello"]).output().expect("it runs");
    server.join().expect("served");
    assert_eq!(text(&output.stdout), "hello");
    assert!(text(&output.stderr).contains(&format!("({endpoint})")));
}

#[test]
fn a_peer_that_ends_first_is_not_kept_waiting_by_an_idle_standard_input() {
    let address = answering(b"daytime\n");
    let mut child = Place::new().longhaul_with_open_input(&["connect", &format!("tcp://{address}")]);
    let mut out = String::new();
    // The peer reads something first.
    child.0.stdin.as_mut().expect("piped").write_all(b"?").expect("taken");
    child.0.stdout.take().expect("piped").read_to_string(&mut out).expect("readable");
    assert_eq!((child.code(), out.as_str()), (Some(0), "daytime\n"));
}

#[test]
fn each_failure_says_what_where_in_which_phase_after_how_long_and_what_next() {
    let silent = answering(b"");
    let garbage = answering(b"what do you want?\r\n\r\n");
    let closed = refusing();
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
        let output =
            Place::new().longhaul(&[&["connect"], arguments, send].concat()).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word:?} is not in {said}");
        }
    }
}

#[test]
fn datagrams_and_their_answers() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    server.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let endpoint = format!("udp://{}", server.local_addr().expect("its address"));
    let thread = thread::spawn(move || {
        let mut buffer = [0; 2_000];
        let (length, from) = server.recv_from(&mut buffer).expect("a datagram");
        for piece in [&buffer[..length], b" once", b" twice"] {
            server.send_to(piece, from).expect("sent");
        }
    });
    let output = Place::new().longhaul(&["connect", &endpoint, "--send", "said"]).output().expect("it runs");
    thread.join().expect("served");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "said once twice"));

    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("udp://{}", silent.local_addr().expect("its address"));
    let arguments = ["connect", &endpoint, "--send", "hello", "--timeout", "300ms"];
    let output = Place::new().longhaul(&arguments).output().expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("receive from {endpoint}: timed out after ")), "{said}");
}

#[test]
fn listen_takes_one_and_answers_it() {
    let place = Place::new();
    let listening = Listening::start(&place, &["tcp://127.0.0.1:0", "--send", "welcome"]);
    let output =
        place.longhaul(&["connect", &listening.endpoint]).write_stdin("hello").output().expect("it runs");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"));
    let (code, out, said) = listening.end();
    assert_eq!((code, text(&out).as_str()), (Some(0), "hello"), "{said}");
    assert!(said.starts_with("connection from tcp://127.0.0.1:"), "{said}");
}

#[test]
fn listen_with_datagrams() {
    let place = Place::new();
    let listening = Listening::start(&place, &["udp://127.0.0.1:0", "--send", "welcome"]);
    let arguments = ["connect", &listening.endpoint, "--send", "hello"];
    let output = place.longhaul(&arguments).output().expect("it runs");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"));
    let (code, out, said) = listening.end();
    assert_eq!((code, text(&out).as_str()), (Some(0), "hello"), "{said}");
}

#[test]
fn kept_open_it_takes_many_at_once_until_it_is_stopped() {
    let place = Place::new();
    let path = place.path("a.sock");
    let endpoint = format!("unix://{}", path.display());
    let listening = Listening::start(&place, &[&endpoint, "--keep", "--send", "welcome"]);
    let idle: Vec<_> =
        (0..5).map(|_| std::os::unix::net::UnixStream::connect(&path).expect("connected")).collect();
    for number in 0..5 {
        let arguments = ["connect", "-q", &endpoint, "--send", &format!("client {number}\n")];
        let output = place.longhaul(&arguments).output().expect("it runs");
        assert_eq!(text(&output.stdout), "welcome", "{}", text(&output.stderr));
    }
    let output = place.longhaul(&["listen", &endpoint]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("address in use"), "{}", text(&output.stderr));

    rustix::process::kill_process(listening.program.pid(), rustix::process::Signal::TERM).expect("sent");
    let (code, out, said) = listening.end();
    let expected = [0, 1, 2, 3, 4].map(|number| format!("client {number}\n")).concat();
    assert_eq!((code, text(&out)), (Some(0), expected), "{said}");
    assert!(!path.exists(), "the socket's file goes with it");
    drop(idle);
}

#[test]
fn nobody_comes() {
    let place = Place::new();
    let arguments = ["listen", "tcp://127.0.0.1:0", "--accept-timeout", "100ms"];
    let output = place.longhaul(&arguments).output().expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("accept on tcp://127.0.0.1:") && said.contains(": timed out after "), "{said}");
}

/// A certificate for localhost that has a title for terminals in its subject, and its key, as files.
fn identity(place: &Place) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "\u{1b}]0;owned\u{7}");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let file = |name, text: String| place.file(name, text).to_str().expect("UTF-8").to_owned();
    (file("cert.pem", certificate.pem()), file("key.pem", key.serialize_pem()))
}

#[test]
fn tls_tells_who_the_peer_says_it_is_and_checks_it() {
    let place = Place::new();
    let (cert, key) = identity(&place);
    let tls = ["tls://127.0.0.1:0", "--cert", &cert, "--key", &key, "--keep", "--send", "welcome"];
    let listening = Listening::start(&place, &tls);
    let endpoint = format!("tls://localhost:{}", listening.port());

    let output = place.longhaul(&["connect", &endpoint, "--send", "hello"]).output().expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("certificate from an unknown issuer after"), "{said}");
    assert!(said.contains("no authority that this machine trusts has signed the certificate"), "{said}");

    let trusting = |flags: &[&str], cert: &str| {
        let mut command = place.longhaul(&[&["connect", &endpoint, "--send", "hello"], flags].concat());
        command.env("SSL_CERT_FILE", cert).output().expect("it runs")
    };
    for (flags, checked) in [(&[] as &[&str], "checked   yes"), (&["-k"], "checked   no")] {
        let output = trusting(flags, &cert);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "welcome"), "{said}");
        for line in
            ["protocol  TLSv1.3", "cipher    TLS13_", "subject   ", "issuer    ", "valid     ", checked]
        {
            assert!(said.contains(line), "{line:?} is not in {said}");
        }
        assert!(said.contains("names     localhost"), "{said}");
        assert!(said.contains("owned") && !said.contains('\u{1b}') && !said.contains('\u{7}'), "{said:?}");
    }
}

#[test]
fn a_listener_with_tls_needs_an_identity() {
    let place = Place::new();
    let output = place.longhaul(&["listen", "tls://127.0.0.1:0"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let file = place.file("a.pem", "nothing");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["listen", "tls://127.0.0.1:0", "--cert", file, "--key", file];
    assert_eq!(place.longhaul(&arguments).output().expect("it runs").status.code(), Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn sockets_name_the_process_of_a_listener_a_connection_and_a_datagram_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let client = TcpStream::connect(address).expect("connected");
    let (_server, _) = listener.accept().expect("accepted");
    let client = client.local_addr().expect("its address");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let udp = udp.local_addr().map(|address| (udp, address)).expect("its address");
    let us = u64::from(std::process::id());
    let place = Place::new();
    let ask = |endpoint: String| {
        let output = place.longhaul(&["sockets", &endpoint, "--json"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut lines = json_lines(&output.stdout);
        // The port may have been another test's a moment ago; what is left of that connection belongs to nobody.
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

    let output = place.longhaul(&["sockets", &here]).output().expect("it runs");
    let table = text(&output.stdout);
    assert!(table.starts_with("protocol  local "), "{table}");
    assert!(table.lines().skip(1).all(|line| line.contains(&format!(" {us} "))), "{table}");
    let all = text(&place.longhaul(&["sockets"]).output().expect("it runs").stdout);
    assert!(all.contains(&here) && all.contains(&at_udp), "{all}");

    drop(udp);
    let output = place.longhaul(&["sockets", &at_udp]).output().expect("it runs");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
}

/// Whoever follows the advice finds who is in the way, also where every address was asked for.
#[cfg(target_os = "linux")]
#[test]
fn the_endpoint_of_an_address_in_use_leads_to_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held = listener.local_addr().expect("its address");
    let place = Place::new();
    let output =
        place.longhaul(&["serve", &format!("echo=tcp://:{}", held.port())]).output().expect("it runs");
    let said = text(&output.stderr);
    assert!(said.contains(&format!("tcp://0.0.0.0:{}: address in use", held.port())), "{said}");
    assert!(said.contains("`longhaul sockets ENDPOINT`"), "{said}");
    for asked in ["0.0.0.0", "[::]", ""] {
        let output = place.longhaul(&["sockets", &format!("tcp://{asked}:{}", held.port())]).output();
        let table = text(&output.expect("it runs").stdout);
        assert!(table.contains(&format!("tcp://{held} ")), "{asked}: {table}");
        assert!(table.contains(&format!(" {} ", std::process::id())), "{asked}: {table}");
    }
}

/// Reads all that one client sends and sends it back, then ends.
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

/// Sends standard input and puts out what comes back.
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

/// Connects to an echo of another's making and compares.
fn echoes(place: &Place, endpoint: &str, content: &[u8], who: &str) {
    let output =
        place.longhaul(&["connect", "-q", "-k", endpoint]).write_stdin(content).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{who} at {endpoint}: {}", text(&output.stderr));
    assert!(output.stdout == content, "{who} at {endpoint}: {} bytes", output.stdout.len());
}

#[test]
fn servers_of_others() {
    let place = Place::new();
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
        let (said, heard) = (place.file("said", "welcome"), place.path("heard"));
        let files = (
            std::fs::File::open(said).expect("it is there").into(),
            std::fs::File::create(&heard).expect("a file").into(),
        );
        let mut server = listening_peer_with("ncat", &arguments, &endpoint, files);
        let output = place.longhaul(&["connect", "-q", &endpoint]).write_stdin(tcp.clone()).output();
        assert_eq!(text(&output.expect("it runs").stdout), "welcome", "ncat");
        assert_eq!(server.code(), Some(0));
        assert!(place.read("heard") == tcp, "ncat");
    }
}

/// Lets a client of another's making talk to `listen`, and compares what each has heard.
fn is_heard(
    place: &Place,
    listen: &[&str],
    program: &str,
    arguments: impl Fn(&Listening) -> Vec<String>,
    content: &[u8],
) {
    let listening = Listening::start(place, &[listen, &["--send", "welcome"]].concat());
    let arguments = arguments(&listening);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let heard = peer(program, &arguments, content);
    let (code, out, said) = listening.end();
    assert_eq!(text(&heard), "welcome", "{program} {arguments:?}: {said}");
    assert_eq!(code, Some(0), "{program} {arguments:?}: {said}");
    assert!(out == content, "{program} {arguments:?}: {} bytes", out.len());
}

#[test]
fn clients_of_others() {
    let place = Place::new();
    let (tcp, udp) = (blob(300_000), b"one datagram".to_vec());
    let strings = |arguments: &[&str]| arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    if is_installed("python3") {
        for (kind, content) in [("tcp", &tcp), ("udp", &udp)] {
            let endpoint = format!("{kind}://127.0.0.1:0");
            let arguments = |listening: &Listening| strings(&["-c", PYTHON_CLIENT, kind, listening.port()]);
            is_heard(&place, &[&endpoint], "python3", arguments, content);
        }
    }
    if is_installed("socat") {
        for (kind, connect, content) in [("tcp", "TCP4", &tcp), ("udp", "UDP4", &udp)] {
            let endpoint = format!("{kind}://127.0.0.1:0");
            let arguments = |listening: &Listening| {
                strings(&["-t2", "-", &format!("{connect}:127.0.0.1:{}", listening.port())])
            };
            is_heard(&place, &[&endpoint], "socat", arguments, content);
        }
        let endpoint = format!("unix://{}", place.path("listen.sock").display());
        let arguments = |listening: &Listening| {
            let path = listening.endpoint.strip_prefix("unix://").expect("a path");
            strings(&["-t5", "-", &format!("UNIX-CONNECT:{path}")])
        };
        is_heard(&place, &[&endpoint], "socat", arguments, &tcp);
        let (cert, key) = identity(&place);
        let listen = ["tls://127.0.0.1:0", "--cert", &cert, "--key", &key];
        let arguments = |listening: &Listening| {
            strings(&["-t5", "-", &format!("OPENSSL:127.0.0.1:{},verify=0", listening.port())])
        };
        is_heard(&place, &listen, "socat", arguments, b"over TLS");
    }
    if is_installed("ncat") {
        let arguments = |listening: &Listening| strings(&["127.0.0.1", listening.port()]);
        is_heard(&place, &["tcp://127.0.0.1:0"], "ncat", arguments, &tcp);
    }
}
