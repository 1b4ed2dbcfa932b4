//! Classifies errors of the file system: transient, of the disk, or of one name.

use std::io;

use longhaul_journal::FaultRecord;

use crate::exchange::Class;

/// ELOOP, whose `ErrorKind` is not stable: a symbolic link that is not followed. The numbers of Linux and of the BSDs.
const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// A bad sector, or a disk that does not respond; the same number everywhere. It has no `ErrorKind`.
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

/// Whether an error concerns one name and not the disk: something stands there or above it, a directory above it may not be written to,
/// or the file system has no such names. All else, of which a network file system has much, may go away.
pub(super) fn is_of_one_name(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, CrossesDevices, DirectoryNotEmpty, InvalidFilename, InvalidInput, IsADirectory,
        NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    let is_of_name = matches!(
        error.kind(),
        AlreadyExists
            | CrossesDevices
            | DirectoryNotEmpty
            | InvalidFilename
            | InvalidInput
            | IsADirectory
            | NotADirectory
            | NotFound
            | PermissionDenied
            | ReadOnlyFilesystem
    );
    is_of_name || is_symbolic_link(error)
}

/// Whether an error says that a symbolic link stands on the way, which is not followed.
pub(crate) fn is_symbolic_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ELOOP)
}

/// Whether an error of writing a body concerns that body alone: it is longer than the file system or the process allows (EFBIG), or
/// something that is no file of ours stands where it is kept.
pub(super) fn is_of_one_body(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, InvalidFilename, InvalidInput, IsADirectory};
    matches!(error.kind(), FileTooLarge | InvalidFilename | InvalidInput | IsADirectory)
        || is_symbolic_link(error)
}

/// Whether an error of reading says that the disk does not give that file back (EIO) or does not let us read it. Other files of the disk may
/// be well.
pub(super) fn is_of_one_file(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EIO)
        || matches!(error.kind(), io::ErrorKind::StaleNetworkFileHandle | io::ErrorKind::PermissionDenied)
}

/// The fault of a row of which nobody knows whether its file is complete, because that cannot be read.
pub(super) fn doubt_fault(error: &io::Error) -> FaultRecord {
    fault(format!("cannot read the file, so nobody knows whether it is complete: {error}"))
}

/// The fault of a row whose body the store cannot hold.
pub(crate) fn storage_fault(place: &str, error: &io::Error) -> FaultRecord {
    fault(format!("cannot write the unfinished body {place}: {error}"))
}

/// The fault of a row whose body has grown to `len` bytes without an end, until the disk was full.
pub(crate) fn too_large_fault(place: &str, len: u64) -> FaultRecord {
    let message = format!(
        "the file is too large: {len} bytes of it, whose length its server does not say, have filled the disk; {place} is removed"
    );
    FaultRecord { class: Class::TooLarge.as_str().to_owned(), ..fault(message) }
}

/// The fault of a row whose body could not be published under its name.
pub(super) fn file_fault(name: &str, error: &io::Error) -> FaultRecord {
    let message = if error.kind() == io::ErrorKind::AlreadyExists {
        format!("a file that does not belong to this haul exists at {name}")
    } else if is_symbolic_link(error) {
        format!("cannot write {name}: a directory above it is a symbolic link, which is not followed")
    } else {
        format!("cannot write {name}: {error}")
    };
    fault(message)
}

/// The phase of a failure that a comparison with a file has shown; any other failure of a file has the phase `file`.
pub(crate) const COMPARE_PHASE: &str = "compare";

/// The fault of a row in whose place a file stands that is known not to be its content.
pub(super) fn contradiction_fault(message: &str) -> FaultRecord {
    FaultRecord { phase: COMPARE_PHASE.to_owned(), ..fault(message.to_owned()) }
}

/// The fault of a row because of a file that was there before.
pub(super) fn occupant_fault(message: &str) -> FaultRecord {
    fault(message.to_owned())
}

/// The fault of a row whose unfinished body, which the store keeps at `place`, could not be read.
pub(crate) fn part_fault(place: &str, error: &io::Error) -> FaultRecord {
    fault(format!("cannot read the unfinished body {place}: {error}"))
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
            assert!(!is_of_one_name(&error), "{error}");
        }
    }

    #[test]
    fn an_error_of_the_disk_is_not_one_of_a_name() {
        let of_one_name = |kind: io::ErrorKind| is_of_one_name(&kind.into());
        assert!(!of_one_name(io::ErrorKind::StaleNetworkFileHandle));
        // A directory below the haul's may be of another user, or be another file system. The store tells the haul's own apart.
        assert!(
            of_one_name(io::ErrorKind::PermissionDenied) && of_one_name(io::ErrorKind::ReadOnlyFilesystem)
        );
        assert!(of_one_name(io::ErrorKind::NotADirectory) && of_one_name(io::ErrorKind::AlreadyExists));
        assert!(!of_one_name(io::ErrorKind::TimedOut) && !of_one_name(io::ErrorKind::NotConnected));
        assert!(!is_of_one_name(&io::Error::from_raw_os_error(5)), "EIO");
    }
}
