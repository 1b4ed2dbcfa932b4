//! Checksum files and bags: written, read as lists, and the same again.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use common::serving::Serving;
use common::{TestDirectory, TestServer, text};
use longhaul::digest::{DigestAlgorithm, Hasher};
use rustix::process::Signal;

fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(bytes);
    hasher.digest().to_string()
}

/// A finished haul of two files, one with a percent sign in its name, and a row that failed.
fn haul() -> (TestDirectory, Vec<String>) {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let paths = ["/f/1", "/f/a%2Fb"];
    let lines: Vec<String> = paths.iter().map(|path| server.url(path) + "\n").collect();
    place.file("list.txt", lines.concat() + "not a URL\n");
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(2);
    (place, paths.iter().map(|path| server.name(path)).collect())
}

#[test]
fn checksum_files_are_lists_with_a_base() {
    let (place, names) = haul();
    let serving = Serving::start(&place, &["files=http://127.0.0.1:0,dir=out"]);
    let base = serving.url(0, "/");
    for (format, list) in [("sha256sums", "SHA256SUMS"), ("b3sums", "B3SUMS")] {
        place.longhaul(&["export", "out", "--format", format, "-o", list]).assert().code(0);
        let copy = format!("copy-{format}");
        let arguments = ["get", "-i", list, "--base", &base, "-d", &copy];
        let output = place.longhaul(&arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        for name in &names {
            assert_eq!(place.read(&format!("{copy}/{name}")), place.read(&format!("out/{name}")), "{name}");
        }
        place.longhaul(&["export", &copy, "--format", format, "-o", "again"]).assert().code(0);
        assert_eq!(place.read("again"), place.read(list), "the round trip ends where it began");
    }
    // A changed file is detected.
    place.file(&format!("out/{}", names[0]), "changed");
    place.longhaul(&["get", "-q", "-i", "SHA256SUMS", "--base", &base, "-d", "late"]).assert().code(8);
    serving.stop(Signal::INT);
}

#[test]
fn a_checksum_file_without_a_base_is_refused_with_advice_and_read_again_with_one() {
    let (place, names) = haul();
    let serving = Serving::start(&place, &["files=http://127.0.0.1:0,dir=out"]);
    let bytes = place.read(&format!("out/{}", names[0]));
    place.file("sums", format!("SHA256 ({}) = {}\n", names[0], sha256(&bytes)));
    let output = place.longhaul(&["get", "-i", "sums", "-d", "copy"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("say with --base URL where its files are"),
        "{}",
        text(&output.stderr)
    );
    let base = serving.url(0, "/");
    place.longhaul(&["get", "-q", "-i", "sums", "--base", &base, "-d", "copy"]).assert().code(0);
    assert_eq!(place.read(&format!("copy/{}", names[0])), bytes);
    place.longhaul(&["get", "-i", "sums", "--base", &serving.url(0, "/x"), "-d", "copy"]).assert().code(2);
    serving.stop(Signal::INT);
}

#[test]
fn a_bag_has_the_files_and_describes_them() {
    let (place, names) = haul();
    let output = place
        .longhaul(&["export", "out", "--format", "bagit", "-o", "bag"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "2 files in the bag; 1 row without a file, not in the bag\n");
    assert_eq!(place.read("bag/bagit.txt"), b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
    let (manifest, fetch) =
        (text(&place.read("bag/manifest-sha256.txt")), text(&place.read("bag/fetch.txt")));
    assert!(names[1].contains('%'), "{names:?}");
    let mut bytes = 0;
    for (name, (line, fetched)) in names.iter().zip(manifest.lines().zip(fetch.lines())) {
        let path = format!("data/{}", name.replace('%', "="));
        let content = place.read(&format!("bag/{path}"));
        assert_eq!(content, place.read(&format!("out/{name}")));
        assert_eq!(line, format!("{}  {path}", sha256(&content)));
        assert!(fetched.ends_with(&format!(" {} {path}", content.len())), "{fetched}");
        let inode = |path: &str| fs::metadata(place.path(path)).expect("a file").ino();
        assert_eq!(inode(&format!("bag/{path}")), inode(&format!("out/{name}")), "a link");
        bytes += content.len();
    }
    let info = text(&place.read("bag/bag-info.txt"));
    assert!(info.contains(&format!("\nPayload-Oxum: {bytes}.2\n")), "{info}");
    let tags = text(&place.read("bag/tagmanifest-sha256.txt"));
    for name in ["bagit.txt", "bag-info.txt", "fetch.txt", "manifest-sha256.txt"] {
        assert!(
            tags.contains(&format!("{}  {name}\n", sha256(&place.read(&format!("bag/{name}"))))),
            "{tags}"
        );
    }
    // Its directory is not overwritten, and it needs one.
    place.longhaul(&["export", "out", "--format", "bagit", "-o", "bag"]).assert().code(3);
    place.longhaul(&["export", "out", "--format", "bagit"]).assert().code(2);
    // Where its files came from is a list, whose files lie below data/.
    place.longhaul(&["get", "-q", "-i", "bag/fetch.txt", "-d", "refilled"]).assert().code(0);
    let refilled = |line: &str| format!("refilled/{}", line.rsplit(' ').next().expect("a path"));
    assert!(fetch.lines().all(|line| place.path(&refilled(line)).exists()), "{fetch}");
}

#[test]
fn a_file_that_is_not_the_recorded_one_is_in_no_bag() {
    let (place, names) = haul();
    place.file(&format!("out/{}", names[0]), "changed");
    let output = place
        .longhaul(&["export", "out", "--format", "bagit", "-o", "bag"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("longhaul verify"), "{}", text(&output.stderr));
    assert!(!place.path("bag/bagit.txt").exists(), "it is no bag");
}
