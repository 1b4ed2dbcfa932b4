//! Limits of the process that are set before any command runs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard limit. Every exchange needs a socket, and the soft limit, often
/// 1,024, exists for programs that use select(2). If the system refuses, the limit stays and costs speed only.
pub(crate) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
