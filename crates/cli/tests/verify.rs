//! `verify` from end to end: what it prints, its exit codes, and a repair.
#![expect(clippy::disallowed_methods, reason = "tests change files directly, and their times")]

mod common;

use std::fs;
use std::time::{Duration, SystemTime};

use common::{TestDirectory, TestServer, json_lines, text};

/// A finished haul of this many files.
fn haul(files: usize) -> (TestDirectory, TestServer) {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(files));
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(0);
    (place, server)
}

fn file_name(server: &TestServer, number: usize) -> String {
    format!("out/{}", server.name(&format!("/f/{number}")))
}

/// The JSON lines and the exit code of `verify` with these flags.
fn verify(place: &TestDirectory, flags: &[&str]) -> (Vec<serde_json::Value>, i32) {
    let arguments = [&["verify", "out", "--json"], flags].concat();
    let output = place.longhaul(&arguments).output().expect("the program starts");
    (json_lines(&output.stdout), output.status.code().expect("an exit code"))
}

#[test]
fn every_difference_is_found_and_repaired() {
    let (place, server) = haul(6);
    for flags in [&[][..], &["--quick"]] {
        let (lines, code) = verify(&place, flags);
        assert_eq!((lines.len(), code), (1, 0), "{lines:?}");
        assert_eq!(
            (&lines[0]["files"], &lines[0]["intact"], &lines[0]["foreign"]),
            (&6.into(), &6.into(), &0.into())
        );
        assert_eq!(lines[0]["bytes_read"] == 0, flags.contains(&"--quick"), "{lines:?}");
    }
    fs::remove_file(place.path(&file_name(&server, 0))).expect("a finished file");
    // The same size.
    let size = server.content("/f/1").len();
    place.file(&file_name(&server, 1), vec![0; size]);
    place.file(&file_name(&server, 2), b"longer or shorter");
    place.file(&format!("{}.part", file_name(&server, 3)), b"of another program");
    fs::remove_file(place.path(&file_name(&server, 4))).expect("a finished file");
    place.file(&format!("{}/mine", file_name(&server, 4)), b"within");
    for flags in [&[][..], &["--quick"]] {
        let (lines, code) = verify(&place, flags);
        let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().expect("an event")).collect();
        assert_eq!(
            (&events[..], code),
            (&["missing", "changed", "changed", "changed", "foreign", "report"][..], 3),
            "{lines:?}"
        );
        assert_eq!(lines[1]["message"], "its digest is not the recorded one");
    }
    let output = place.longhaul(&["verify", "out"]).output().expect("the program starts");
    let printed = text(&output.stdout);
    assert!(printed.contains("6 files: 2 as recorded, 1 missing, 3 changed; 1 foreign"), "{printed}");
    assert!(printed.contains("longhaul verify out --repair"), "{printed}");

    let (lines, code) = verify(&place, &["--repair"]);
    assert_eq!((code, &lines.last().expect("a report")["repaired"]), (9, &4.into()));
    // A killed repair leaves the haul like this: the next one has nothing to do, and the rows are still to be downloaded.
    let (lines, code) = verify(&place, &["--repair"]);
    let report = lines.last().expect("a report");
    assert_eq!((code, &report["repaired"], &report["pending"]), (9, &0.into(), &4.into()));
    let status = place.status("out").expect("a haul");
    assert_eq!((&status["done"], &status["pending"]), (&2.into(), &4.into()));
    place.longhaul(&["get", "-q", "-d", "out"]).assert().code(0);
    assert_eq!(server.origin.stats().requests, 10);
    for number in 0..6 {
        assert_eq!(place.read(&file_name(&server, number)), server.content(&format!("/f/{number}")));
    }
    assert_eq!(place.read(&format!("{}~changed", file_name(&server, 2))), b"longer or shorter");
    assert_eq!(place.read(&format!("{}~changed/mine", file_name(&server, 4))), b"within");
    let (lines, code) = verify(&place, &["--repair"]);
    assert_eq!(
        (code, &lines.last().expect("a report")["foreign"]),
        (0, &4.into()),
        "what was moved aside is foreign"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_foreign_file_whose_name_is_no_text_is_listed() {
    use std::os::unix::ffi::OsStrExt as _;
    let (place, server) = haul(1);
    let directory = server.name("/f");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9 \xff");
    fs::write(place.path(&format!("out/{directory}")).join(name), b"mine").expect("a file");
    let (lines, code) = verify(&place, &[]);
    assert_eq!((&lines[0]["event"], code), (&"foreign".into(), 0), "{lines:?}");
    assert_eq!(lines[0]["name"], format!("{directory}/caf\\xe9 \\xff"));
    assert_eq!(lines[1]["foreign"], 1);
}

/// A symbolic link has replaced the directory of a host: it is not followed, its rows are reported, and the others are compared.
#[test]
fn a_directory_that_became_a_link_is_reported_and_not_followed() {
    let (place, server) = haul(2);
    let (other, directory) = (TestServer::plain(), format!("out/{}", server.name("")));
    place.file("other.txt", other.list(1));
    place.longhaul(&["get", "-q", "-i", "other.txt", "-d", "out"]).assert().code(0);
    let directory = place.path(directory.trim_end_matches('/'));
    fs::rename(&directory, place.path("elsewhere")).expect("a directory");
    std::os::unix::fs::symlink(place.path("elsewhere"), &directory).expect("a link");
    let message = "a directory above it is a symbolic link, which is not followed";
    for flags in [&[][..], &["--quick"], &["--repair"]] {
        let (lines, code) = verify(&place, flags);
        let unreadable: Vec<_> = lines.iter().filter(|line| line["event"] == "unreadable").collect();
        assert_eq!((unreadable.len(), code), (2, 3), "{flags:?}: {lines:?}");
        assert_eq!(unreadable[0]["message"], message);
        let report = lines.last().expect("a report");
        assert_eq!(
            (&report["files"], &report["intact"], &report["repaired"]),
            (&3.into(), &1.into(), &0.into())
        );
        assert_eq!(lines.iter().filter(|line| line["event"] == "not_listed").count(), 1, "{lines:?}");
    }
    let output = place.longhaul(&["get", "-d", "out"]).output().expect("the program starts");
    assert!(text(&output.stderr).contains("2 of 3 finished files"), "{}", text(&output.stderr));
}

#[test]
fn a_file_with_another_time_is_read() {
    let (place, server) = haul(2);
    let file =
        fs::File::options().write(true).open(place.path(&file_name(&server, 0))).expect("a finished file");
    file.set_modified(SystemTime::now() - Duration::from_hours(1)).expect("a time");
    let (lines, code) = verify(&place, &["--quick"]);
    assert_eq!(code, 0);
    assert_eq!(lines[0]["bytes_read"], server.content("/f/0").len(), "one of two was read");
}

#[test]
fn a_run_says_that_files_are_missing() {
    let (place, server) = haul(3);
    fs::remove_file(place.path(&file_name(&server, 1))).expect("a finished file");
    let output = place.longhaul(&["get", "-d", "out", "--json"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "what was reported stays");
    let printed = text(&output.stderr);
    assert!(printed.contains("1 of 3 finished files"), "{printed}");
    assert!(printed.contains("longhaul verify"), "{printed}");
    let event = json_lines(&output.stdout).into_iter().find(|line| line["event"] == "files_missing");
    let event = event.expect("an event");
    assert_eq!((&event["missing"], &event["checked"]), (&1.into(), &3.into()));
    assert_eq!(event["example"], server.name("/f/1"));
}

#[test]
fn a_directory_without_a_haul_is_an_error() {
    let place = TestDirectory::new();
    place.file("out/a", b"");
    for flags in [&["verify", "out"][..], &["verify", "out", "--repair"]] {
        place.longhaul(flags).assert().code(3);
        assert!(!place.path("out/.longhaul").exists(), "nothing was made");
    }
}
