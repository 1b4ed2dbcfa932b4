//! Lock files that are signed, and what happens to one that was tampered with.
#![expect(clippy::disallowed_methods, reason = "tests remove files directly")]

mod common;

use common::{TestDirectory, TestServer, text};

/// Keys that the `minisign` crate 0.10 has made.
const SECRET_KEY: &str = "untrusted comment: a key of these tests\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGI9lR9mxsRr1w9S7gYIKMzf92wnaCUVf0t47qLI0uzTgQw8jfOyQSZ4HL7BxLXCbUoE4qSQ8yhsIIXCrCLVRPi869oC5FKNC6WlE4IUdlSAHMA96LVgbHqrtxVdEjI6opUbaEocXw28=\n";
const PUBLIC_KEY: &str = "RWQYj2VH2bGxGp4HL7BxLXCbUoE4qSQ8yhsIIXCrCLVRPi869oC5FKNC";
/// Another key, encrypted with a password.
const ENCRYPTED_KEY: &str = "untrusted comment: a key of these tests\n\
    RWRTY0IyfAESiO97wfkwp/13MXj1qXpPpZD866OhncEolPqQR4EAABAAAAAAAAAAAAIAAAAAGjNJA7/Lrpg/dNkC2AjX40A+rB9rbe5rd9e+46yNRJNEpL/fQW1NY2xRLNfBqfm6ztd7zDUXCjDA5AfXcTfGsOjf3UGoUD6VOwTUpjVJckJDCtBRoKLGtoSb2/iD3JITTJ1UMZEYvtA=\n";
/// A text, and its signature by the `minisign` crate 0.10 with the key above.
const SIGNED: &str = "http://127.0.0.1:1/a\tsize=1\n";
const SIGNATURE: &str = "untrusted comment: signature from rsign secret key\n\
    RUQYj2VH2bGxGt5eUwZVoUFvYi4oiKH446rhQL/KRJsKRvqjtq0Sq2khWcNFTvYEtRnTfZtSzdz3OSlRG/FBp0D61a3+3/YE2Q8=\n\
    trusted comment: timestamp:1\n\
    HtPmqFqWAmhTZQwoNHt1326ah6rFz7z6jijERF7+v8WlBCn7KJyrsFnyR0/dV9BHp8fyVt/duLM2DOvjk7OjDA==\n";

/// A directory with a signed lock file `files.lock` of this many files.
fn signed(files: usize) -> (TestDirectory, TestServer) {
    let (place, server) = (TestDirectory::new(), TestServer::plain());
    place.file("list.txt", server.list(files));
    place.file("test.key", SECRET_KEY);
    place.longhaul(&["get", "-q", "-i", "list.txt", "-d", "out"]).assert().code(0);
    let arguments = ["export", "out", "--format", "lock", "-o", "files.lock", "--sign", "test.key"];
    place.longhaul(&arguments).assert().code(0);
    (place, server)
}

fn get_locked(place: &TestDirectory, key: &str) -> (i32, String) {
    let arguments = ["get", "--locked", "files.lock", "--verify-key", key, "-d", "again"];
    let output = place.longhaul(&arguments).output().expect("the program starts");
    (output.status.code().expect("an exit code"), text(&output.stderr))
}

#[test]
fn a_signed_lock_file_is_fetched() {
    let (place, _server) = signed(3);
    let (code, message) = get_locked(&place, PUBLIC_KEY);
    assert!(code == 0 && message.contains("lock file: 3 same"), "{code}: {message}");
    place.file("test.pub", format!("untrusted comment: a key\n{PUBLIC_KEY}\n"));
    assert_eq!(get_locked(&place, "test.pub").0, 0, "the key may be in a file");
}

/// Every byte of the lock file and of the signature that means something is protected, and nothing is requested otherwise.
#[test]
fn tampering_is_detected_before_the_first_request() {
    let (place, server) = signed(2);
    let (lock, signature) = (place.read("files.lock"), place.read("files.lock.minisig"));
    let requests = || server.origin.stats().requests;
    let before = requests();
    let assert_refused = |what: &str| {
        let (code, message) = get_locked(&place, PUBLIC_KEY);
        assert!(code == 3 && message.contains("cannot be trusted"), "{what}: {code}: {message}");
        assert!(!place.path("again").exists(), "{what}: nothing was begun");
    };
    for at in (0..lock.len()).step_by(lock.len() / 8) {
        let mut changed = lock.clone();
        changed[at] ^= 1;
        place.file("files.lock", changed);
        assert_refused(&format!("byte {at} of the lock file"));
    }
    place.file("files.lock", &lock[..lock.len() - 1]);
    assert_refused("a lock file cut short");
    place.file("files.lock", &lock);
    let lines = text(&signature);
    let comment = lines.find("trusted comment: timestamp").expect("a comment");
    let comment = comment + "trusted comment: ".len();
    // In the second line, in the trusted comment, and in the last line.
    for at in [lines.find('\n').expect("a line end") + 30, comment, signature.len() - 20] {
        let mut changed = signature.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        place.file("files.lock.minisig", changed);
        assert_refused(&format!("byte {at} of the signature"));
    }
    std::fs::remove_file(place.path("files.lock.minisig")).expect("it is there");
    assert_refused("no signature");
    place.file("files.lock.minisig", &signature);
    let other = PUBLIC_KEY.replace("RWQY", "RWQZ");
    let (code, message) = get_locked(&place, &other);
    assert!(code == 3 && message.contains("is not what was signed"), "another key: {code}: {message}");
    assert_eq!(get_locked(&place, "no key").0, 3);
    assert_eq!(requests(), before, "nothing was requested");
    assert_eq!(get_locked(&place, PUBLIC_KEY).0, 0, "as it was signed");
}

#[test]
fn signatures_of_others_are_understood() {
    let place = TestDirectory::new();
    place.file("files.lock", SIGNED);
    place.file("files.lock.minisig", SIGNATURE);
    let arguments = ["get", "--locked", "files.lock", "--verify-key", PUBLIC_KEY, "-d", "out", "--dry-run"];
    place.longhaul(&arguments).assert().code(0);
    place.file("files.lock", SIGNED.replace("size=1", "size=2"));
    place.longhaul(&arguments).assert().code(3);
}

#[test]
fn keys_that_cannot_sign_are_refused() {
    let (place, _server) = signed(1);
    let sign = |key: &str| {
        let arguments = ["export", "out", "--format", "lock", "-o", "new.lock", "--sign", key];
        let output = place.longhaul(&arguments).output().expect("the program starts");
        (output.status.code(), text(&output.stderr))
    };
    place.file("encrypted.key", ENCRYPTED_KEY);
    let (code, message) = sign("encrypted.key");
    assert!(code == Some(3) && message.contains("minisign -Sm FILE"), "{message}");
    place.file("damaged.key", SECRET_KEY.replace("GI9lR9mx", "GI9lR9my"));
    for key in ["damaged.key", "list.txt", "absent.key"] {
        let (code, message) = sign(key);
        assert!(code == Some(3) && message.contains("cannot sign the output"), "{key}: {message}");
    }
    assert!(!place.path("new.lock.minisig").exists());
    let arguments = ["export", "out", "--format", "bagit", "-o", "bag", "--sign", "test.key"];
    place.longhaul(&arguments).assert().code(2);
}
