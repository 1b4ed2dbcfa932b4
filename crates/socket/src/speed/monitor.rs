//! Whether a stream still moves: not silent for too long, and fast enough on average. A deadline per read alone would be
//! satisfied by a byte every nineteen seconds.

use std::time::Duration;

use tokio::time::Instant;

use super::MinimumSpeed;
use crate::faults::FaultKind;
use crate::time::{Deadline, clock};

/// What has been received against the time that was spent waiting for it: a state machine, for whoever does the reading.
/// [`MonitoredStream`](crate::MonitoredStream) is a stream with one.
///
/// Only time spent waiting for the peer counts. The clock is read when a wait begins and when it ends, never for bytes
/// that are there.
#[derive(Clone, Debug)]
pub struct SpeedMonitor {
    idle: Duration,
    ends: Option<Instant>,
    window: Duration,
    /// What has to arrive within a window; 0 for no minimum.
    window_bytes_min: u64,
    window_bytes: u64,
    /// Waited within this window, before the present wait.
    window_waited: Duration,
    waiting_since: Option<Instant>,
}

impl SpeedMonitor {
    /// A watch for a stream that may be silent for `idle`, must keep `speed`, and has to be complete when `ends` comes.
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

    /// Bytes came. A window ends as soon as enough of them have, so that a stall after a burst is seen within one window.
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

    /// Nothing is there: when it has been too long, and what that is called. Never earlier than what was returned before.
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
