//! What the program asks of the system before anything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one: every exchange is a socket, and the soft limit, often 1,024,
/// is there for programs that use select(2). Where the system refuses, the limit stays as it was and costs speed only.
pub(crate) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
