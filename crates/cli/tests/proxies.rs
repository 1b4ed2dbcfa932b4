//! `serve proxy=...` over real sockets: toxics set by flags, and by the client libraries of Toxiproxy.
#![expect(clippy::disallowed_methods, reason = "clients of the standard library")]

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::serving::{Serving, connect, echoes};
use common::tools::{is_installed, skip};
use common::{CHILD_TIME_MAX, TestDirectory, text};
use longhaul_origin::proxy::{Effect, ToxicKind};
use rustix::process::Signal;
use serde_json::Value;

/// The exit code of a client script whose library is not installed.
const NOT_INSTALLED: i32 = 77;

/// An echo server, and proxies in front of it.
struct Echo {
    echo: Serving,
    place: TestDirectory,
}

impl Echo {
    fn start() -> Self {
        let place = TestDirectory::new();
        Self { echo: Serving::start(&place, &["echo=tcp://127.0.0.1:0", "-q"]), place }
    }

    fn behind(&self, names: &[&str], flags: &[&str], sockets: usize) -> Serving {
        let to = self.echo.address(0);
        let proxies: Vec<String> =
            names.iter().map(|name| format!("proxy=tcp://127.0.0.1:0,to={to},name={name}")).collect();
        let proxies: Vec<&str> = proxies.iter().map(String::as_str).collect();
        Serving::start_with(&self.place, &[&proxies, flags].concat(), sockets)
    }
}

