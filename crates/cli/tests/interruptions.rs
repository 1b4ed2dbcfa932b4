//! Signals, closed pipes, kills, and a second process on the same haul.

mod common;

use std::io::Read as _;
use std::time::Duration;

use common::{CHILD_TIME_MAX, TestDirectory, TestServer, json_lines, respond_always, text};
use longhaul_origin::{FaultMix, Options};
use rustix::process::{Signal, kill_process};

/// A server so slow that a haul of sixty files with two simultaneous downloads takes fifteen seconds: even on a busy machine it
/// is still running when the test looks at it.
fn slow() -> TestServer {
    TestServer::start(FaultMix::none(), Options { latency: Duration::from_millis(500), ..Options::default() })
}

#[test]
fn a_signal_stops_a_run_and_the_next_run_finishes_it() {
    for (signal, files) in [(Signal::INT, 60), (Signal::TERM, 60), (Signal::HUP, 60)] {
        let (place, server) = (TestDirectory::new(), slow());
        place.file("list.txt", server.list(files));
        let arguments = ["get", "-i", "list.txt", "-d", "out", "--per-host", "2"];
        let mut running = place.spawn(&arguments);
        place.wait_for_status("out", |status| status["done"].as_u64() > Some(0));
        let status = place.status("out").expect("a haul");
        assert!(status["files_per_second"].as_f64() > Some(0.0), "{status}");
        assert!(status["bytes_per_second"].as_f64() > Some(0.0), "{status}");
        assert!(status["left_seconds"].as_u64().is_some(), "{status}");
        kill_process(running.pid(), signal).expect("it exists");
        assert_eq!(running.code(), Some(9));
        let status = place.status("out").expect("a haul");
        assert!(status["files_per_second"].is_null() && status["left_seconds"].is_null(), "{status}");
        assert_eq!((&status["running"], &status["rows"]), (&serde_json::Value::Null, &files.into()));
        assert!(status["pending"].as_u64() > Some(0), "{status}");
        place.longhaul(&["get", "-d", "out"]).assert().code(0);
        assert_eq!(place.status("out").expect("a haul")["done"], files);
    }
}

/// As from a script that starts the tests with `&`.
#[test]
fn the_tests_of_signals_pass_when_signals_are_ignored() {
    let tests = std::env::current_exe().expect("the path of this program");
    let mut shell = assert_cmd::Command::new("sh");
    shell.args(["-c", "trap '' INT HUP TERM; exec \"$0\" --exact \"$1\""]).arg(tests);
    shell.arg("a_signal_stops_a_run_that_waits_for_a_silent_pipe").timeout(CHILD_TIME_MAX).assert().success();
}

#[test]
fn a_signal_stops_a_run_that_waits_for_a_silent_pipe() {
    let place = TestDirectory::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    let silent = respond_always(b"");
    // Opened for reading and writing, so that opening does not wait. Nothing is ever written.
    let pipe = rustix::fs::open(place.path("pipe"), rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty());
    let _pipe = pipe.expect("it exists");
    let mut running = place.spawn(&["get", "-i", "pipe", "-d", "out", &format!("http://{silent}/")]);
    place.wait_for_status("out", |status| !status["running"].is_null());
    kill_process(running.pid(), Signal::INT).expect("it exists");
    assert_eq!(running.code(), Some(9));
}

/// Until the list is given again, no run reports a haul as complete whose list was only partly read before a kill.
#[test]
fn a_partly_read_list_has_to_be_given_again() {
    let (place, server) = (TestDirectory::new(), TestServer::start(FaultMix::none(), Options::default()));
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, place.path("list"), kind, mode, 0).expect("a pipe");
    let pipe = rustix::fs::open(place.path("list"), rustix::fs::OFlags::RDWR, mode).expect("it exists");
    rustix::io::write(&pipe, server.list(1).as_bytes()).expect("room in the pipe");
    let mut running = place.spawn(&["get", "-i", "list", "-d", "out"]);
    place.wait_for_status("out", |status| status["done"] == 1);
    kill_process(running.pid(), Signal::KILL).expect("it exists");
    running.code();
    let status = place.longhaul(&["status", "out"]).output().expect("the program starts");
    let printed = text(&status.stdout);
    let list = place.path("list").display().to_string();
    let resume_line = format!("to resume: longhaul get -i {list} -d out\n");
    assert!(printed.contains(&format!("list {list}: not read completely\n")), "{printed}");
    assert!(printed.contains(&resume_line), "{printed}");

    let without = place.longhaul(&["get", "-d", "out"]).output().expect("the program starts");
    let printed = text(&without.stderr);
    assert_eq!(without.status.code(), Some(9), "{printed}");
    assert!(printed.contains(&resume_line), "{printed}");

    rustix::fs::unlink(place.path("list")).expect("it exists");
    place.file("list", server.list(3));
    place.longhaul(&["get", "-i", "list", "-d", "out"]).assert().code(0);
    assert_eq!(place.status("out").expect("a haul")["done"], 3);
    place.longhaul(&["get", "-d", "out"]).assert().code(0);
}

