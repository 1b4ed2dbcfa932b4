//! The shard's side of the connectivity monitor: reports which peers responded and which were silent, and holds silent
//! failures until the monitor knows whether our own network caused them.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_http::Peer;
use longhaul_socket::{Endpoint, clock};
use tokio::time::Instant;

use super::underway::Active;
use crate::connectivity::monitor::ConnectivityMonitorHandle;
use crate::connectivity::outage::Connectivity;
use crate::exchange::failure::Failure;
use crate::schedule::job::Job;

/// How often the connectivity monitor learns of the responses of one peer.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// Peers for which the time of the last notice is kept; with more, a few more notices are sent.
const NOTICED_MAX: usize = 1024;

pub(super) struct PendingTimeouts {
    connectivity_monitor: ConnectivityMonitorHandle,
    /// When the connectivity monitor was last told of a peer.
    noticed: BTreeMap<Endpoint, Instant>,
    /// The end of the last outage that was handled.
    outage_seen: Option<Instant>,
    held: Vec<PendingTimeout>,
}

/// An attempt that failed because its peer was silent, and waits to be judged.
pub(super) struct PendingTimeout {
    pub(super) active: Active,
    pub(super) job: Box<Job>,
    pub(super) failure: Failure,
    /// How long the attempt took.
    pub(super) latency: Duration,
    failed_at: Instant,
}

/// What the connectivity monitor has found out.
pub(super) struct Reviewed {
    /// The network is up.
    pub(super) is_clear: bool,
    /// An outage has ended since the last review.
    pub(super) outage_ended: bool,
    /// The failures that can be judged now.
    pub(super) judged: Vec<PendingTimeout>,
}

impl PendingTimeouts {
    pub(super) fn new(connectivity_monitor: ConnectivityMonitorHandle) -> Self {
        Self { connectivity_monitor, noticed: BTreeMap::new(), outage_seen: None, held: Vec::new() }
    }

    /// Returns when the state of the connectivity monitor has changed. Cancel safe.
    pub(super) async fn changed(&mut self) {
        self.connectivity_monitor.changed().await;
    }

    /// Whether no failure waits to be judged.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the network is down now.
    pub(super) fn is_offline(&self) -> bool {
        self.connectivity_monitor.is_listening()
            && self.connectivity_monitor.state().connectivity == Connectivity::Down
    }

    /// Tells the connectivity monitor that a peer responded, unless it was notified within [`NOTICE_EVERY`].
    pub(super) fn heard(&mut self, peer: Peer, at: Instant) {
        let (endpoint, host) = (peer.endpoint, peer.host_endpoint());
        if host.is_some_and(|host| host.ip().is_loopback()) {
            return;
        }
        let earlier = self.noticed.get(&endpoint);
        let is_known = earlier.is_some_and(|&earlier| at.saturating_duration_since(earlier) < NOTICE_EVERY);
        if is_known && !self.connectivity_monitor.is_listening() {
            return;
        }
        if self.noticed.len() >= NOTICED_MAX {
            self.noticed.clear();
        }
        self.noticed.insert(endpoint, at);
        self.connectivity_monitor.heard(host, at);
    }

    /// An exchange has stalled: the monitor may find out long before its deadline whether our network is the cause.
    pub(super) fn stalled(&self, active: &Active) {
        let host = active.progress.heard().and_then(|(peer, _)| peer.host_endpoint());
        self.connectivity_monitor.silent(host, active.progress_at(), false);
    }

    /// Holds an attempt whose peer was silent until [`review`](Self::review) returns it.
    pub(super) fn hold(&mut self, active: Active, job: Box<Job>, failure: Failure) {
        // Taken before the monitor is notified: its next finding holds for everything up to this time.
        let failed_at = clock::now();
        let progress_at = active.progress_at();
        let since = active.progress.heard().map_or(progress_at, |(_, at)| at.max(progress_at));
        self.connectivity_monitor.silent(failure.host_endpoint(), since, failure.says_network_is_down());
        let latency = active.latency();
        self.held.push(PendingTimeout { active, job, failure, latency, failed_at });
    }

    /// What the monitor has found out, unless it still suspects an outage.
    pub(super) fn review(&mut self) -> Option<Reviewed> {
        let state = self.connectivity_monitor.state();
        if state.connectivity == Connectivity::Suspect {
            return None;
        }
        let is_judged = |held: &mut PendingTimeout| {
            state.connectivity == Connectivity::Down || held.failed_at <= state.judged_through
        };
        let outage_ended = state.last_outage_end > self.outage_seen;
        self.outage_seen = self.outage_seen.max(state.last_outage_end);
        Some(Reviewed {
            is_clear: state.connectivity == Connectivity::Up,
            outage_ended,
            judged: self.held.extract_if(.., is_judged).collect(),
        })
    }

    /// Whether an attempt may have failed because our network was down.
    pub(super) fn was_offline(&self, active: &Active, failure: &Failure) -> bool {
        let state = self.connectivity_monitor.state();
        let is_offline = state.connectivity == Connectivity::Down && failure.is_silence();
        is_offline || state.last_outage_end.is_some_and(|end| active.begun_at <= end)
    }
}
