//! What a peer is expected to send, and by when.

use std::time::Duration;

use longhaul_socket::{Deadline, FaultKind, SpeedMonitor, clock};
use tokio::time::Instant;

use super::traffic::Traffic;

/// What the peer is expected to send.
#[derive(Debug)]
pub(crate) enum PeerExpectation {
    /// Nothing in particular.
    Nothing,
    /// Bytes, at a minimum speed.
    Bytes(SpeedMonitor),
    /// Request heads, one after another.
    Requests(HeadTimer),
}

/// When a wait for the peer ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    Never,
    /// The wait has to be evaluated again at this instant, because nobody tells the guard when a response ends.
    Reevaluate(Instant),
    /// The wait fails at this instant.
    Fail(Instant, FaultKind),
}

impl PeerExpectation {
    /// Request heads: `idle_time` from the end of a response to the first byte of the next head, and `head_time` from
    /// there to its last byte.
    pub(crate) fn requests(idle_time: Duration, head_time: Duration) -> Self {
        Self::Requests(HeadTimer { idle_time, head_time, requests: 0, since: None, has_begun: false })
    }

    pub(super) fn received(&mut self, bytes: usize, traffic: &Traffic) {
        match self {
            Self::Nothing => {}
            Self::Bytes(monitor) => monitor.arrived(bytes as u64),
            Self::Requests(timer) => timer.received(traffic),
        }
    }

    /// When the present wait for bytes ends.
    pub(super) fn due(&mut self, traffic: &Traffic) -> Due {
        match self {
            Self::Nothing => Due::Never,
            Self::Bytes(monitor) => {
                let (at, kind) = monitor.due();
                Due::Fail(at, kind)
            }
            Self::Requests(timer) => timer.due(traffic),
        }
    }
}

/// Times request heads.
#[derive(Debug)]
pub(crate) struct HeadTimer {
    idle_time: Duration,
    head_time: Duration,
    /// The number of whole heads at the last call.
    requests: u64,
    since: Option<Instant>,
    has_begun: bool,
}

impl HeadTimer {
    fn restart_after_request(&mut self, traffic: &Traffic) {
        let requests = traffic.requests();
        if requests != self.requests {
            self.requests = requests;
            self.since = None;
            self.has_begun = false;
        }
    }

    fn received(&mut self, traffic: &Traffic) {
        self.restart_after_request(traffic);
        if !self.has_begun && !traffic.is_responding() {
            self.has_begun = true;
            self.since = Some(clock::now());
        }
    }

    fn due(&mut self, traffic: &Traffic) -> Due {
        self.restart_after_request(traffic);
        if traffic.is_responding() {
            return Due::Reevaluate(later(clock::now(), self.idle_time));
        }
        let start = || traffic.last_response_end().unwrap_or_else(clock::now);
        let since = *self.since.get_or_insert_with(start);
        let wait = if self.has_begun { self.head_time } else { self.idle_time };
        Due::Fail(later(since, wait), FaultKind::TimedOut)
    }
}

/// `since` plus `wait`; the latest deadline there is where the clock cannot count so far.
pub(crate) fn later(since: Instant, wait: Duration) -> Instant {
    since.checked_add(wait).unwrap_or_else(|| Deadline::after(wait).instant())
}
