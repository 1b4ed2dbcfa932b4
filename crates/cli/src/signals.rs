//! Signals: the first one asks the program to stop, the second one ends the process.
//!
//! SIGINT, SIGTERM and SIGHUP have the same effect. A signal that was ignored when the program started stays ignored:
//! nohup(1) ignores SIGHUP, and a shell ignores SIGINT for a background job. SIGPIPE is not handled here: the runtime of
//! the language ignores it, and a write to a closed pipe returns an error. SIGXFSZ is caught and means nothing: a write beyond
//! the limit of setrlimit(2) returns EFBIG, which concerns one file.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, KILLED_BY_SIGNAL};
use crate::{files, startup};

/// Time from the first signal until the process ends in any case. It lets the sink finish the current commit. Ending
/// without that is safe as well, because the files and the journal survive any crash.
const STOP_TIME_MAX: Duration = Duration::from_millis(1_800);

/// Starts a thread that calls `stop` at the first signal. It ends the process at the second signal, or when stopping
/// takes longer than [`STOP_TIME_MAX`].
pub(crate) fn watch(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    startup::check_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        // The handler stays; without one the signal ends the process.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
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

    /// Waits for a signal and returns its number.
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
        // The signal is ignored, or its stream has ended.
        std::future::pending::<()>().await;
    }
}
