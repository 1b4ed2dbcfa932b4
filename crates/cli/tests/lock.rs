//! Lock files and checksum files from end to end.
#![expect(clippy::disallowed_methods, reason = "tests look at directories and remove lists")]

mod common;

use common::{TestDirectory, TestServer, json_lines, text};
use longhaul::digest::{DigestAlgorithm, Hasher};
use longhaul_origin::{FaultMix, InjectedFault, Options};

/// A finished haul of these paths, and a server on which `/absent` does not exist.
fn haul(paths: &[&str]) -> (TestDirectory, TestServer) {
    let absent = FaultMix::none().on("/absent", .., InjectedFault::NotFound);
    let (place, server) = (TestDirectory::new(), TestServer::start(absent, Options::default()));
    let lines: Vec<String> = paths.iter().map(|path| server.url(path) + "\n").collect();
    place.file("list.txt", lines.concat());
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).output().expect("the program starts");
    (place, server)
}

fn export(place: &TestDirectory, format: &str) -> (String, String) {
    let output = place.longhaul(&["export", "out", "--format", format]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_lock_file_is_a_list_of_the_same_files() {
    let (place, server) = haul(&["/a", "/b?c=d%20e", "/absent"]);
    let (lock, message) = export(&place, "lock");
    assert_eq!(message, "1 row without a file, not in the output\n");
    assert!(lock.contains(&format!("# not locked, failed: {}", server.url("/absent"))), "{lock}");
    for field in ["\tsize=", "\tblake3=", "\tname=", "\tetag=", "\ttime="] {
        assert_eq!(lock.matches(field).count(), 2, "{field}: {lock}");
    }
    place.file("files.lock", &lock);
    let arguments = ["get", "--locked", "files.lock", "-d", "again"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert!(
        text(&output.stderr).contains("lock file: 2 same, 0 changed, 0 gone"),
        "{}",
        text(&output.stderr)
    );
    for path in ["/a", "/b?c=d%20e"] {
        let name = server.name(path).replace('?', "@").replace("%20", " ");
        assert_eq!(place.read(&format!("again/{name}")), place.read(&format!("out/{name}")), "{path}");
    }
    let (same, _) = export(&place, "lock");
    assert_eq!(same, lock, "a lock file does not depend on the time of the export");
}

/// The query of the place where a redirect led may be a signature that lets anybody in who reads the lock file.
#[test]
fn a_lock_file_does_not_hold_the_query_of_a_redirect() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let url = server.url("/redirect/1/stored?signature=s3cr3t");
    place.longhaul(&["get", "-q", "-d", "out", &url]).assert().code(0);
    let (lock, _) = export(&place, "lock");
    assert!(lock.contains(&format!("\tfinal-url={}\t", server.url("/stored"))), "{lock}");
}

#[test]
fn what_is_not_the_same_is_reported() {
    let (place, server) = haul(&["/a", "/b", "/c"]);
    let (lock, _) = export(&place, "lock");
    let lines: Vec<&str> = lock.lines().collect();
    let digest = lines[1].split("blake3=").nth(1).expect("a digest").split('\t').next().expect("its digits");
    let changed = lines[1].replace(digest, &"0".repeat(64));
    let absent = format!("{}\tsize=1\tblake3={}", server.url("/absent"), "0".repeat(64));
    let renamed = lines[2].replace("name=", "name=elsewhere/");
    place.file("files.lock", [lines[0], &changed, &renamed, &absent].join("\n"));
    let arguments = ["get", "--locked", "files.lock", "-d", "again", "--json"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(8));
    let lines = json_lines(&output.stdout);
    let states: Vec<&str> = lines
        .iter()
        .filter(|line| line["event"] == "locked")
        .map(|line| line["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["same", "changed", "same", "gone"]);
    assert_eq!(lines.last().expect("a report")["event"], "report");
    assert!(
        text(&output.stderr).contains("lock file: 2 same, 1 changed, 1 gone"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(place.read(&format!("again/elsewhere/{}", server.name("/c"))), server.content("/c"));
    // A file that somebody has put there is compared, too.
    place.file(&format!("third/{}", server.name("/a")), b"something else");
    place.file("one.lock", lock.lines().next().expect("a line"));
    let output =
        place.longhaul(&["get", "--locked", "one.lock", "-d", "third"]).output().expect("the program starts");
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(3), format!("changed: {}\n", server.url("/a")))
    );
}

/// What has happened to a file since it was done is part of the answer, as is a row that was taken out.
#[test]
fn what_has_become_of_finished_files_is_reported() {
    let (place, server) = haul(&["/a", "/b", "/c", "/d"]);
    place.file("files.lock", export(&place, "lock").0);
    place.longhaul(&["get", "-q", "--locked", "files.lock", "-d", "again"]).assert().code(0);
    place.file(&format!("again/{}", server.name("/a")), b"somebody else's");
    std::fs::remove_file(place.path(&format!("again/{}", server.name("/b")))).expect("a file");
    let states = || {
        let output = place
            .longhaul(&["get", "-q", "--locked", "files.lock", "-d", "again"])
            .output()
            .expect("the program starts");
        (output.status.code(), text(&output.stdout))
    };
    let (changed, missing) =
        (format!("changed: {}\n", server.url("/a")), format!("missing: {}\n", server.url("/b")));
    assert_eq!(states(), (Some(3), format!("{changed}{missing}")));
    let url = server.url("/c");
    place.longhaul(&["forget", "again", "--done", "--url", &url]).assert().code(0);
    assert_eq!(states(), (Some(3), format!("{changed}{missing}forgotten: {url}\n")));
}

#[test]
fn checksum_files_name_the_files() {
    let (place, server) = haul(&["/a", "/b"]);
    let (sums, _) = export(&place, "b3sums");
    let digest =
        |path: &str| server.origin.site().content(path).blake3().map(|byte| format!("{byte:02x}")).concat();
    let line = |path: &str| format!("{}  {}\n", digest(path), server.name(path));
    assert_eq!(sums, line("/a") + &line("/b"));
    let (sums, _) = export(&place, "sha256sums");
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(&server.content("/a"));
    assert!(sums.starts_with(&format!("{}  {}\n", hasher.digest(), server.name("/a"))), "{sums}");
    place.file(&format!("out/{}", server.name("/b")), b"changed");
    let output =
        place.longhaul(&["export", "out", "--format", "sha256sums"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("longhaul verify"), "{}", text(&output.stderr));
}

/// A lock file is known by its content; its lines may repeat those of another list; and what nobody knows is no change.
#[test]
fn a_lock_file_is_found_under_another_name_and_beside_other_lists() {
    let (place, server) = haul(&["/a", "/b"]);
    let (lock, _) = export(&place, "lock");
    place.file("files.lock", &lock);
    let summary = |arguments: &[&str]| {
        let output = place.longhaul(arguments).output().expect("the program starts");
        let printed = text(&output.stderr);
        printed.lines().find(|line| line.starts_with("lock file: ")).unwrap_or(&printed).to_owned()
    };
    let same = "lock file: 2 same, 0 changed, 0 gone";
    assert_eq!(summary(&["get", "--locked", "files.lock", "-d", "again"]), same);
    place.file("renamed.lock", &lock);
    std::fs::remove_file(place.path("files.lock")).expect("a lock file");
    assert_eq!(summary(&["get", "--locked", "renamed.lock", "-d", "again"]), same);
    place.file("copied.lock", &lock);
    assert_eq!(summary(&["get", "--locked", "copied.lock", "-d", "again"]), same);
    place.file("longer.lock", lock.clone() + &lock);
    assert_eq!(
        summary(&["get", "--locked", "longer.lock", "-d", "again"]),
        "lock file: 4 same, 0 changed, 0 gone",
        "each line has the state of the row that it repeats"
    );
    // A directory stands at the name of the file: nobody has compared anything.
    let name = server.name("/a");
    place.file(&format!("blocked/{name}/within"), b"of the user");
    assert_eq!(
        summary(&["get", "--locked", "renamed.lock", "-d", "blocked"]),
        "lock file: 1 same, 0 changed, 0 gone, 1 failed otherwise"
    );
}

/// An export that cannot read the files leaves what was there, and says which file it could not read.
#[test]
fn an_export_that_fails_replaces_nothing() {
    let (place, server) = haul(&["/a", "/b"]);
    place.longhaul(&["export", "out", "--format", "sha256sums", "-o", "sums"]).assert().code(0);
    let before = place.read("sums");
    assert_eq!(text(&before).lines().count(), 2);
    let name = server.name("/b");
    place.file(&format!("out/{name}"), b"changed");
    let output = place
        .longhaul(&["export", "out", "--format", "sha256sums", "-o", "sums"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    let printed = text(&output.stderr);
    assert!(printed.contains(&name) && !printed.contains("cannot write"), "{printed}");
    assert_eq!(place.read("sums"), before);
    let left: Vec<_> = std::fs::read_dir(place.path(".")).expect("a directory").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".new-")), "{left:?}");
}
