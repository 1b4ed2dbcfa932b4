//! Every exit code, and the message that comes with it.

mod common;

use common::{TestDirectory, TestServer, respond_always, text, unused_address};

/// Runs `get` for one URL. Returns the exit code and standard error.
fn get(url: &str, flags: &[&str]) -> (i32, String) {
    let place = TestDirectory::new();
    let arguments = [&["get", "-d", "out", url], flags].concat();
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert!(output.stdout.is_empty(), "standard output is for data only");
    (output.status.code().expect("no signal"), text(&output.stderr))
}

#[test]
fn success_is_0() {
    let server = TestServer::plain();
    let (code, printed) = get(&server.url("/a"), &[]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("1 done"), "{printed}");
}

#[test]
fn each_class_of_failures_has_its_code() {
    let unauthorised = respond_always(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    let garbage = respond_always(b"what do you want?\r\n\r\n");
    let elsewhere =
        respond_always(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    let absent = respond_always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let failing = respond_always(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    let silent = respond_always(b"");
    let table = [
        (format!("http://{}/", unused_address()), 4, "refused"),
        (format!("http://{silent}/"), 4, "timed out"),
        (format!("https://{garbage}/"), 5, "tls"),
        (format!("http://{unauthorised}/"), 6, "401 Unauthorized"),
        (format!("http://{garbage}/"), 7, "not HTTP"),
        (format!("http://{elsewhere}/"), 7, "redirect"),
        (format!("http://{absent}/"), 8, "404 Not Found"),
        (format!("http://{failing}/"), 8, "500 Internal Server Error"),
        ("ftp://127.0.0.1/a".to_owned(), 2, "unsupported scheme ftp"),
    ];
    for (url, expected, word) in table {
        let (code, printed) = get(&url, &["--tries", "1", "--timeout", "1s"]);
        assert_eq!(code, expected, "{url}: {printed}");
        assert!(printed.contains(word), "{url}: {printed}");
    }
}

#[test]
fn the_lowest_code_of_several_failures_wins() {
    let absent = respond_always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let url = format!("http://{absent}/");
    assert_eq!(get(&url, &[&format!("http://{}/", unused_address()), "--tries", "1"]).0, 4);
    assert_eq!(get(&url, &["no url"]).0, 2);
}

#[test]
fn a_parked_row_is_9() {
    let busy =
        respond_always(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n");
    let (code, printed) = get(&format!("http://{busy}/"), &[]);
    assert_eq!(code, 9, "{printed}");
    assert!(printed.contains("to resume: longhaul get -d out"), "{printed}");
}

#[test]
fn usage_errors_are_2() {
    let place = TestDirectory::new();
    place.file("list.txt", "");
    let table: [(&[&str], &str); 14] = [
        (&["get", "-d", "out", "list.txt"], "list.txt is a file, not a URL"),
        (&["get", "-d", "out", "--no-such-flag"], "--no-such-flag"),
        (&["get", "http://127.0.0.1/"], "--dir"),
        (&["get", "-d", "out"], "no haul in out"),
        (&["get", "-d", "out", "-i", "-", "-i", "-"], "standard input is named twice"),
        (&["get", "-d", "out", "-q", "-v", "http://h/"], "'--quiet' cannot be used with '--verbose...'"),
        (&["get", "-d", "out", "--timeout", "soon"], "--timeout <TIME>': expected a time such as 500ms"),
        (&["get", "-d", "out", "--limit-rate", "fast"], "--limit-rate <SIZE>': expected a number of bytes"),
        (&["get", "-d", "out", "--tries", "0"], "--tries <N>': expected a number from 1, or `inf`"),
        (&["get", "-d", "out", "-j", "0"], "--jobs <N>'"),
        (&["get", "-d", "out", "-H", "Host: other"], "the field host is set by longhaul itself"),
        (&["get", "-d", "out", "-k", "https://h/"], "--insecure <HOST>': expected a host's name or address"),
        (&["get", "-d", "out", "--retry-on-http-error", "200"], "--retry-on-http-error <CODES>'"),
        (&["retry", "out", "--class", "timeout,bogus"], "--class <CLASS>': expected one of dns, refused"),
    ];
    for (arguments, word) in table {
        let output = place.longhaul(arguments).output().expect("the program starts");
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {printed}");
        assert!(printed.contains(word), "{arguments:?}: {printed}");
        assert!(!place.path("out").exists(), "{arguments:?}: nothing is created");
    }
}

#[test]
fn file_errors_are_3() {
    let place = TestDirectory::new();
    place.file("file", "");
    let table: [(&[&str], &str); 7] = [
        (&["get", "-i", "missing.txt", "-d", "out"], "cannot read the list missing.txt: No such file"),
        (
            &["get", "-i", "missing.txt", "-d", "out", "--dry-run"],
            "cannot read the list missing.txt: No such file",
        ),
        (&["get", "-i", "/", "-d", "out"], "cannot read the list /: is a directory"),
        (&["get", "http://127.0.0.1/", "-d", "file/below"], "cannot use the directory file/below"),
        (&["status", "nowhere"], "cannot use the directory nowhere"),
        (&["status", "."], "there is no haul here"),
        (&["export", ".", "--format", "csv"], "there is no haul here"),
    ];
    for (arguments, word) in table {
        let output = place.longhaul(arguments).output().expect("the program starts");
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {printed}");
        assert!(printed.contains(word), "{arguments:?}: {printed}");
        assert!(!place.path("out").exists(), "{arguments:?}: nothing is created");
    }
}

#[test]
fn an_error_is_the_last_json_line() {
    let place = TestDirectory::new();
    let output = place
        .longhaul(&["get", "-i", "missing.txt", "-d", "out", "--json"])
        .output()
        .expect("the program starts");
    let lines = common::json_lines(&output.stdout);
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["event"], &lines[0]["exit_code"]), (&"error".into(), &3.into()));
}
