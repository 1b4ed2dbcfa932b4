//! `serve` with the usual clients: curl, wget, and many connections at once.
#![expect(clippy::disallowed_methods, reason = "clients of the standard library, and files on disk")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use common::serving::{CLIENT_TIME, Serving, connect, echoes};
use common::tools::is_installed;
use common::{TestDirectory, text};
use rustix::process::Signal;

fn curl(place: &TestDirectory, arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.current_dir(place.path("")).args(["-q", "--noproxy", "*", "-sS", "--max-time", "20"]);
    command.args(arguments).output().expect("curl runs")
}

fn status(output: &Output) -> String {
    text(&output.stdout)
}

fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

#[test]
fn curl_gets_files_whole_in_part_on_condition_and_resumed() {
    if !is_installed("curl") {
        return;
    }
    let place = TestDirectory::new();
    let bytes = pattern(1_000_000);
    place.file("public/f.bin", &bytes);
    place.file("public/d/g.txt", "g");
    let serving = Serving::start(&place, &["files=http://127.0.0.1:0,dir=public"]);
    let url = serving.url(0, "/f.bin");

    assert!(curl(&place, &[&url, "-o", "whole"]).status.success());
    assert!(place.read("whole") == bytes);
    let head = text(&curl(&place, &["-I", &url]).stdout).to_ascii_lowercase();
    assert!(
        head.contains("content-length: 1000000\r\n") && head.contains("accept-ranges: bytes\r\n"),
        "{head}"
    );

    let code = ["-w", "%{http_code}"];
    let get = |more: &[&str]| curl(&place, &[&code, more].concat());
    assert_eq!(status(&get(&["-r", "1000-1999", "-o", "part", &url])), "206");
    assert!(place.read("part") == bytes[1000..2000]);
    assert_eq!(status(&get(&["-r", "-7", "-o", "part", &url])), "206");
    assert!(place.read("part") == bytes[999_993..]);
    assert_eq!(status(&get(&["-r", "1000000-", "-o", "part", &url])), "416");

    // By tag and by date: the second response has no body.
    assert_eq!(status(&get(&["--etag-save", "tag", "-o", "tagged", &url])), "200");
    assert_eq!(status(&get(&["--etag-compare", "tag", "-o", "again", &url])), "304");
    assert_eq!(status(&get(&["-R", "-o", "dated", &url])), "200");
    assert_eq!(status(&get(&["-z", "dated", "-o", "again", &url])), "304");

    // A partial file is completed.
    place.file("resumed", &bytes[..400_000]);
    assert_eq!(status(&get(&["-C", "-", "-o", "resumed", &url])), "206");
    assert!(place.read("resumed") == bytes);

    assert_eq!(status(&get(&["-o", "x", &serving.url(0, "/absent")])), "404");
    assert_eq!(status(&get(&["-o", "x", &serving.url(0, "/d")])), "301");
    assert_eq!(status(&get(&["-L", "-o", "x", &serving.url(0, "/d")])), "200");
    assert!(text(&place.read("x")).contains("g.txt"));
    assert_eq!(status(&get(&["--path-as-is", "-o", "x", &serving.url(0, "/../resumed")])), "404");
    assert_eq!(status(&get(&["-X", "DELETE", "-o", "x", &url])), "405");
    // An upload is refused, and the client can read the response.
    let upload = get(&["-H", "Expect:", "--data-binary", "@whole", "-o", "x", &url]);
    assert_eq!(
        (status(&upload).as_str(), upload.status.success()),
        ("405", true),
        "{}",
        text(&upload.stderr)
    );

    let (code, elapsed, log) = serving.stop(Signal::INT);
    assert_eq!(code, Some(0), "{log}");
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert!(
        log.lines().all(|line| line.contains(" files tcp://127.0.0.1:") && line.contains(" out ")),
        "{log}"
    );
    assert!(log.lines().count() >= 10, "{log}");
}

