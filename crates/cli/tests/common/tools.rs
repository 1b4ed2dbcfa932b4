//! Tools that some tests need. In CI (the environment variable `CI` is set) a test whose tool is absent fails and says what to
//! install; elsewhere it is skipped, and says so. `.ci/run` installs all of them.

use std::process::{Command, Stdio};

/// Whether `program` runs. If it does not, the test is to be skipped.
///
/// # Panics
/// In CI, when it does not run.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok() {
        return true;
    }
    skip(&format!("{program} is not installed"), &format!("apt-get install {}", package(program)));
    false
}

/// Reports that a test is skipped, and why.
///
/// # Panics
/// In CI, with what to install.
pub(crate) fn skip(reason: &str, install: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}, and this test needs it: {install}");
    eprintln!("SKIPPED: {reason} ({install})");
}

/// The Debian package of a program.
fn package(program: &str) -> &str {
    match program {
        "node" => "nodejs",
        other => other,
    }
}
