//! Renaming without ever replacing.

use std::os::fd::BorrowedFd;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::platform;

/// Where a name stands: the handle of its directory, and the name.
pub(super) type Place<'a> = (BorrowedFd<'a>, &'a str);

pub(super) fn rename_noreplace(from: Place<'_>, to: Place<'_>, portable: bool) -> Result<(), Errno> {
    if !portable && let Some(answer) = platform::rename_noreplace(from, to) {
        return answer;
    }
    link_and_unlink(from, to)
}

/// link(2) refuses a name that is taken, on every file system that has hard links; on one that has none this answers an
/// error, because looking first and renaming then could replace what someone else put there in between.
///
/// A crash between the two calls leaves both names on one file. The same call made again finishes the work.
fn link_and_unlink(from: Place<'_>, to: Place<'_>) -> Result<(), Errno> {
    match rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::EXIST) if same_file(from, to)? => {}
        Err(error) => return Err(error),
    }
    rustix::fs::unlinkat(from.0, from.1, AtFlags::empty())
}

fn same_file(left: Place<'_>, right: Place<'_>) -> Result<bool, Errno> {
    let stat = |place: Place<'_>| rustix::fs::statat(place.0, place.1, AtFlags::SYMLINK_NOFOLLOW);
    let (left, right) = (stat(left)?, stat(right)?);
    Ok((left.st_dev, left.st_ino) == (right.st_dev, right.st_ino))
}