#[test]
fn curl_speaks_tls() {
    if !is_installed("curl") {
        return;
    }
    let place = TestDirectory::new();
    place.file("public/f", pattern(300_000));
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("an identity");
    place.file("cert.pem", identity.cert.pem());
    place.file("key.pem", identity.signing_key.serialize_pem());
    let serving = Serving::start(&place, &["files=https://127.0.0.1:0,dir=public,cert=cert.pem,key=key.pem"]);
    let address = serving.address(0);
    let connect_to = format!("localhost:{}:{address}", address.port());
    let url = format!("https://localhost:{}/f", address.port());
    let get = ["--cacert", "cert.pem", "--connect-to", &connect_to, "-o", "f", &url];
    let output = curl(&place, &get);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(place.read("f") == pattern(300_000));
    // A client that does not trust the certificate, or does not speak TLS, is logged.
    assert!(!curl(&place, &["--connect-to", &connect_to, "-o", "g", &url]).status.success());
    assert!(!curl(&place, &[&format!("http://{address}/f"), "-o", "g"]).status.success());
    let (code, _, log) = serving.stop(Signal::TERM);
    assert_eq!((code, log.lines().filter(|line| line.contains(" tls: ")).count()), (Some(0), 2), "{log}");
}

#[test]
fn a_client_that_ends_its_direction_gets_the_whole_response() {
    let place = TestDirectory::new();
    let bytes = pattern(3_000_000);
    place.file("public/big", &bytes);
    place.file("public/small", "a few bytes");
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("an identity");
    place.file("cert.pem", identity.cert.pem());
    place.file("key.pem", identity.signing_key.serialize_pem());
    let services = [
        "files=http://127.0.0.1:0,dir=public",
        "files=https://127.0.0.1:0,dir=public,cert=cert.pem,key=key.pem",
        "chargen=tcp://127.0.0.1:0",
    ];
    let serving = Serving::start(&place, &services);
    for (path, expected) in [("/big", bytes.as_slice()), ("/small", b"a few bytes")] {
        for (at, scheme) in [(0, "tcp"), (1, "tls")] {
            let endpoint = format!("{scheme}://{}", serving.address(at));
            let request = format!("GET {path} HTTP/1.0\\r\\n\\r\\n");
            let output = place.longhaul(&["connect", "-kq", &endpoint, "--send", &request]).output();
            let output = output.expect("the program starts");
            assert_eq!(output.status.code(), Some(0), "{endpoint}{path}: {}", text(&output.stderr));
            assert!(output.stdout.ends_with(expected), "{endpoint}{path}: {} bytes", output.stdout.len());
        }
    }
    let mut child = place.spawn(&["connect", "-q", &format!("tcp://{}", serving.address(2))]);
    let mut lines = BufReader::new(child.0.stdout.take().expect("piped")).lines();
    // More bytes than the buffers on the way hold, before the server sees the end of the input.
    assert_eq!(lines.by_ref().take(100_000).map_while(Result::ok).count(), 100_000);
    drop(lines);
    child.code();
}

