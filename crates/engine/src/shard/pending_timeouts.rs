//! The shard's side of the watch over our own network: tells the connectivity monitor who was heard and who was silent, and holds
//! what failed without a word until the connectivity monitor knows whose fault that is.

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

/// A word of one host is worth a notice to the connectivity monitor this often.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// Hosts of which it is remembered when they were last noticed; more only means a few notices more.
const NOTICED_MAX: usize = 1024;

pub(super) struct PendingTimeouts {
    connectivity_monitor: ConnectivityMonitorHandle,
    /// When the connectivity monitor was last told of a host.
    noticed: BTreeMap<Endpoint, Instant>,
    /// The end of the last outage that has been dealt with.
    outage_seen: Option<Instant>,
    held: Vec<PendingTimeout>,
}

/// An attempt that failed without a word from its peer, and waits for judgement.
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
    /// The network is there.
    pub(super) is_clear: bool,
    /// An outage has ended that was not known of before.
    pub(super) outage_ended: bool,
    /// What can be judged now.
    pub(super) judged: Vec<PendingTimeout>,
}

impl PendingTimeouts {
    pub(super) fn new(connectivity_monitor: ConnectivityMonitorHandle) -> Self {
        Self { connectivity_monitor, noticed: BTreeMap::new(), outage_seen: None, held: Vec::new() }
    }

    /// Returns when the connectivity monitor has something to say. Cancel safe.
    pub(super) async fn changed(&mut self) {
        self.connectivity_monitor.changed().await;
    }

    /// Whether nothing waits for judgement.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether there is no network now.
    pub(super) fn is_offline(&self) -> bool {
        self.connectivity_monitor.is_listening()
            && self.connectivity_monitor.state().connectivity == Connectivity::Down
    }

    /// Tells the connectivity monitor that somebody was heard, if that is news.
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

    /// An exchange has stalled: long before its deadline passes it may be found out whose silence this is.
    pub(super) fn stalled(&self, active: &Active) {
        let host = active.progress.heard().and_then(|(peer, _)| peer.host_endpoint());
        self.connectivity_monitor.silent(host, active.progress_at(), false);
    }

    /// An attempt has failed without a word: it is held until [`review`](Self::review) hands it out.
    pub(super) fn hold(&mut self, active: Active, job: Box<Job>, failure: Failure) {
        // Before the connectivity monitor hears of it: what it then finds out holds for everything up to now.
        let failed_at = clock::now();
        let progress_at = active.progress_at();
        let since = active.progress.heard().map_or(progress_at, |(_, at)| at.max(progress_at));
        self.connectivity_monitor.silent(failure.host_endpoint(), since, failure.says_network_is_down());
        let latency = active.latency();
        self.held.push(PendingTimeout { active, job, failure, latency, failed_at });
    }

    /// What is known now, if anything is.
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
