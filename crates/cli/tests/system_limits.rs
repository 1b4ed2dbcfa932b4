//! What the system gives the program: the umask, the owner of a haul, the limit of descriptors, a full disk behind standard output.
#![expect(clippy::disallowed_methods, reason = "tests prepare directories and look at modes directly")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Output, Stdio};

use common::{TestDirectory, TestServer, text};

/// Runs the program after this command of the shell, which may also redirect its output.
fn run_after(place: &TestDirectory, before: &str, redirection: &str, arguments: &[&str]) -> Output {
    let script = format!("{before}; exec \"$0\" \"$@\" {redirection}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_longhaul")]).args(arguments);
    command.current_dir(place.path("")).stdin(Stdio::null()).output().expect("a shell")
}

#[test]
fn records_are_private_whatever_the_umask() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let output = run_after(&place, "umask 0", "", &["get", "-q", "-d", "out", &server.url("/a")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut files = 0;
    for entry in fs::read_dir(place.path("out/.longhaul")).expect("a directory") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("metadata");
        if metadata.is_file() {
            files += 1;
            assert_eq!(metadata.mode() & 0o777, 0o600, "{entry:?}");
        }
    }
    assert!(files >= 3, "a lock, rows and their outcomes");
    let file = fs::metadata(place.path(&format!("out/{}", server.name("/a")))).expect("a file");
    assert_eq!(file.mode() & 0o777, 0o666, "the files are the user's");
}

#[test]
fn a_haul_that_others_may_change_is_reported() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let records = place.path("out/.longhaul");
    fs::create_dir_all(&records).expect("a directory");
    let stderr = |mode| {
        fs::set_permissions(&records, Permissions::from_mode(mode)).expect("a directory of ours");
        let output = place.longhaul(&["get", "-d", "out", &server.url("/a")]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(!stderr(0o700).contains("other users"));
    for mode in [0o777, 0o720] {
        assert!(stderr(mode).contains("other users may write to out/.longhaul"), "{mode:o}");
    }
}

#[test]
fn a_lack_of_descriptors_is_no_panic_and_names_the_limit() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    for limit in [8, 10, 16] {
        let before = format!("ulimit -n {limit}");
        let output = run_after(&place, &before, "", &["get", "-d", "out", &server.url("/a")]);
        let printed = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 3)), "{limit}: {printed}");
        assert!(printed.contains("`ulimit -n`") && !printed.contains("panicked"), "{limit}: {printed}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn events_that_cannot_be_written_are_an_error() {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    let url = server.url("/a");
    for flag in ["--dry-run", "--json"] {
        let output = run_after(&place, ":", "> /dev/full", &["get", "-d", "out", &url, flag]);
        assert_eq!(output.status.code(), Some(3), "{flag}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("cannot write standard output"), "{flag}");
    }
    assert_eq!(place.status("out").expect("a haul")["done"], 1, "the downloads go on");
}