#[test]
fn wget_resumes_uses_conditions_and_mirrors_a_folder() {
    if !is_installed("wget") {
        return;
    }
    let place = TestDirectory::new();
    let bytes = pattern(500_000);
    place.file("public/f.bin", &bytes);
    place.file("public/d/e f.txt", "in a folder");
    let serving = Serving::start(&place, &["files=http://127.0.0.1:0,dir=public"]);
    let wget = |arguments: &[&str]| {
        let mut command = Command::new("wget");
        command.current_dir(place.path("")).args(["--no-config", "--no-proxy", "-nv", "-T", "20", "-t", "1"]);
        let output = command.args(arguments).output().expect("wget runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    };
    let url = serving.url(0, "/f.bin");
    wget(&["-O", "whole", &url]);
    assert!(place.read("whole") == bytes);

    place.file("resumed/f.bin", &bytes[..123_456]);
    wget(&["-c", "-P", "resumed", &url]);
    assert!(place.read("resumed/f.bin") == bytes);
    wget(&["-c", "-P", "resumed", &url]);
    assert!(place.read("resumed/f.bin") == bytes);

    wget(&["-N", "-P", "dated", &url]);
    let printed = wget(&["-N", "-P", "dated", &url]);
    assert!(!printed.contains("->"), "the file was downloaded again: {printed}");

    wget(&["-r", "-np", "-nH", "-P", "mirror", &serving.url(0, "/")]);
    assert!(place.read("mirror/f.bin") == bytes);
    assert_eq!(place.read("mirror/d/e f.txt"), b"in a folder");
}

#[test]
fn five_hundred_clients_are_served_beside_two_that_misbehave() {
    const CLIENTS: u16 = 500;
    let place = TestDirectory::new();
    let serving = Serving::start(&place, &["echo=tcp://127.0.0.1:0", "--timeout", "3s"]);
    let address = serving.address(0);

    let deaf = thread::spawn(move || {
        let (mut stream, start) = (connect(address), Instant::now());
        while stream.write_all(&[0; 4096]).is_ok() {}
        start.elapsed()
    });
    let slow = thread::spawn(move || {
        let (mut stream, start) = (connect(address), Instant::now());
        while start.elapsed() < CLIENT_TIME && stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
        start.elapsed()
    });
    // All connections are open before the first one sends; the second round uses the same connections.
    let mut streams: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(address)).collect();
    for round in 0..2_u16 {
        for (number, stream) in (round..).zip(&mut streams) {
            let sent: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(1024).collect();
            assert!(echoes(stream, &sent), "{number}");
        }
    }
    drop(streams);
    for elapsed in [deaf.join().expect("no panic"), slow.join().expect("no panic")] {
        assert!(elapsed >= Duration::from_secs(2) && elapsed < CLIENT_TIME, "{elapsed:?}");
    }
    let (code, _, log) = serving.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    let right = log.lines().filter(|line| line.contains(" in 2048 out 2048 closed after ")).count();
    assert_eq!((right, log.lines().count()), (usize::from(CLIENTS), usize::from(CLIENTS) + 2), "{log}");
    assert!(log.contains(" send: timed out after 3"), "{log}");
    assert!(log.contains(" receive: too slow after "), "{log}");
}

#[test]
fn a_log_without_a_reader_does_not_delay_the_services() {
    // More lines than fit into a pipe.
    const CLIENTS: u32 = 3_000;
    let place = TestDirectory::new();
    let serving = Serving::start(&place, &["daytime=tcp://127.0.0.1:0"]);
    for _ in 0..CLIENTS {
        let mut answer = String::new();
        connect(serving.address(0)).read_to_string(&mut answer).expect("a line");
        assert!(answer.ends_with(" GMT\r\n"));
    }
    let (code, elapsed, _) = serving.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[test]
fn several_services_on_one_host() {
    let place = TestDirectory::new();
    let services = [
        "daytime=tcp://127.0.0.1:0",
        "time=tcp://127.0.0.1:0",
        "chargen=tcp://127.0.0.1:0",
        "discard=tcp://127.0.0.1:0",
        "echo=udp://127.0.0.1:0",
        "seeded=http://127.0.0.1:0,seed=7",
    ];
    let serving = Serving::start(&place, &[services.as_slice(), &["--quiet"]].concat());
    let names: Vec<&str> = serving.lines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["daytime", "time", "chargen", "discard", "echo", "seeded"]);
    assert!(serving.lines[4].1.starts_with("udp://127.0.0.1:"));

    let read = |at: usize| {
        let mut answer = Vec::new();
        connect(serving.address(at)).read_to_end(&mut answer).expect("an end");
        answer
    };
    assert!(text(&read(0)).ends_with(" GMT\r\n"));
    assert_eq!(read(1).len(), 4);
    let mut line = [0; 74];
    connect(serving.address(2)).read_exact(&mut line).expect("characters");
    assert!(line.ends_with(b"\r\n"));
    let mut seeded = connect(serving.address(5));
    seeded.write_all(b"GET /a HTTP/1.0\r\nHost: o\r\n\r\n").expect("the peer accepts the bytes");
    let mut answer = Vec::new();
    seeded.read_to_end(&mut answer).expect("an end");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));

    let (code, elapsed, log) = serving.stop(Signal::TERM);
    assert_eq!((code, log.as_str()), (Some(0), ""));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[test]
