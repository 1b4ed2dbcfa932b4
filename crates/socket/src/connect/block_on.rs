//! Running the few futures that the blocking flavour needs: resolving names, and loading the system's certificates.

use std::io;
use std::thread;

use tokio::runtime;

/// Runs `future`, which has its own deadline, on another thread, and waits for it. A separate thread makes it callable
/// within a runtime too.
pub(crate) fn run<F: Future<Output: Send> + Send>(future: F) -> io::Result<F::Output> {
    thread::scope(|scope| {
        let work = move || {
            let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
            Ok(runtime.block_on(future))
        };
        let thread = thread::Builder::new().name("longhaul-block-on".into()).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that runs the future has failed")))
    })
}
