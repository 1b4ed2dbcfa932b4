//! Errors of the file system, by what they mean: a pause, the disk, or one name.

use std::io;

use longhaul_journal::{FaultRecord, RowId};

use super::store::part_path;
use crate::exchange::Class;

/// The disk failed: the number on every Unix, without an `ErrorKind` of its own. Elsewhere it is an error of the disk too.
const EIO: i32 = 5;

/// The cause of an error that goes away when somebody makes room; `None` for any other error.
pub(crate) fn transient_cause(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull => Some("no space left on the disk"),
        io::ErrorKind::QuotaExceeded => Some("the disk quota is used up"),
        _ if is_out_of_files(error) => Some("too many open files"),
        _ => None,
    }
}

/// EMFILE and ENFILE have no `ErrorKind` of their own.
pub(super) fn is_out_of_files(error: &io::Error) -> bool {
    matches!(longhaul_socket::kind_of(error), longhaul_socket::FaultKind::LocalExhausted)
}

/// Errors of one name, not of the disk. A symbolic link in the way (ELOOP) and a name too long for the file system
/// have no stable `ErrorKind`; no other error of a rename is known to mean that waiting, or another disk, would help.
pub(super) fn stands_in_the_way(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let is_of_the_disk =
        matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) || error.raw_os_error() == Some(EIO);
    transient_cause(error).is_none() && !is_of_the_disk
}

/// The record of a file that could not be given its name.
pub(crate) fn file_fault(name: &str, error: &io::Error) -> FaultRecord {
    let message = if error.kind() == io::ErrorKind::AlreadyExists {
        format!("a file that is not of this haul stands at {name}")
    } else {
        format!("cannot write {name}: {error}")
    };
    fault(message)
}

/// The record of a part file that could not be read.
pub(crate) fn part_fault(row: RowId, error: &io::Error) -> FaultRecord {
    fault(format!("cannot read {}, which holds what was kept of it: {error}", part_path(row)))
}

fn fault(message: String) -> FaultRecord {
    FaultRecord {
        class: Class::File.as_str().to_owned(),
        phase: "file".to_owned(),
        endpoint: String::new(),
        elapsed_ms: 0,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = if cfg!(target_os = "linux") { 122 } else { 69 };

    #[test]
    fn a_quota_is_waited_for_as_space_is() {
        for number in [ENOSPC, EDQUOT] {
            let error = io::Error::from_raw_os_error(number);
            assert!(transient_cause(&error).is_some(), "{error}");
            assert!(!stands_in_the_way(&error), "{error}");
        }
    }
}
