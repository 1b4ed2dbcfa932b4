//! `get` from end to end: lists, files, messages and events.

mod common;

use std::collections::BTreeSet;

use common::{TestDirectory, TestServer, json_lines, respond_always, text};
use longhaul_origin::{FaultMix, InjectedFault, Options};

#[test]
fn a_second_run_requests_nothing() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(20));
    for directory_flag in ["-d", "-P", "--directory-prefix"] {
        let arguments = ["get", "-c", "-i", "list.txt", directory_flag, "out"];
        place.longhaul(&arguments).assert().code(0);
        assert_eq!(server.origin.stats().requests, 20);
    }
    place.longhaul(&["get", "-d", "out"]).assert().code(0);
    assert_eq!(server.origin.stats().requests, 20);
    for number in 0..20 {
        let path = format!("/f/{number}");
        assert_eq!(place.read(&format!("out/{}", server.name(&path))), server.content(&path));
    }
}

#[test]
fn standard_input_and_arguments_are_lists() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let url = server.url("/argument");
    let command = &mut place.longhaul(&["get", "-i", "-", "-d", "out", &url]);
    command.write_stdin(server.list(3)).assert().code(0);
    let status = place.status("out").expect("a haul");
    assert_eq!((&status["rows"], &status["done"]), (&4.into(), &4.into()));
    let labels: Vec<&str> =
        status["lists"].as_array().expect("lists").iter().filter_map(|l| l["list"].as_str()).collect();
    assert_eq!(labels, ["-", "arguments"]);
}

#[test]
fn invalid_lines_do_not_affect_the_others() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let mut list = b"\xEF\xBB\xBF# a comment\r\n\r\n".to_vec();
    list.extend(server.url("/a").into_bytes());
    list.extend(b"\r\n\xff\xfe\nno url\n");
    list.extend(vec![b'x'; 1 << 20]);
    list.extend(format!("\n\x1b[2J\u{202e}evil\n{}\n{}", server.url("/b"), server.url("/a")).into_bytes());
    place.file("list.txt", &list);
    let output =
        place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).output().expect("the program starts");
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(!printed.contains(['\x1b', '\u{202e}']), "{printed}");
    for reason in
        ["not valid UTF-8", "longer than 64 KiB", "no scheme: write https://", "\\u{1b}[2J\\u{202e}evil"]
    {
        assert!(printed.contains(reason), "{reason}: {printed}");
    }
    assert_eq!(place.read(&format!("out/{}", server.name("/a"))), server.content("/a"));
    assert_eq!(place.read(&format!("out/{}", server.name("/b"))), server.content("/b"));
    let status = place.status("out").expect("a haul");
    assert_eq!((&status["done"], &status["failed"], &status["skipped"]), (&2.into(), &4.into(), &1.into()));
}

#[test]
fn no_output_shows_the_password_of_a_refused_line() {
    let place = TestDirectory::new();
    let long = "a".repeat(70_000);
    let lines = [
        "ftp://me:secret@host.test/",
        "me:secret@host.test/a",
        "http://me:sec/secret@host.test/",
        "http://me:secret@host.test:99999/",
    ];
    place.file("list.txt", format!("{}\nhttp://me:secret{long}@host.test/\n", lines.join("\n")));
    let outputs = [
        &["get", "-i", "list.txt", "-d", "out", "--dry-run"][..],
        &["get", "-i", "list.txt", "-d", "out", "--dry-run", "--json"],
        &["get", "-i", "list.txt", "-d", "out", "-v"],
        &["get", "-i", "list.txt", "-d", "other", "--json"],
        &["export", "out", "--format", "jsonl"],
        &["export", "out", "--format", "csv"],
        &["status", "out"],
    ]
    .map(|arguments| place.longhaul(arguments).output().expect("the program starts"));
    for output in &outputs {
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(!printed.contains("secret"), "{printed}");
    }
    assert!(text(&outputs[2].stderr).contains("ftp://***@host.test/"), "{}", text(&outputs[2].stderr));
    assert_eq!(json_lines(&outputs[4].stdout).len(), 5);
    for name in std::fs::read_dir(place.path("out/.longhaul")).expect("a haul") {
        let name = name.expect("a name").file_name().into_string().expect("UTF-8");
        if name != "parts" {
            let bytes = place.read(&format!("out/.longhaul/{name}"));
            assert!(!bytes.windows(6).any(|bytes| bytes == b"secret"), "{name}");
        }
    }
}