/// The system refuses bytes beyond a limit of the process: with EFBIG, and with SIGXFSZ, which would end it.
#[test]
fn a_file_beyond_the_limit_of_the_process_fails_alone() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let long = ["/in-one-piece?size=250000", "/in-pieces?size=9000000"];
    let paths = [long[0], "/a", long[1], "/b"];
    place.file("list.txt", paths.map(|path| server.url(path) + "\n").concat());
    let script = "ulimit -f 400; exec \"$0\" get -i list.txt -d out --json";
    let mut shell = assert_cmd::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_longhaul")]).current_dir(place.path("."));
    let output = shell.timeout(CHILD_TIME_MAX).output().expect("a shell");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let failed: Vec<_> =
        json_lines(&output.stdout).into_iter().filter(|event| event["event"] == "failed").collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    for event in failed {
        assert_eq!((&event["class"], &event["attempts"]), (&"file".into(), &1.into()), "{event}");
        assert!(event["message"].as_str().is_some_and(|message| message.contains("too large")), "{event}");
    }
    for path in ["/a", "/b"] {
        assert_eq!(place.read(&format!("out/{}", server.name(path))), server.content(path));
    }
    assert_eq!(std::fs::read_dir(place.path("out/.longhaul/parts")).expect("a directory").count(), 0);
    // Without the limit, all is well.
    place.longhaul(&["retry", "out"]).assert().code(0);
}

/// A folder stands where the unfinished body of a row is kept.
#[test]
fn a_folder_in_place_of_a_part_fails_its_row_only() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(3));
    place.file("out/.longhaul/parts/1/mine", "mine");
    for _ in 0..2 {
        place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).assert().code(3);
        assert_eq!(place.status("out").expect("a haul")["done"], 2);
    }
    assert_eq!(place.read("out/.longhaul/parts/1/mine"), b"mine");
}

#[test]
fn a_second_process_learns_which_one_uses_the_haul() {
    let place = TestDirectory::new();
    let url = format!("http://{}/", respond_always(b""));
    let running = place.spawn(&["get", "-d", "out", &url]);
    let holder = format!("pid {}", running.0.id());
    place.wait_for_status("out", |status| status["running"] == *holder);
    for arguments in [&["get", "-d", "out"][..], &["get", "-d", "out", &url]] {
        let output = place.longhaul(arguments).output().expect("the program starts");
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{printed}");
        assert!(printed.contains(&format!("in use by {holder}")), "{printed}");
    }
}

#[test]
fn after_a_kill_the_counts_add_up_and_the_rest_is_fetched() {
    let (place, server) = (TestDirectory::new(), slow());
    place.file("list.txt", server.list(100));
    let arguments = ["get", "-i", "list.txt", "-d", "out", "--per-host", "4"];
    let mut running = place.spawn(&arguments);
    place.wait_for_status("out", |status| status["done"].as_u64() > Some(10));
    kill_process(running.pid(), Signal::KILL).expect("it exists");
    assert_eq!(running.code(), None);
    let status = place.status("out").expect("a haul");
    let sum: u64 =
        ["done", "failed", "skipped", "pending"].iter().filter_map(|name| status[name].as_u64()).sum();
    assert_eq!((sum, &status["running"]), (100, &serde_json::Value::Null));
    place.longhaul(&arguments).assert().code(0);
    for number in 0..100 {
        let path = format!("/f/{number}");
        assert_eq!(place.read(&format!("out/{}", server.name(&path))), server.content(&path));
    }
}

#[test]
fn a_closed_standard_output_does_not_stop_a_run() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(50));
    let mut running = place.spawn(&["get", "-i", "list.txt", "-d", "out", "--json"]);
    drop(running.0.stdout.take());
    drop(running.0.stderr.take());
    assert_eq!(running.code(), Some(0));
    assert_eq!(place.status("out").expect("a haul")["done"], 50);
}

#[test]
fn an_export_to_a_closed_pipe_ends_without_an_error() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(300));
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(0);
    let mut running = place.spawn(&["export", "out", "--format", "jsonl"]);
    drop(running.0.stdout.take());
    assert_eq!(running.code(), Some(0));
    let mut printed = String::new();
    running.0.stderr.take().expect("piped").read_to_string(&mut printed).expect("UTF-8");
    assert_eq!(printed, "");
}

/// Standard error is a pipe that is full and that nobody reads: the run ends with the exit code of its outcomes, with a trace too.
#[test]
fn messages_that_nobody_reads_hold_up_no_run() {
    for flag in ["-v", "-vv"] {
        let (place, server) =
            (TestDirectory::new(), respond_always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
        let urls: Vec<String> = (0..1000).map(|number| format!("http://{server}/{number}")).collect();
        place.file("list.txt", urls.join("\n"));
        let mut running = place.spawn(&["get", "-i", "list.txt", "-d", "out", flag, "--tries", "1"]);
        // Held and never read.
        let _stderr = running.0.stderr.take().expect("piped");
        let _stdout = running.0.stdout.take().expect("piped");
        assert_eq!(running.code(), Some(8), "{flag}");
        assert_eq!(place.status("out").expect("a haul")["failed"], 1000);
    }
}
