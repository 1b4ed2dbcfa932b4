//! `LONGHAUL_LOG` and `-vv`: the trace of the program's decisions.

mod common;

use common::{TestDirectory, TestServer, text};

/// Runs `get` for one URL with this filter. Returns the exit code and standard error.
fn traced_get(url: &str, filter: Option<&str>, flags: &[&str]) -> (Option<i32>, String) {
    let directory = TestDirectory::new();
    let mut command = directory.longhaul(&[&["get", "-d", "out", url], flags].concat());
    match filter {
        Some(filter) => command.env("LONGHAUL_LOG", filter),
        None => command.env_remove("LONGHAUL_LOG"),
    };
    let output = command.output().expect("the program starts");
    (output.status.code(), text(&output.stderr))
}

#[test]
fn the_trace_is_off_by_default() {
    let server = TestServer::plain();
    for flags in [&["-q"] as &[&str], &["-v"]] {
        let (code, stderr) = traced_get(&server.url("/a"), None, flags);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(!stderr.contains("longhaul::"), "{stderr}");
    }
    assert_eq!(traced_get(&server.url("/a"), Some("off"), &["-q"]), (Some(0), String::new()));
}

#[test]
fn the_variable_and_the_flag_turn_the_trace_on() {
    let server = TestServer::plain();
    for (filter, flags) in
        [(Some("debug"), &["--tries", "1", "-q"] as &[&str]), (None, &["--tries", "1", "-vv"])]
    {
        let (code, stderr) = traced_get(&server.url("/a"), filter, flags);
        assert_eq!(code, Some(0), "{stderr}");
        let event = stderr.lines().find(|line| line.contains(" longhaul::") || line.contains(": longhaul"));
        let event = event.unwrap_or_else(|| panic!("no event: {stderr}"));
        // RFC 3339, in UTC.
        assert!(event.starts_with("20") && event.contains("Z "), "{event}");
        for span in ["haul", "host"] {
            assert!(stderr.contains(&format!("{span}{{")), "{span}: {stderr}");
        }
    }
}

#[test]
fn text_of_a_server_is_escaped() {
    let server = common::respond_always(b"\x1b[2Jwhat\x07\r\n\r\n");
    let (code, stderr) = traced_get(&format!("http://{server}/a"), Some("trace"), &["--tries", "1"]);
    assert_eq!(code, Some(7), "{stderr}");
    assert!(!stderr.contains(['\x1b', '\x07', '\r']), "{stderr:?}");
}

#[test]
fn an_invalid_filter_is_a_usage_error() {
    let (code, stderr) = traced_get("http://127.0.0.1/", Some("longhaul=loud"), &[]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("LONGHAUL_LOG is not a valid filter"), "{stderr}");
}
