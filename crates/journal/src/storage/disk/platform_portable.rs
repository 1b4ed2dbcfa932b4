//! What stands in for the calls that only Linux has: nothing, so that the portable way is taken.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;

pub(super) fn open_directory_beneath(_root: BorrowedFd<'_>, _path: &str) -> Option<Result<OwnedFd, Errno>> {
    None
}

pub(super) fn rename_noreplace(
    _from: (BorrowedFd<'_>, &str),
    _to: (BorrowedFd<'_>, &str),
) -> Option<Result<(), Errno>> {
    None
}

/// On Apple's systems fsync(2) leaves the data in the drive's cache; `F_FULLFSYNC` does not.
pub(super) fn sync_data(file: BorrowedFd<'_>) -> Result<(), Errno> {
    #[cfg(target_vendor = "apple")]
    return rustix::io::retry_on_intr(|| rustix::fs::fcntl_fullfsync(file));
    #[cfg(not(target_vendor = "apple"))]
    return rustix::io::retry_on_intr(|| rustix::fs::fsync(file));
}

pub(super) fn is_in_memory(_directory: BorrowedFd<'_>) -> bool {
    false
}

pub(super) fn start_writeback(_file: BorrowedFd<'_>) {}