fn clients_can_meet_the_cases() {
    let place = TestDirectory::new();
    let serving = Serving::start(&place, &["hostile=http://127.0.0.1:0", "--quiet"]);
    let front = serving.address(0);
    let ask = |method: &str, path: &str| {
        let mut stream = connect(front);
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {front}\r\nConnection: close\r\n\r\n")
            .expect("the peer accepts the bytes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let list = ask("GET", "/");
    assert!(list.starts_with("HTTP/1.1 200 ") && list.contains("Content-Type: text/plain"), "{list}");
    assert!(
        list.contains("\n/case/016  the connection is closed within the body: keeps what was received"),
        "{list}"
    );
    assert!(list.lines().filter(|line| line.starts_with("/case/")).count() > 100, "{list}");
    for (method, path, status, printed) in [
        ("GET", "/case/999", 404, "there is no case `999`"),
        ("GET", "/nothing", 404, "/ lists the cases"),
        ("GET", "/case/014/a", 404, "/case/014-reset-for-ever"),
        ("GET", "/case/023-expired-certificate", 404, "its host speaks TLS"),
        ("GET", "/case/102-kill-9-in-simulation", 404, "it is not played"),
        ("POST", "/case/016", 405, "Allow: GET, HEAD, DELETE"),
        ("POST", "/", 405, "Allow: GET, HEAD"),
        ("HEAD", "/", 200, "Content-Length: "),
    ] {
        let answer = ask(method, path);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(printed),
            "{path}: {answer}"
        );
    }
    // The program keeps the first half, follows the redirect again, and requests the rest.
    let content = longhaul_origin::script::content(0, 9000);
    let output = place.longhaul(&["get", "-d", "out", &serving.url(0, "/case/016/a")]).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let file = format!("out/127.0.0.1+{}/case/016/a", front.port());
    assert!(place.read(&file) == content, "{}", text(&output.stderr));
    // From the beginning again. Without a path, the redirect leads to the URL of the case's own run.
    assert!(ask("DELETE", "/case/016").starts_with("HTTP/1.1 204 "));
    assert!(ask("HEAD", "/case/016-early-fin").contains("/a\r\n"));
    if is_installed("curl") {
        let get = |path: &str| curl(&place, &["-L", "-o", "curled", &serving.url(0, path)]).status.code();
        // Exit codes of curl: partial file, receive failure, too many redirects, weird server reply.
        assert_eq!(get("/case/016"), Some(18));
        assert!(place.read("curled") == content[..5000]);
        assert_eq!(get("/case/016"), Some(0));
        assert!(place.read("curled") == content);
        assert_eq!(get("/case/014-reset-for-ever"), Some(56));
        assert_eq!(get("/case/053-redirect-loop"), Some(47));
        assert_eq!(get("/case/037-negative-length"), Some(8));
    }
    let (code, elapsed, log) = serving.stop(Signal::TERM);
    assert_eq!((code, log.as_str()), (Some(0), ""));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[test]
fn without_an_address_both_families_listen_on_one_port() {
    let place = TestDirectory::new();
    let mut child = place.spawn(&["serve", "daytime=tcp://:0", "-q"]);
    let mut lines = BufReader::new(child.0.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    let port = first.strip_prefix("daytime tcp://0.0.0.0:").expect("IPv4 first").to_owned();
    let mut answer = String::new();
    connect(format!("127.0.0.1:{port}").parse().expect("an address"))
        .read_to_string(&mut answer)
        .expect("a line");
    assert!(answer.ends_with(" GMT\r\n"));
    rustix::process::kill_process(child.pid(), Signal::TERM).expect("it is a child of this process");
    // A machine without IPv6 prints one line only.
    for line in lines {
        assert_eq!(line.expect("UTF-8"), format!("daytime tcp://[::]:{port}"));
    }
    assert_eq!(child.code(), Some(0));
}

#[test]
fn one_service_that_cannot_start_prevents_all() {
    let place = TestDirectory::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = format!("echo=tcp://{}", holder.local_addr().expect("it is bound"));
    fs::write(place.path("nonsense.pem"), "nonsense").expect("written");
    let tls = "files=https://127.0.0.1:0,dir=.,cert=nonsense.pem,key=nonsense.pem";
    for (arguments, code, printed) in [
        (["ecco=tcp://127.0.0.1:0"].as_slice(), 2, "'ecco=tcp://127.0.0.1:0'"),
        (&["echo=tcp://127.0.0.1"], 2, "numeric address and a port"),
        (&["files=http://127.0.0.1:0"], 2, "dir= is missing"),
        (&["hostile=http://:0"], 2, "on loopback only"),
        (&[], 2, "SERVICE"),
        (&["files=http://127.0.0.1:0,dir=absent"], 3, "absent"),
        (&[tls], 3, "key"),
        (&["echo=tcp://127.0.0.1:0", "daytime=tcp://192.0.2.1:0"], 4, "192.0.2.1"),
        (&[&taken], 4, "in use"),
    ] {
        let output = place.longhaul(&[&["serve"], arguments].concat()).output().expect("the program starts");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(printed), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!error.contains("--cert") && !error.contains("--key"), "flags of another command: {error}");
    }
}
