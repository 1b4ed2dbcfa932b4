//! `get` from end to end: lists in, files and words out.

mod common;

use std::collections::BTreeSet;

use common::{Place, Served, json_lines, text};
use longhaul_origin::{FaultMix, InjectedFault, Options};

#[test]
fn a_second_run_asks_for_nothing() {
    let (place, served) = (Place::new(), Served::plain());
    place.file("list.txt", served.list(20));
    for directory_flag in ["-d", "-P", "--directory-prefix"] {
        let arguments = ["get", "-c", "-i", "list.txt", directory_flag, "out"];
        place.longhaul(&arguments).assert().code(0);
        assert_eq!(served.origin.stats().requests, 20);
    }
    place.longhaul(&["get", "-d", "out"]).assert().code(0);
    assert_eq!(served.origin.stats().requests, 20);
    for number in 0..20 {
        let path = format!("/f/{number}");
        assert_eq!(place.read(&format!("out/{}", served.name(&path))), served.content(&path));
    }
}

#[test]
fn standard_input_and_arguments_are_lists() {
    let (place, served) = (Place::new(), Served::plain());
    let url = served.url("/argument");
    let command = &mut place.longhaul(&["get", "-i", "-", "-d", "out", &url]);
    command.write_stdin(served.list(3)).assert().code(0);
    let status = place.status("out").expect("a haul");
    assert_eq!((&status["rows"], &status["done"]), (&4.into(), &4.into()));
    let labels: Vec<&str> =
        status["lists"].as_array().expect("lists").iter().filter_map(|l| l["list"].as_str()).collect();
    assert_eq!(labels, ["-", "arguments"]);
}

#[test]
fn bad_lines_cost_nothing_but_themselves() {
    let (place, served) = (Place::new(), Served::plain());
    let mut list = b"\xEF\xBB\xBF# a comment\r\n\r\n".to_vec();
    list.extend(served.url("/a").into_bytes());
    list.extend(b"\r\n\xff\xfe\nno url\n");
    list.extend(vec![b'x'; 1 << 20]);
    list.extend(format!("\n\x1b[2J\u{202e}evil\n{}\n{}", served.url("/b"), served.url("/a")).into_bytes());
    place.file("list.txt", &list);
    let output = place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).output().expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains(['\x1b', '\u{202e}']), "{said}");
    for reason in ["not valid UTF-8", "longer than 64 KiB", "no scheme", "\\u{1b}[2J\\u{202e}evil"] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(place.read(&format!("out/{}", served.name("/a"))), served.content("/a"));
    assert_eq!(place.read(&format!("out/{}", served.name("/b"))), served.content("/b"));
    let status = place.status("out").expect("a haul");
    assert_eq!((&status["done"], &status["failed"], &status["skipped"]), (&2.into(), &4.into(), &1.into()));
}

#[test]
fn json_lines_tell_every_outcome_once_and_end_with_the_report() {
    let place = Place::new();
    let served = Served::start(FaultMix::none().on("/f/1", .., InjectedFault::NotFound), Options::default());
    place.file("list.txt", served.list(5));
    let output =
        place.longhaul(&["get", "-i", "list.txt", "-d", "out", "--json", "-q"]).output().expect("it runs");
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
fn retries_are_told_to_those_who_ask() {
    let fails_once = || FaultMix::none().on("/a", 1..=1, InjectedFault::ResetBeforeHead);
    for (flag, is_told) in [("-v", true), ("--json", false)] {
        let (place, served) = (Place::new(), Served::start(fails_once(), Options::default()));
        let output =
            place.longhaul(&["get", "-d", "out", &served.url("/a"), flag]).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.contains("retry: "), is_told, "{said}");
        assert!(said.contains("1 retry\n"), "{said}");
    }
}

#[test]
fn quiet_says_nothing_but_failures() {
    let (place, served) = (Place::new(), Served::plain());
    let output = place.longhaul(&["get", "-q", "-d", "out", &served.url("/a")]).output().expect("it runs");
    assert!(output.stderr.is_empty() && output.stdout.is_empty());
    let output = place.longhaul(&["get", "-q", "-d", "out", "no url"]).output().expect("it runs");
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn a_file_of_somebody_else_is_never_touched() {
    for (flag, code) in [("--continue", 3), ("-nc", 0), ("--no-clobber", 0)] {
        let (place, served) = (Place::new(), Served::plain());
        let name = format!("out/{}", served.name("/a"));
        place.file(&name, "mine");
        place.longhaul(&["get", flag, "-d", "out", &served.url("/a")]).assert().code(code);
        assert_eq!(place.read(&name), b"mine");
    }
}

#[test]
fn failed_rows_are_tried_again_by_class() {
    let place = Place::new();
    let served =
        Served::start(FaultMix::none().on("/f/1", 1..=1, InjectedFault::NotFound), Options::default());
    place.file("list.txt", served.list(3));
    let output = place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(8));
    assert!(text(&output.stderr).contains("longhaul retry out --class 4xx\n"), "{}", text(&output.stderr));
    place.longhaul(&["retry", "out", "--class", "timeout,5xx"]).assert().code(8);
    assert_eq!(served.origin.stats().requests, 3);
    place.longhaul(&["retry", "out", "--class", "4xx"]).assert().code(0);
    assert_eq!(served.origin.stats().requests, 4);
}

#[test]
fn statuses_can_be_tried_again() {
    let place = Place::new();
    let served = Served::start(FaultMix::none().on("/a", 1..=2, InjectedFault::NotFound), Options::default());
    let url = served.url("/a");
    place.longhaul(&["get", "-d", "out", &url, "--retry-on-http-error", "404,410"]).assert().code(0);
    assert_eq!(served.origin.stats().requests, 3);
}

#[test]
fn a_dry_run_says_what_a_run_would_do_and_touches_nothing() {
    let (place, served) = (Place::new(), Served::plain());
    place.file("list.txt", format!("{}no url\n{}", served.list(2), served.list(1)));
    let output =
        place.longhaul(&["get", "--dry-run", "-i", "list.txt", "-d", "out"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let expected: String =
        ["/f/0", "/f/1"].map(|path| format!("{}\t{}\n", served.url(path), served.name(path))).concat();
    assert_eq!(text(&output.stdout), expected);
    let said = text(&output.stderr);
    assert!(said.contains("list.txt:3: no url: "), "{said}");
    assert!(said.contains("2 to fetch, 1 refused, 1 skipped"), "{said}");
    assert!(!place.path("out").exists());
    assert_eq!(served.origin.stats().connections, 0);

    // What is done already would not be fetched again, and a second look does not change that.
    place.longhaul(&["get", "-q", "-d", "out", &served.url("/f/0")]).assert().code(0);
    for _ in 0..2 {
        let output = place.longhaul(&["get", "--dry-run", "--json", "-i", "list.txt", "-d", "out"]).output();
        let lines = json_lines(&output.expect("it runs").stdout);
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["url"], &lines[0]["line"]), (&served.url("/f/1").into(), &2.into()));
    }
}
