//! Signals, closed pipes, kills, and a second process on the same haul.

mod common;

use std::io::Read as _;
use std::time::Duration;

use common::{Place, Served, answering, text};
use longhaul_origin::{FaultMix, Options};
use rustix::process::{Signal, kill_process};

/// A host so slow that, asked for two files at a time, a haul of sixty takes a quarter of a minute: also on a busy machine
/// it is not over before it is looked at.
fn slow() -> Served {
    Served::start(FaultMix::none(), Options { latency: Duration::from_millis(500), ..Options::default() })
}

#[test]
fn a_signal_stops_a_run_and_the_next_run_finishes_it() {
    for (signal, files) in [(Signal::INT, 60), (Signal::TERM, 60), (Signal::HUP, 60)] {
        let (place, served) = (Place::new(), slow());
        place.file("list.txt", served.list(files));
        let arguments = ["get", "-i", "list.txt", "-d", "out", "--per-host", "2"];
        let mut running = place.spawn(&arguments);
        place.wait_for_status("out", |status| status["done"].as_u64() > Some(0));
        kill_process(running.pid(), signal).expect("it is there");
        assert_eq!(running.code(), Some(9));
        let status = place.status("out").expect("a haul");
        assert_eq!((&status["running"], &status["rows"]), (&serde_json::Value::Null, &files.into()));
        assert!(status["pending"].as_u64() > Some(0), "{status}");
        place.longhaul(&["get", "-d", "out"]).assert().code(0);
        assert_eq!(place.status("out").expect("a haul")["done"], files);
    }
}

#[test]
fn a_run_that_waits_for_a_silent_pipe_stops_too() {
    let place = Place::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    let silent = answering(b"");
    // Opened for both, so that opening does not wait; nothing is ever written.
    let pipe = rustix::fs::open(place.path("pipe"), rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty());
    let _pipe = pipe.expect("it is there");
    let mut running = place.spawn(&["get", "-i", "pipe", "-d", "out", &format!("http://{silent}/")]);
    place.wait_for_status("out", |status| !status["running"].is_null());
    kill_process(running.pid(), Signal::INT).expect("it is there");
    assert_eq!(running.code(), Some(9));
}

/// Lines that were not read before a kill are not forgotten: until the list is given again, no run calls the haul complete.
#[test]
fn a_list_that_was_not_read_to_its_end_is_asked_for() {
    let (place, served) = (Place::new(), Served::start(FaultMix::none(), Options::default()));
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, place.path("list"), kind, mode, 0).expect("a pipe");
    let pipe = rustix::fs::open(place.path("list"), rustix::fs::OFlags::RDWR, mode).expect("it is there");
    rustix::io::write(&pipe, served.list(1).as_bytes()).expect("room in the pipe");
    let mut running = place.spawn(&["get", "-i", "list", "-d", "out"]);
    place.wait_for_status("out", |status| status["done"] == 1);
    kill_process(running.pid(), Signal::KILL).expect("it is there");
    running.code();
    let status = place.longhaul(&["status", "out"]).output().expect("it runs");
    let said = text(&status.stdout);
    let list = place.path("list").display().to_string();
    let to_go_on = format!("to resume: longhaul get -i {list} -d out\n");
    assert!(said.contains(&format!("list {list}: not read completely\n")), "{said}");
    assert!(said.contains(&to_go_on), "{said}");

    let without = place.longhaul(&["get", "-d", "out"]).output().expect("it runs");
    let said = text(&without.stderr);
    assert_eq!(without.status.code(), Some(9), "{said}");
    assert!(said.contains(&to_go_on), "{said}");

    rustix::fs::unlink(place.path("list")).expect("it is there");
    place.file("list", served.list(3));
    place.longhaul(&["get", "-i", "list", "-d", "out"]).assert().code(0);
    assert_eq!(place.status("out").expect("a haul")["done"], 3);
    place.longhaul(&["get", "-d", "out"]).assert().code(0);
}

#[test]
fn a_second_process_is_told_who_works_there() {
    let place = Place::new();
    let url = format!("http://{}/", answering(b""));
    let running = place.spawn(&["get", "-d", "out", &url]);
    let holder = format!("pid {}", running.0.id());
    place.wait_for_status("out", |status| status["running"] == *holder);
    for arguments in [&["get", "-d", "out"][..], &["get", "-d", "out", &url]] {
        let output = place.longhaul(arguments).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("in use by {holder}")), "{said}");
    }
}

#[test]
fn after_a_kill_the_status_adds_up_and_the_rest_is_fetched() {
    let (place, served) = (Place::new(), slow());
    place.file("list.txt", served.list(100));
    let arguments = ["get", "-i", "list.txt", "-d", "out", "--per-host", "4"];
    let mut running = place.spawn(&arguments);
    place.wait_for_status("out", |status| status["done"].as_u64() > Some(10));
    kill_process(running.pid(), Signal::KILL).expect("it is there");
    assert_eq!(running.code(), None);
    let status = place.status("out").expect("a haul");
    let sum: u64 =
        ["done", "failed", "skipped", "pending"].iter().filter_map(|name| status[name].as_u64()).sum();
    assert_eq!((sum, &status["running"]), (100, &serde_json::Value::Null));
    place.longhaul(&arguments).assert().code(0);
    for number in 0..100 {
        let path = format!("/f/{number}");
        assert_eq!(place.read(&format!("out/{}", served.name(&path))), served.content(&path));
    }
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let (place, served) = (Place::new(), Served::plain());
    place.file("list.txt", served.list(50));
    let mut running = place.spawn(&["get", "-i", "list.txt", "-d", "out", "--json"]);
    drop(running.0.stdout.take());
    drop(running.0.stderr.take());
    assert_eq!(running.code(), Some(0));
    assert_eq!(place.status("out").expect("a haul")["done"], 50);
}

#[test]
fn an_export_into_a_closed_pipe_ends_quietly() {
    let (place, served) = (Place::new(), Served::plain());
    place.file("list.txt", served.list(300));
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(0);
    let mut running = place.spawn(&["export", "out", "--format", "jsonl"]);
    drop(running.0.stdout.take());
    assert_eq!(running.code(), Some(0));
    let mut said = String::new();
    running.0.stderr.take().expect("piped").read_to_string(&mut said).expect("UTF-8");
    assert_eq!(said, "");
}
