//! Signals: the first one asks the program to stop, the second one ends it.
//!
//! SIGINT, SIGTERM and SIGHUP are treated alike. A signal that was ignored when the program started, as SIGHUP is under
//! nohup(1) and SIGINT in a shell's background job, stays ignored. SIGPIPE is none of them: the language's runtime
//! ignores it, and whoever writes hears of the closed pipe from the write.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, KILLED_BY_SIGNAL};
use crate::files;

/// From the first signal to the end of the process, whatever holds it up. Ending at once is always safe, since the
/// files and the journal outlive any crash; the time is for finishing what is being committed.
const STOP_TIME_MAX: Duration = Duration::from_millis(1_800);

/// Calls `stop` at the first signal, on a thread of its own; ends the process at the second, or when stopping takes too
/// long.
pub(crate) fn watch(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            signals.next().await;
            stop();
            let code = tokio::select! {
                biased;
                number = signals.next() => KILLED_BY_SIGNAL + number,
                () = tokio::time::sleep(STOP_TIME_MAX) => i32::from(Exit::Unfinished.code()),
            };
            std::process::exit(code);
        });
    })?;
    Ok(())
}

struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let ignored = files::ignored_signals();
        let listen = |kind: SignalKind| {
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            if is_ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            biased;
            () = received(self.interrupt.as_mut()) => SignalKind::interrupt().as_raw_value(),
            () = received(self.terminate.as_mut()) => SignalKind::terminate().as_raw_value(),
            () = received(self.hang_up.as_mut()) => SignalKind::hangup().as_raw_value(),
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        // Ignored, or the system will send no more of them.
        std::future::pending::<()>().await;
    }
}
