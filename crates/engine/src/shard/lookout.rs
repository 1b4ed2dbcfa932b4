//! The shard's side of the watch over our own network: tells the sentinel who was heard and who was silent, and holds
//! what failed without a word until the sentinel knows whose fault that is.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_socket::Endpoint;
use longhaul_socket::clock;
use tokio::time::Instant;

use super::underway::Active;
use crate::failure::Failure;
use crate::job::Job;
use crate::outage::Sky;
use crate::sentinel::SentinelHandle;

/// A word of one host is worth a notice to the sentinel this often.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// Hosts of which it is remembered when they were last noticed; more only means a few notices more.
const NOTICED_MAX: usize = 1024;

pub(super) struct Lookout {
    sentinel: SentinelHandle,
    /// When the sentinel was last told of a host.
    noticed: BTreeMap<Endpoint, Instant>,
    /// The end of the last outage that has been dealt with.
    outage_seen: Option<Instant>,
    held: Vec<Silence>,
}

/// An attempt that failed without a word from its peer, and waits for judgement.
pub(super) struct Silence {
    pub(super) active: Active,
    pub(super) job: Box<Job>,
    pub(super) failure: Failure,
    /// How long the attempt took.
    pub(super) latency: Duration,
    failed_at: Instant,
}

/// What the sentinel has found out.
pub(super) struct Finding {
    /// The network is there.
    pub(super) is_clear: bool,
    /// An outage has ended that was not known of before.
    pub(super) outage_ended: bool,
    /// What can be judged now.
    pub(super) judged: Vec<Silence>,
}

impl Lookout {
    pub(super) fn new(sentinel: SentinelHandle) -> Self {
        Self { sentinel, noticed: BTreeMap::new(), outage_seen: None, held: Vec::new() }
    }

    /// Returns when the sentinel has something to say. Cancel safe.
    pub(super) async fn changed(&mut self) {
        self.sentinel.changed().await;
    }

    /// Whether nothing waits for judgement.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether there is no network now.
    pub(super) fn is_offline(&self) -> bool {
        self.sentinel.is_listening() && self.sentinel.outlook().sky == Sky::Down
    }

    /// Tells the sentinel that somebody was heard, if that is news.
    pub(super) fn heard(&mut self, endpoint: Endpoint, at: Instant) {
        if endpoint.ip().is_loopback() {
            return;
        }
        let earlier = self.noticed.get(&endpoint);
        let is_known = earlier.is_some_and(|&earlier| at.saturating_duration_since(earlier) < NOTICE_EVERY);
        if is_known && !self.sentinel.is_listening() {
            return;
        }
        if self.noticed.len() >= NOTICED_MAX {
            self.noticed.clear();
        }
        self.noticed.insert(endpoint, at);
        self.sentinel.heard(endpoint, at);
    }

    /// An exchange has stalled: long before its deadline passes it may be found out whose silence this is.
    pub(super) fn stalled(&self, active: &Active) {
        let endpoint = active.progress.heard().map(|(endpoint, _)| endpoint);
        self.sentinel.silent(endpoint, active.progress_at(), false);
    }

    /// An attempt has failed without a word: it is held until [`look_up`](Self::look_up) hands it out.
    pub(super) fn hold(&mut self, active: Active, job: Box<Job>, failure: Failure) {
        // Before the sentinel hears of it: what it then finds out holds for everything up to now.
        let failed_at = clock::now();
        let progress_at = active.progress_at();
        let since = active.progress.heard().map_or(progress_at, |(_, at)| at.max(progress_at));
        self.sentinel.silent(failure.endpoint, since, failure.says_network_is_down());
        let latency = active.latency();
        self.held.push(Silence { active, job, failure, latency, failed_at });
    }

    /// What is known now, if anything is.
    pub(super) fn look_up(&mut self) -> Option<Finding> {
        let outlook = self.sentinel.outlook();
        if outlook.sky == Sky::InDoubt {
            return None;
        }
        let is_judged =
            |held: &mut Silence| outlook.sky == Sky::Down || held.failed_at <= outlook.judged_through;
        let outage_ended = outlook.last_outage_end > self.outage_seen;
        self.outage_seen = self.outage_seen.max(outlook.last_outage_end);
        Some(Finding {
            is_clear: outlook.sky == Sky::Clear,
            outage_ended,
            judged: self.held.extract_if(.., is_judged).collect(),
        })
    }

    /// Whether an attempt may have failed because our network was down.
    pub(super) fn was_offline(&self, active: &Active, failure: &Failure) -> bool {
        let outlook = self.sentinel.outlook();
        let is_offline = outlook.sky == Sky::Down && failure.is_silence();
        is_offline || outlook.last_outage_end.is_some_and(|end| active.begun_at <= end)
    }
}
