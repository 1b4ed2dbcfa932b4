//! What the engine asks the machine it runs on.

use std::path::Path;
use std::{fs, io, process};

/// Identity of this boot of the machine: what a killed process handed to the system is there until the next one.
/// Where the system does not tell, every run counts as a new boot, which is safe and repeats a little work.
#[expect(clippy::disallowed_methods, reason = "a file of the kernel, not of a haul")]
pub(crate) fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map_or_else(|_| fastrand::u128(..).to_be_bytes(), u128::to_be_bytes)
}

/// How another process that finds the haul in use names this one.
pub(crate) fn holder() -> String {
    format!("pid {}", process::id())
}

/// Whether nothing is at this path; false if nobody can say.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.try_exists().is_ok_and(|is_there| !is_there)
}

/// Opens a list of the user's, which may lie anywhere.
#[expect(clippy::disallowed_methods, reason = "the user's own list lies outside every haul")]
pub(crate) fn open_list(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}
