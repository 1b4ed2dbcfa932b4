//! Opens what lies beneath a directory, and nothing else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

#[cfg(any(target_os = "android", target_os = "linux"))]
use rustix::fs::ResolveFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// Whether a look-up may wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocking {
    /// No: what the system does not have in memory is `EAGAIN`.
    Now,
    /// Yes.
    Wait,
}

/// Attempts at a look-up that a concurrent rename disturbs (openat2(2), `EAGAIN`).
#[cfg(any(target_os = "android", target_os = "linux"))]
const ATTEMPTS: u32 = 4;

/// Opens a relative path for reading. Symbolic links are followed as long as they stay beneath `root` and are relative;
/// one that leads out is `EXDEV`. Opening a pipe does not wait for its writer.
///
/// Where the system has no openat2(2), no symbolic link is followed at all.
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], blocking: Blocking) -> Result<OwnedFd, Errno> {
    open_as(root, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, blocking)
}

/// A handle for fstat(2), without opening the file.
pub(super) fn look(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    #[cfg(any(target_os = "android", target_os = "linux", target_os = "freebsd"))]
    let flags = OFlags::PATH;
    #[cfg(not(any(target_os = "android", target_os = "linux", target_os = "freebsd")))]
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    open_as(root, path, flags, Blocking::Wait)
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn open_as(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, blocking: Blocking) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let open = |resolve| retry_on_intr(|| rustix::fs::openat2(root, path, flags, Mode::empty(), resolve));
    match blocking {
        // EINVAL: a kernel older than 5.12, which does not know the flag.
        Blocking::Now => match open(beneath | ResolveFlags::CACHED) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => Err(Errno::AGAIN),
            result => result,
        },
        Blocking::Wait => {
            for _ in 1..ATTEMPTS {
                match open(beneath) {
                    Err(Errno::AGAIN) => {}
                    // EPERM: what some sandboxes return for unknown system calls.
                    Err(Errno::NOSYS | Errno::PERM) => return level_by_level(root, path, flags),
                    result => return result,
                }
            }
            open(beneath)
        }
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn open_as(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, _patience: Blocking) -> Result<OwnedFd, Errno> {
    level_by_level(root, path, flags | OFlags::CLOEXEC)
}

/// Opens one directory after the other, none of them through a symbolic link. A path has no `..`, so each level is beneath
/// the one before.
fn level_by_level(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let directory_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut level: Option<OwnedFd> = None;
    let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
    while let Some(name) = names.next() {
        if name == b".." {
            return Err(Errno::XDEV);
        }
        let flags = if names.peek().is_some() { directory_flags } else { flags | OFlags::NOFOLLOW };
        let above = level.as_ref().map_or(root, AsFd::as_fd);
        level = Some(retry_on_intr(|| rustix::fs::openat(above, name, flags, Mode::empty()))?);
    }
    match level {
        Some(level) => Ok(level),
        None => retry_on_intr(|| rustix::fs::openat(root, ".", directory_flags, Mode::empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares both ways of opening, on the sources of this crate.
    #[test]
    fn level_by_level_finds_what_the_kernel_finds() {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let root = rustix::fs::open(env!("CARGO_MANIFEST_DIR"), flags, Mode::empty()).expect("the crate");
        let identity = |opened: Result<OwnedFd, Errno>| {
            opened.map(|handle| rustix::fs::fstat(handle).expect("it is open").st_ino)
        };
        for path in
            ["Cargo.toml", "src", "src/lib.rs", "src/files/mod.rs", "absent", "src/absent", "src/lib.rs/x"]
        {
            let expected = identity(open(root.as_fd(), path.as_bytes(), Blocking::Wait));
            assert_eq!(identity(level_by_level(root.as_fd(), path.as_bytes(), flags)), expected, "{path}");
        }
        for path in ["..", "src/../Cargo.toml/../.."] {
            let opened = level_by_level(root.as_fd(), path.as_bytes(), flags);
            assert_eq!(opened.map(drop), Err(Errno::XDEV), "{path}");
        }
    }
}
