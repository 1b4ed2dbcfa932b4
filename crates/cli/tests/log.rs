//! `--log` from end to end: complete, bounded, and never in the way of the run.

mod common;

use common::{TestDirectory, json_lines, respond_always, text};
use rustix::fs::{CWD, FileType, Mode, OFlags};

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A directory with a list of so many URLs, none of which exists on its host.
fn missing_files(count: usize) -> TestDirectory {
    let place = TestDirectory::new();
    let host = respond_always(NOT_FOUND);
    place.file(
        "list.txt",
        (0..count).map(|n| format!("http://{host}/missing/{n}")).collect::<Vec<_>>().join("\n"),
    );
    place
}

#[test]
fn every_failure_is_in_the_log_and_few_are_on_the_terminal() {
    let place = missing_files(40);
    let arguments = ["get", "-i", "list.txt", "-d", "out", "--log", "run.log"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    let printed = text(&output.stderr);
    let lines = printed.lines().filter(|line| line.starts_with("failed: http://"));
    assert_eq!(lines.count(), 5, "{printed}");
    assert!(printed.contains("failed: 35 more from http://"), "{printed}");
    let log = text(&place.read("run.log"));
    for number in 0..40 {
        assert!(log.contains(&format!("/missing/{number}: ")), "{number} is in {log}");
    }
    let last = log.lines().last().expect("a line");
    assert!(log.contains("40 failed") && last.contains("longhaul retry out"), "{log}");
    assert!(log.lines().all(|line| line.as_bytes()[10] == b'T' && line.as_bytes()[23] == b'Z'), "{log}");

    let everything = place.longhaul(&["retry", "out", "-v"]).output().expect("the program starts");
    let printed = text(&everything.stderr);
    let lines =
        printed.lines().filter(|line| line.starts_with("failed: http://") && line.ends_with("given up)"));
    assert_eq!(lines.count(), 40, "{printed}");
}

#[test]
fn the_extension_or_the_flag_makes_it_json() {
    for arguments in [&["--log", "run.jsonl"][..], &["--log", "run.log", "--log-format", "json"]] {
        let place = missing_files(7);
        let arguments = [&["get", "-q", "-i", "list.txt", "-d", "out"], arguments].concat();
        place.longhaul(&arguments).assert().code(8);
        let lines = json_lines(&place.read(arguments[7]));
        assert_eq!(lines.iter().filter(|line| line["event"] == "failed").count(), 7, "{lines:?}");
        assert!(lines.iter().all(|line| line["event"] != "started" && line["time"].is_string()));
        assert_eq!(lines.last().expect("a line")["event"], "report");
    }
}

#[test]
fn a_full_log_is_renamed_and_the_oldest_is_removed() {
    let place = missing_files(300);
    place.file("run.log", "an earlier run, cut off");
    let arguments = ["get", "-q", "-i", "list.txt", "-d", "out", "--log", "run.log", "--log-size", "4k"];
    place.longhaul(&arguments).assert().code(8);
    let names = ["run.log", "run.log.1", "run.log.2", "run.log.3", "run.log.4"];
    for name in names {
        let log = text(&place.read(name));
        assert!((1..=4096).contains(&log.len()), "{name} has {} bytes", log.len());
        assert!(log.ends_with('\n'), "{name}");
    }
    assert!(!place.path("run.log.5").exists());
    place.longhaul(&["get", "-d", "out", "--log", "other", "--log-size", "100"]).assert().code(2);
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_run() {
    let place = missing_files(3);
    let arguments = ["get", "-i", "list.txt", "-d", "out", "--log", "/dev/full"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    let printed = text(&output.stderr);
    assert_eq!(printed.matches("the log loses lines: cannot write /dev/full").count(), 1, "{printed}");
    assert_eq!(place.status("out").expect("a haul")["failed"], 3);

    let output = place.longhaul(&["retry", "out", "--log", "no/where"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("cannot write no/where"), "{}", text(&output.stderr));
    let reopened = "the rows are pending: nothing was requested";
    assert_eq!(place.status("out").expect("a haul")["pending"], 3, "{reopened}");
}

/// A pipe that nobody reads takes 64 KiB, and then hangs, as a dead network disk does.
#[test]
fn a_log_that_hangs_does_not_hold_up_the_run() {
    let place = missing_files(1_000);
    rustix::fs::mknodat(CWD, place.path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .expect("a pipe");
    let pipe = rustix::fs::open(place.path("pipe"), OFlags::RDWR, Mode::empty()).expect("it exists");
    let arguments = ["get", "-i", "list.txt", "-d", "out", "--log", "pipe"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    let printed = text(&output.stderr);
    assert!(printed.contains("the log loses lines"), "{printed}");
    assert_eq!(place.status("out").expect("a haul")["failed"], 1_000);
    drop(pipe);
}