#[test]
fn every_outcome_is_one_event_and_the_report_is_the_last() {
    let place = TestDirectory::new();
    let server =
        TestServer::start(FaultMix::none().on("/f/1", .., InjectedFault::NotFound), Options::default());
    place.file("list.txt", server.list(5));
    let output = place
        .longhaul(&["get", "-i", "list.txt", "-d", "out", "--json", "-q"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    let lines = json_lines(&output.stdout);
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    let done: BTreeSet<&str> = of("done").iter().filter_map(|line| line["url"].as_str()).collect();
    assert_eq!((of("done").len(), done.len(), of("failed").len()), (4, 4, 1));
    let failed = of("failed")[0];
    assert_eq!(
        (&failed["class"], &failed["status"], &failed["phase"]),
        (&"4xx".into(), &404.into(), &"head".into())
    );
    let report = lines.last().expect("a last line");
    assert_eq!(
        (&report["event"], &report["done"], &report["exit_code"]),
        (&"report".into(), &4.into(), &8.into())
    );
    assert_eq!(report["failures"]["4xx"], 1);
    let digest = of("done")[0]["blake3"].as_str().expect("a digest");
    assert_eq!(digest.len(), 64);
}

#[test]
fn retries_are_printed_with_verbose() {
    let fails_once = || FaultMix::none().on("/a", 1..=1, InjectedFault::ResetBeforeHead);
    for (flag, is_printed) in [("-v", true), ("--json", false)] {
        let (place, server) = (TestDirectory::new(), TestServer::start(fails_once(), Options::default()));
        let output = place
            .longhaul(&["get", "-d", "out", &server.url("/a"), flag])
            .output()
            .expect("the program starts");
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        assert_eq!(printed.contains("retry: "), is_printed, "{printed}");
        assert!(printed.contains("1 retry\n"), "{printed}");
    }
}

#[test]
fn quiet_prints_failures_only() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let output =
        place.longhaul(&["get", "-q", "-d", "out", &server.url("/a")]).output().expect("the program starts");
    assert!(output.stderr.is_empty() && output.stdout.is_empty());
    let output = place.longhaul(&["get", "-q", "-d", "out", "no url"]).output().expect("the program starts");
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn a_file_of_another_program_is_never_changed() {
    for (flag, code) in [("--continue", 3), ("-nc", 0), ("--no-clobber", 0)] {
        let (place, server) = (TestDirectory::new(), TestServer::plain());
        let name = format!("out/{}", server.name("/a"));
        place.file(&name, "mine");
        place.longhaul(&["get", flag, "-d", "out", &server.url("/a")]).assert().code(code);
        assert_eq!(place.read(&name), b"mine");
    }
}

#[test]
fn retry_opens_parked_rows() {
    const LATER: &[u8] =
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let place = TestDirectory::new();
    let url = format!("http://{}/a", respond_always(LATER));
    place.longhaul(&["get", "-d", "out", &url]).assert().code(9);
    let again = place.longhaul(&["get", "-d", "out", "--json"]).output().expect("the program starts");
    let report = json_lines(&again.stdout).pop().expect("a report");
    assert_eq!((&report["requests"], &report["parked"]), (&0.into(), &1.into()), "{report}");
    for classes in [&["--class", "4xx"][..], &[]] {
        let retry = [&["retry", "out", "--json"], classes].concat();
        let retried = place.longhaul(&retry).output().expect("the program starts");
        let report = json_lines(&retried.stdout).pop().expect("a report");
        let requests = u64::from(classes.is_empty());
        assert_eq!((&report["requests"], &report["parked"]), (&requests.into(), &1.into()), "{report}");
    }
}

#[test]
fn retry_selects_failures_by_class() {
    let place = TestDirectory::new();
    let server =
        TestServer::start(FaultMix::none().on("/f/1", 1..=1, InjectedFault::NotFound), Options::default());
    place.file("list.txt", server.list(3));
    let output =
        place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    assert!(text(&output.stderr).contains("longhaul retry out --class 4xx\n"), "{}", text(&output.stderr));
    place.longhaul(&["retry", "out", "--class", "timeout,5xx"]).assert().code(8);
    assert_eq!(server.origin.stats().requests, 3);
    place.longhaul(&["retry", "out", "--class", "4xx"]).assert().code(0);
    assert_eq!(server.origin.stats().requests, 4);
}

#[test]
fn final_statuses_can_be_retried() {
    let place = TestDirectory::new();
    let server =
        TestServer::start(FaultMix::none().on("/a", 1..=2, InjectedFault::NotFound), Options::default());
    let url = server.url("/a");
    place.longhaul(&["get", "-d", "out", &url, "--retry-on-http-error", "404,410"]).assert().code(0);
    assert_eq!(server.origin.stats().requests, 3);
}

#[test]
fn a_dry_run_prints_what_a_run_would_fetch_and_changes_nothing() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", format!("{}no url\n{}", server.list(2), server.list(1)));
    let output = place
        .longhaul(&["get", "--dry-run", "-i", "list.txt", "-d", "out"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let expected: String =
        ["/f/0", "/f/1"].map(|path| format!("{}\t{}\n", server.url(path), server.name(path))).concat();
    assert_eq!(text(&output.stdout), expected);
    let printed = text(&output.stderr);
    assert!(printed.contains("list.txt:3: no url: "), "{printed}");
    assert!(printed.contains("2 to fetch, 1 refused, 1 skipped"), "{printed}");
    assert!(!place.path("out").exists());
    assert_eq!(server.origin.stats().connections, 0);

    // A finished URL is not listed, and a second dry run gives the same result.
    place.longhaul(&["get", "-q", "-d", "out", &server.url("/f/0")]).assert().code(0);
    for _ in 0..2 {
        let output = place.longhaul(&["get", "--dry-run", "--json", "-i", "list.txt", "-d", "out"]).output();
        let lines = json_lines(&output.expect("the program starts").stdout);
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["url"], &lines[0]["line"]), (&server.url("/f/1").into(), &2.into()));
    }
}

/// A file that was there before is compared with the list: it is adopted, or its row fails whatever `--no-clobber` would skip.
#[test]
fn a_file_that_is_there_is_adopted_or_contradicts_the_list() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let [right, wrong] = ["/right", "/wrong"].map(|path| (path, server.content(path)));
    place.file(&format!("out/{}", server.name(right.0)), &right.1);
    place.file(&format!("out/{}", server.name(wrong.0)), b"of another program");
    let line = |(path, content): &(&str, Vec<u8>)| {
        let digest = server.origin.site().content(path).blake3().map(|byte| format!("{byte:02x}")).concat();
        format!("{} size={} blake3={digest}\n", server.url(path), content.len())
    };
    place.file("list.txt", line(&right) + &line(&wrong));
    let arguments = ["get", "-nc", "-i", "list.txt", "-d", "out", "--json"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(server.origin.stats().requests, 0);
    let lines = json_lines(&output.stdout);
    let adopted = lines.iter().find(|line| line["event"] == "adopted").expect("an event");
    assert_eq!(adopted["name"], server.name(right.0));
    assert_eq!(lines.last().expect("a report")["adopted"], 1);
    assert_eq!(place.read(&format!("out/{}", server.name(wrong.0))), b"of another program");
    let output =
        place.longhaul(&["export", "out", "--format", "jsonl"]).output().expect("the program starts");
    let rows = json_lines(&output.stdout);
    assert_eq!((&rows[0]["outcome"], &rows[0]["status"]), (&"adopted".into(), &serde_json::Value::Null));
    assert_eq!(rows[0]["verification"], "digest blake3");
    assert_eq!((&rows[1]["outcome"], &rows[1]["class"]), (&"failed".into(), &"file".into()));
    place.longhaul(&["verify", "out"]).assert().code(0);
}