/// Sends a request to the control API. Returns the status and the body.
fn ask(control: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut client = connect(control);
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.0\r\nHost: c\r\nContent-Length: {length}\r\n\r\n{body}");
    client.write_all(request.as_bytes()).expect("the peer accepts the bytes");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn toxics_by_flags() {
    let echo = Echo::start();
    let toxics = [
        ["--toxic", "plain:latency@up,latency=0,toxicity=0"],
        ["--toxic", "slow:latency@up,latency=150"],
        ["--toxic", "slow:latency@down,latency=150"],
        ["--toxic", "short:limit_data,bytes=5"],
        ["--toxic", "rude:reset_peer@up,timeout=10"],
    ];
    let mut proxies = echo.behind(&["plain", "slow", "short", "rude"], toxics.as_flattened(), 4);

    assert!(echoes(&mut connect(proxies.address(0)), &vec![7; 50_000]));
    let start = Instant::now();
    assert!(echoes(&mut connect(proxies.address(1)), b"hello"));
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    let mut short = connect(proxies.address(2));
    short.write_all(b"hello, world").expect("the peer accepts the bytes");
    let mut received = String::new();
    short.read_to_string(&mut received).expect("an end in order");
    assert_eq!(received, "hello");
    let mut rude = connect(proxies.address(3));
    rude.write_all(b"hello").expect("the peer accepts the bytes");
    assert_eq!(rude.read(&mut [0; 1]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);

    drop((short, rude));
    let log = proxies.log_lines(4);
    let (code, elapsed, rest) = proxies.stop(Signal::TERM);
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert!(log.lines().all(|line| line.contains("Z proxy tcp://127.0.0.1:")), "{log}");
    assert!(log.contains(" in 50000 out 50000 closed after "), "{log}");
    assert!(log.contains(" in 12 out 5 ended by limit_data after "), "{log}");
    assert!(log.contains(" in 5 out 0 ended by reset_peer after "), "{log}");
}

#[test]
fn the_control_api_enables_a_proxy_and_an_absent_upstream_is_logged() {
    let echo = Echo::start();
    let flags =
        ["--toxic", "web:down", "--toxic", "web:latency,latency=1", "--control", "0", "--timeout", "5s"];
    let proxies = echo.behind(&["web"], &flags, 1);
    assert_eq!(proxies.lines[0].0, "control");
    let control = proxies.address(0);
    let (_, web) = ask(control, "GET", "/proxies/web", "");
    assert_eq!((&web["enabled"], web["toxics"].as_array().map(Vec::len)), (&Value::from(false), Some(1)));
    let (status, web) = ask(control, "PATCH", "/proxies/web", r#"{"enabled":true}"#);
    assert_eq!((status, &web["enabled"]), (200, &Value::from(true)));
    let address: SocketAddr = web["listen"].as_str().expect("an address").parse().expect("an address");
    assert!(echoes(&mut connect(address), b"hello"));

    // A proxy without a server behind it.
    let nobody = common::unused_address();
    let body = format!(r#"{{"name":"nobody","upstream":"{nobody}"}}"#);
    let (status, proxy) = ask(control, "POST", "/proxies", &body);
    assert_eq!(status, 201, "{proxy}");
    let address: SocketAddr = proxy["listen"].as_str().expect("an address").parse().expect("an address");
    assert_eq!(connect(address).read(&mut [0; 1]).expect("an end in order"), 0);

    // Disabling a proxy disconnects its clients.
    let (_, web) = ask(control, "GET", "/proxies/web", "");
    let address: SocketAddr = web["listen"].as_str().expect("an address").parse().expect("an address");
    let mut open = connect(address);
    assert!(echoes(&mut open, b"hello"));
    ask(control, "POST", "/proxies/web", r#"{"enabled":false}"#);
    assert!(matches!(open.read(&mut [0; 1]), Ok(0) | Err(_)));
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let (code, _, log) = proxies.stop(Signal::INT);
    assert_eq!(code, Some(0));
    assert!(log.contains(" in 0 out 0 upstream connect: refused after "), "{log}");
    assert!(log.contains("Z control tcp://127.0.0.1:"), "{log}");
}

#[test]
fn no_byte_is_lost_while_toxics_change_under_many_clients() {
    const CLIENTS: usize = 20;
    const CHANGES: usize = 60;
    let echo = Echo::start();
    let mut proxies = echo.behind(&["web"], &["--control", "0"], 2);
    let (address, control) = (proxies.address(0), proxies.address(1));
    let is_over = Arc::new(AtomicBool::new(false));
    let client = |_| {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut stream = connect(address);
            for round in 0_u16.. {
                let sent: Vec<u8> = (round..).flat_map(u16::to_le_bytes).take(20_000).collect();
                assert!(echoes(&mut stream, &sent), "round {round}");
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let toxics = [
        r#"{"name":"t","type":"latency","attributes":{"latency":5,"jitter":5}}"#,
        r#"{"name":"t","type":"slicer","stream":"upstream","attributes":{"average_size":700,"delay":50}}"#,
        r#"{"name":"t","type":"bandwidth","attributes":{"rate":5000},"toxicity":0.5}"#,
    ];
    for toxic in toxics.iter().cycle().take(CHANGES) {
        let (status, answer) = ask(control, "POST", "/proxies/web/toxics", toxic);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(ask(control, "DELETE", "/proxies/web/toxics/t", "").0, 204);
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("every echo is right");
    }
    let log = proxies.log_lines(2 * CHANGES + CLIENTS);
    let right = log.lines().filter(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        matches!(words[..], [_, "proxy", _, "in", sent, "out", received, "closed", ..] if sent == received)
    });
    assert_eq!(right.count(), CLIENTS, "{log}");
}

#[test]
fn an_invalid_command_line_serves_nothing() {
    let place = TestDirectory::new();
    let web = "proxy=tcp://127.0.0.1:0,to=127.0.0.1:9,name=web";
    for (arguments, code, printed) in [
        (["proxy=tcp://127.0.0.1:0"].as_slice(), 2, "to= is missing"),
        (&["proxy=tcp://:0,to=a:1"], 2, "listens on one address"),
        (&[web, web], 2, "two proxies have the name web"),
        (&[web, "--toxic", "proxy:latency,latency=1"], 2, "--toxic proxy: no proxy has this name"),
        (
            &[web, "--toxic", "web:latency,rate=1"],
            2,
            "'web:latency,rate=1' for '--toxic <TOXIC>': latency has no attribute `rate`",
        ),
        (
            &[web, "--toxic", "web:timeout,timeout=1", "--toxic", "web:timeout,timeout=2"],
            2,
            "two toxics have the name timeout_downstream",
        ),
        (&["--control", "example.org:1"], 2, "'--control <PORT>': expected a port"),
        (&["--control", "192.0.2.1:0"], 4, "192.0.2.1"),
        (&["proxy=tcp://192.0.2.1:0,to=a:1"], 4, "192.0.2.1"),
    ] {
        let output = place.longhaul(&[&["serve"], arguments].concat()).output().expect("the program starts");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(printed), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// The code blocks of the page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<(usize, &'a str)> {
    let fence = format!("```{language}\n");
    let block = |(at, _): (usize, &str)| {
        let begin = at + fence.len();
        (at, &page[begin..begin + page[begin..].find("\n```").expect("it ends")])
    };
    page.match_indices(&fence).map(block).collect()
}

#[test]
fn the_session_on_the_page_works() {
    if !is_installed("curl") {
        return;
    }
    let page = include_str!("../../../docs/proxy.md");
    let echo = Echo::start();
    let proxies = echo.behind(&["echo"], &["--control", "0"], 2);
    let here = |text: &str| {
        text.replace("127.0.0.1:8474", &proxies.address(1).to_string())
            .replace("127.0.0.1:9000", &proxies.address(0).to_string())
            .replace("127.0.0.1:7007", &echo.echo.address(0).to_string())
    };
    let commands: Vec<_> =
        blocks(page, "sh").into_iter().filter(|(_, block)| block.starts_with("curl ")).collect();
    let answers = blocks(page, "json");
    assert!(commands.len() >= 4 && commands.len() == answers.len());
    for ((at, command), (answered, answer)) in commands.into_iter().zip(answers) {
        assert!(at < answered);
        // curl must not use a proxy of the user.
        let curl = here(command).replace("curl ", "curl -q --noproxy '*' --max-time 20 ");
        let output = Command::new("sh").args(["-c", &curl]).output().expect("a shell");
        assert_eq!(text(&output.stdout), here(answer), "{command}");
    }
}

#[test]
fn the_table_on_the_page_has_every_toxic() {
    let page = include_str!("../../../docs/proxy.md");
    for kind in ToxicKind::ALL {
        let attributes = Effect::of(kind).attributes();
        let keys: Vec<String> = attributes.iter().map(|(key, _)| format!("`{key}`")).collect();
        let row = format!("\n| `{kind}` | {} | ", keys.join(", "));
        assert!(page.contains(&row), "docs/proxy.md lacks {row}");
    }
}

/// Where `.ci/run` installs the libraries.
fn libraries() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("toxiproxy_client")
}

/// Runs a client script against the control API, with an echo server as upstream. If its library is missing, it prints
/// that.
fn run_client(program: &str, script: &str, search_path: (&str, PathBuf)) {
    let echo = Echo::start();
    let proxies = Serving::start_with(&echo.place, &["--control", "0"], 1);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toxiproxy_client").join(script);
    let mut command = assert_cmd::Command::new(program);
    command
        .arg(script)
        .args([proxies.address(0).port(), echo.echo.address(0).port()].map(|port| port.to_string()));
    let output = match command.env(search_path.0, search_path.1).timeout(CHILD_TIME_MAX).output() {
        Ok(output) => output,
        Err(error) => {
            let package = if program == "node" { "nodejs" } else { program };
            return skip(&format!("{program} does not run: {error}"), &format!("apt-get install {package}"));
        }
    };
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    if output.status.code() == Some(NOT_INSTALLED) {
        return skip(
            &format!("the client library is not installed: {}", printed.trim()),
            ".ci/run installs it",
        );
    }
    assert!(output.status.success(), "{printed}{errors}");
    let (code, _, log) = proxies.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(
        log.contains(" ended by limit_data after ") && log.contains(" ended by reset_peer after "),
        "{log}"
    );
}

#[test]
fn the_client_library_for_python_works() {
    run_client("python3", "client.py", ("PYTHONPATH", libraries().join("python")));
}

#[test]
fn the_client_library_for_node_works() {
    run_client("node", "client.cjs", ("NODE_PATH", libraries().join("node_modules")));
}
