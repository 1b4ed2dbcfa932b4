//! Whether a stream makes progress: not idle for too long, and fast enough on average. A timeout per read alone would
//! accept one byte every nineteen seconds.

use std::time::Duration;

use tokio::time::Instant;

use super::MinimumSpeed;
use crate::faults::FaultKind;
use crate::time::{Deadline, clock};

/// Compares the bytes received with the time spent waiting for them: a state machine that the reader drives.
/// [`MonitoredStream`](crate::MonitoredStream) is a stream with one.
///
/// Only time spent waiting for the peer counts. The monitor reads the clock when a wait begins and when it ends, and
/// not for bytes that have arrived already.
#[derive(Clone, Debug)]
pub struct SpeedMonitor {
    idle: Duration,
    ends: Option<Instant>,
    window: Duration,
    /// The bytes that must arrive within a window; 0 for no minimum.
    window_bytes_min: u64,
    window_bytes: u64,
    /// Time waited within this window, before the current wait.
    window_waited: Duration,
    waiting_since: Option<Instant>,
}

impl SpeedMonitor {
    /// A monitor for a stream that may be idle for `idle`, must keep `speed`, and must be complete at `ends`.
    pub fn new(idle: Duration, speed: MinimumSpeed, ends: Option<Instant>) -> Self {
        Self {
            idle,
            ends,
            window: speed.window,
            window_bytes_min: speed.bytes_per_window(),
            window_bytes: 0,
            window_waited: Duration::ZERO,
            waiting_since: None,
        }
    }

    /// Records that bytes arrived. A window ends as soon as enough of them have, so that a stall after a burst is
    /// noticed within one window.
    pub fn arrived(&mut self, bytes: u64) {
        self.window_bytes += bytes;
        let waited = self.waiting_since.take();
        if self.window_bytes >= self.window_bytes_min {
            self.window_bytes = 0;
            self.window_waited = Duration::ZERO;
        } else if let Some(since) = waited {
            self.window_waited += clock::now().saturating_duration_since(since);
        }
    }

    /// Records that the reader waits, and returns when the wait is too long, and the kind of fault that it is then.
    /// During one wait the instant does not move back.
    pub fn due(&mut self) -> (Instant, FaultKind) {
        let since = *self.waiting_since.get_or_insert_with(clock::now);
        let mut due = (Deadline::at(since).later_by(self.idle).instant(), FaultKind::TimedOut);
        let too_slow = Deadline::at(since).later_by(self.window.saturating_sub(self.window_waited)).instant();
        if self.window_bytes_min > 0 && too_slow < due.0 {
            due = (too_slow, FaultKind::TooSlow);
        }
        match self.ends {
            Some(ends) if ends <= due.0 => (ends, FaultKind::TimedOut),
            _ => due,
        }
    }
}
