//! `forget` and corrected lists from end to end.
#![expect(clippy::disallowed_methods, reason = "a test renames a list")]

mod common;

use common::{TestDirectory, TestServer, json_lines, text};
use longhaul_origin::{FaultMix, InjectedFault, Options};

/// A place and a server on which `/absent` does not exist.
fn place() -> (TestDirectory, TestServer) {
    let absent = FaultMix::none().on("/absent", .., InjectedFault::NotFound);
    (TestDirectory::new(), TestServer::start(absent, Options::default()))
}

fn outcomes(place: &TestDirectory) -> Vec<String> {
    let output =
        place.longhaul(&["export", "out", "--format", "jsonl"]).output().expect("the program starts");
    json_lines(&output.stdout)
        .iter()
        .map(|row| row["outcome"].as_str().expect("an outcome").to_owned())
        .collect()
}

#[test]
fn a_corrected_list_ends_with_its_own_exit_code() {
    let (place, server) = place();
    place.file("list.txt", format!("{}\nno url\n", server.url("/a")));
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(2);
    place.file("list.txt", format!("{}\n{}\n", server.url("/a"), server.url("/b")));
    let output =
        place.longhaul(&["get", "-i", "list.txt", "-d", "out"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0));
    let printed = text(&output.stderr);
    assert!(printed.contains("1 row forgotten: the lists no longer say them"), "{printed}");
    assert_eq!(outcomes(&place), ["done", "forgotten", "done"]);
    // The list has been renamed: nothing is read again.
    std::fs::rename(place.path("list.txt"), place.path("renamed.txt")).expect("a list");
    place.longhaul(&["get", "-q", "-i", "renamed.txt", "-d", "out"]).assert().code(0);
    assert_eq!(outcomes(&place).len(), 3);
    assert_eq!(server.origin.stats().requests, 2);
}

#[test]
fn rows_are_forgotten_by_list_class_and_url() {
    let (place, server) = place();
    place.file("one.txt", format!("{}\n{}\n", server.url("/a"), server.url("/absent")));
    place.file("two.txt", format!("{}\nno url\n", server.url("/absent?again")));
    place.longhaul(&["get", "-q", "-i", "one.txt", "-i", "two.txt", "-d", "out"]).assert().code(2);
    place.longhaul(&["forget", "out"]).assert().code(2);
    let forget = |arguments: &[&str]| {
        let output =
            place.longhaul(&[&["forget", "out"], arguments].concat()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert_eq!(forget(&["--class", "list", "--list", "one.txt"]), "forgotten: 0 rows\n");
    assert_eq!(forget(&["--class", "list", "--list", "two.txt"]), "forgotten: 1 row\n");
    place.longhaul(&["get", "-q", "-d", "out"]).assert().code(8);
    assert_eq!(forget(&["--url", &server.url("/absent")]), "forgotten: 1 row\n");
    assert_eq!(forget(&["--url", &server.url("/a")]), "forgotten: 0 rows\n");
    assert_eq!(forget(&["--url", &server.url("/a"), "--done"]), "forgotten: 1 row\n");
    place.longhaul(&["retry", "out", "-q"]).assert().code(8);
    assert_eq!(outcomes(&place), ["forgotten", "forgotten", "failed", "forgotten"]);
    assert_eq!(place.read(&format!("out/{}", server.name("/a"))), server.content("/a"), "no file is touched");
}

/// `mv urls.txt old.txt`, another `urls.txt`, and both on the command line: no row is lost. Then the old one is corrected.
#[test]
fn a_renamed_list_keeps_its_rows_beside_its_successor() {
    let (place, server) = place();
    place.file("urls.txt", format!("{}\nno url\n{}\n", server.url("/absent"), server.url("/a")));
    place.longhaul(&["get", "-q", "-i", "urls.txt", "-d", "out"]).assert().code(2);
    std::fs::rename(place.path("urls.txt"), place.path("old.txt")).expect("a list");
    place.file("urls.txt", format!("{}\n", server.url("/b")));
    let both = ["get", "-q", "-i", "old.txt", "-i", "urls.txt", "-d", "out"];
    place.longhaul(&both).assert().code(2);
    assert_eq!(outcomes(&place), ["failed", "failed", "done", "done"]);
    place.file("old.txt", format!("{}\n", server.url("/a")));
    place.longhaul(&both).assert().code(0);
    assert_eq!(outcomes(&place), ["forgotten", "forgotten", "done", "done", "skipped"]);
}

#[test]
fn a_copied_list_is_not_read_again() {
    let (place, server) = place();
    let list = format!("{}\nno url\n", server.url("/a"));
    place.file("one.txt", &list);
    place.longhaul(&["get", "-q", "-i", "one.txt", "-d", "out"]).assert().code(2);
    place.file("two.txt", &list);
    place.longhaul(&["get", "-q", "-i", "one.txt", "-i", "two.txt", "-d", "out"]).assert().code(2);
    assert_eq!(outcomes(&place), ["done", "failed"]);
    // The copy still says what the original no longer does.
    place.file("one.txt", format!("{}\n", server.url("/a")));
    place.longhaul(&["get", "-q", "-i", "one.txt", "-d", "out"]).assert().code(2);
    place.file("two.txt", format!("{}\n", server.url("/b")));
    place.longhaul(&["get", "-q", "-i", "two.txt", "-d", "out"]).assert().code(0);
    assert_eq!(outcomes(&place), ["done", "forgotten", "done"]);
}

#[test]
fn a_row_that_another_list_repeats_is_not_forgotten() {
    let (place, server) = place();
    place.file("one.txt", format!("{}\n", server.url("/absent")));
    place.file("two.txt", format!("{}\n", server.url("/absent")));
    place.longhaul(&["get", "-q", "-i", "one.txt", "-i", "two.txt", "-d", "out"]).assert().code(8);
    let output =
        place.longhaul(&["forget", "out", "--list", "one.txt"]).output().expect("the program starts");
    assert_eq!(text(&output.stderr), "forgotten: 0 rows\nkept: 1 row, asked for by other lines\n");
    assert_eq!(outcomes(&place), ["failed", "skipped"]);
    let output = place
        .longhaul(&["forget", "out", "--list", "one.txt", "--list", "two.txt"])
        .output()
        .expect("the program starts");
    assert_eq!(text(&output.stderr), "forgotten: 2 rows\n");
}
