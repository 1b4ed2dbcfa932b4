//! Limits of the process that are set before any command runs.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard limit. Every exchange needs a socket, and the soft limit, often
/// 1,024, exists for programs that use select(2). If the system refuses, the limit stays and costs speed only.
pub(crate) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

/// Pairs of descriptors that a runtime needs at once, with its handlers of signals.
const RUNTIME_PAIRS: usize = 4;

/// Makes sure that a runtime gets its descriptors: where none is left for its handlers of signals, it panics.
///
/// # Errors
/// Too few descriptors are left.
pub(crate) fn check_descriptors() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..RUNTIME_PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}
