//! A thousand attempts to leave the folder.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::folder::TestFolder;

/// The content of the files outside, which have every requested name.
const SECRET: &[u8] = b"SECRET-OUTSIDE-OF-THE-FOLDER";

/// Notations of a step upwards.
const UPWARDS: [&str; 24] = [
    "..",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "%2e.",
    "%252e%252e",
    "..%00",
    "..;",
    "..%3b",
    "%c0%ae%c0%ae",
    "..%20",
    "...",
    "....",
    "%u002e%u002e",
    "..%0d",
    "..%09",
    "%e0%80%ae%e0%80%ae",
    "..?",
    "..%23",
    "...%2e",
    ".",
    "%2e",
    "x/..",
    "d/../..",
];

/// Notations of a separator.
const SEPARATORS: [&str; 9] = ["/", "//", "%2f", "%2F", "\\", "%5c", "/./", "%252f", "%c0%af"];

/// Targets of the attempts.
const GOALS: [&str; 6] = ["secret", "public/../secret", "etc/passwd", "secret%00.html", "SECRET", "secret/"];

/// Prefixes of the attempts.
const PREFIXES: [&str; 7] = ["/", "//", "/d/", "/\\", "/%2f", "", "http://o.test/"];

/// The attempts: every step, separator, target and prefix, up to four steps deep.
fn attempts() -> BTreeSet<String> {
    let mut attempts = BTreeSet::new();
    for upwards in UPWARDS {
        for separator in SEPARATORS {
            for (at, goal) in GOALS.iter().enumerate() {
                let steps = at % 4 + 1;
                let prefix = PREFIXES[(at + attempts.len()) % PREFIXES.len()];
                attempts.insert(format!("{prefix}{}{goal}", format!("{upwards}{separator}").repeat(steps)));
            }
        }
    }
    let base =
        ["/etc/passwd", "//etc/passwd", "/proc/self/environ", "file:///etc/passwd", "/C:/secret", "/~root"];
    attempts.extend(base.map(String::from));
    // Links that lead out, and a pipe.
    for link in ["out", "up", "absolute", "root", "loop", "chain", "d/out", "pipe", "socket", "zero", "proc"]
    {
        for end in
            ["", "/", "/secret", "/../secret", "/etc/passwd", "/self/environ", "/public/../secret", "%00"]
        {
            attempts.insert(format!("/{link}{end}"));
        }
    }
    // Longer than any file name, path or request line.
    for length in [255, 256, 4_095, 4_096, 5_000, 9_000, 20_000] {
        attempts.insert(format!("/{}", "a".repeat(length)));
        attempts.insert(format!("/{}secret", "../".repeat(length / 3)));
        attempts.insert(format!("/{}secret", "%2e%2e/".repeat(length / 7)));
        attempts.insert(format!("/{}../../secret", "d/".repeat(length / 2)));
    }
    attempts
}

#[tokio::test(start_paused = true)]
async fn a_thousand_attempts_get_nothing_from_outside_of_the_folder() {
    let folder = TestFolder::new(&[("fine", b"fine"), ("d/fine", b"fine")]);
    for name in ["secret", "etc/passwd", "SECRET"] {
        let path = folder.base().join(name);
        std::fs::create_dir_all(path.parent().expect("beneath the base")).expect("a directory");
        std::fs::write(path, SECRET).expect("written");
    }
    for (link, target) in [
        ("out", "../secret"),
        ("up", ".."),
        ("absolute", "/etc/passwd"),
        ("root", "/"),
        ("loop", "loop"),
        ("chain", "out"),
        ("d/out", "../../secret"),
        ("proc", "/proc"),
        ("within", "d/fine"),
        ("zero", "/dev/zero"),
    ] {
        symlink(target, folder.path(link)).expect("a link");
    }
    symlink(folder.path("fine"), folder.path("absolute-within")).expect("a link");
    mknodat(CWD, folder.path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let _socket = UnixListener::bind(folder.path("socket")).expect("a socket");

    let attempts = attempts();
    assert!(attempts.len() >= 1_000, "{}", attempts.len());
    let system = std::fs::read("/etc/passwd").expect("the system's");
    for attempt in &attempts {
        let request = format!("GET {attempt} HTTP/1.1\r\nHost: o.test\r\nConnection: close\r\n\r\n");
        let (answer, _) = folder.raw(request.as_bytes()).await;
        let holds = |bytes: &[u8]| answer.windows(bytes.len()).any(|window| window == bytes);
        assert!(!holds(SECRET) && !holds(&system), "{attempt}");
        let status = answer.get(9..12).unwrap_or(b"");
        let is_ours = attempt.contains('?') && (holds(b"<title>") || status == b"301");
        assert!(status.first() == Some(&b'4') || is_ours, "{attempt}: {}", String::from_utf8_lossy(&answer));
    }
    // Files inside are served, and a link that stays inside is followed.
    for path in ["/fine", "/d/fine", "/within", "/%66ine"] {
        assert_eq!(folder.get(path, "").await.1, b"fine", "{path}");
    }
    // An absolute link starts outside, wherever it leads.
    assert_eq!(folder.get("/absolute-within", "").await.0.status, 404);
}
