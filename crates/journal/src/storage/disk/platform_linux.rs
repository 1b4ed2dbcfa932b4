//! Calls that only Linux has. Each says `None` where the kernel, the file system or a sandbox does not know it.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Advice, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;

/// Opens a directory beneath another in one call (openat2(2), Linux 5.6), refusing every symbolic link on the way.
pub(super) fn open_directory_beneath(root: BorrowedFd<'_>, path: &str) -> Option<Result<OwnedFd, Errno>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        // EPERM: what some sandboxes answer to calls they do not know. EAGAIN: the tree changed during the look-up.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::AGAIN) => None,
        answer => Some(answer),
    }
}

/// renameat2(2) with `RENAME_NOREPLACE`. `EINVAL` is what a file system answers that cannot do it, such as NFS.
pub(super) fn rename_noreplace(
    from: (BorrowedFd<'_>, &str),
    to: (BorrowedFd<'_>, &str),
) -> Option<Result<(), Errno>> {
    match rustix::fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP) => None,
        answer => Some(answer),
    }
}

/// fdatasync(2): the contents, and as much of the inode as is needed to read them back.
pub(super) fn sync_data(file: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::fdatasync(file))
}

/// Whether the file system lies in memory, so that there is nothing to write back (tmpfs, ramfs; statfs(2)).
pub(super) fn is_in_memory(directory: BorrowedFd<'_>) -> bool {
    const TMPFS_MAGIC: i128 = 0x0102_1994;
    const RAMFS_MAGIC: i128 = 0x8584_58f6;
    // The type of the field differs from one architecture to the next.
    rustix::fs::fstatfs(directory).is_ok_and(|system| {
        let kind = i128::from(system.f_type) & 0xffff_ffff;
        kind == TMPFS_MAGIC || kind == RAMFS_MAGIC
    })
}

/// `posix_fadvise(2)` with `POSIX_FADV_DONTNEED`: begins to write dirty pages and lets go of clean ones.
pub(super) fn start_writeback(file: BorrowedFd<'_>) {
    // A hint: nothing depends on it.
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
}
