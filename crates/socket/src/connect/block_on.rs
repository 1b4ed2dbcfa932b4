//! The few futures that the blocking flavour has to wait for: names, and the certificates of the system.

use std::io;
use std::thread;

use tokio::runtime;

/// Runs `future`, which brings its own deadline, on a thread beside this one, and waits for it. A thread of its own, so
/// that it may be called from within a runtime too.
pub(crate) fn run<F: Future<Output: Send> + Send>(future: F) -> io::Result<F::Output> {
    thread::scope(|scope| {
        let work = move || {
            let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
            Ok(runtime.block_on(future))
        };
        let thread = thread::Builder::new().name("longhaul-aside".into()).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread beside has failed")))
    })
}
