//! The signals that child processes start with.

use std::sync::Once;

use tokio::signal::unix::{SignalKind, signal};

/// Lets every child that is started later begin with the default action of SIGINT, SIGTERM and SIGHUP.
///
/// A shell ignores SIGINT in the jobs of a script that it starts with `&`, nohup(1) ignores SIGHUP, and the program keeps such signals
/// ignored. execve(2) does so too, but sets a signal that is caught back to its default action. So this catches those that are
/// ignored. The others keep their default action here: an interrupt ends the tests.
pub(crate) fn restore_for_children() {
    static RESTORED: Once = Once::new();
    RESTORED.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _within = runtime.enter();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            if ignored >> (kind.as_raw_value() - 1) & 1 == 1 {
                // The handler stays when the stream and the runtime are dropped.
                drop(signal(kind).expect("a handler"));
            }
        }
    });
}
