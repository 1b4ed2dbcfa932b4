//! What a shard may do, and what it starts each host with.

use std::time::Duration;

use longhaul_http::{Origin, Timeouts};
use longhaul_socket::{Host, is_public};
use tokio::time::Instant;

use crate::haul::PacePer;
use crate::pace::host_state_cache::HostStateCache;
use crate::pace::{Pace, PacePolicy, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC};
use crate::schedule::retry::RetryPolicy;

/// What a shard may do.
#[derive(Debug, Clone)]
pub(crate) struct ShardSettings {
    pub(crate) jobs_max: usize,
    pub(crate) jobs_per_host_max: Option<u32>,
    pub(crate) policy: PacePolicy,
    pub(crate) spacings: Vec<(Host, Duration)>,
    pub(crate) retry_policy: RetryPolicy,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) timeouts: Timeouts,
    pub(crate) seed: u64,
    pub(crate) pace_per: PacePer,
    /// Which of the shards it is.
    pub(crate) number: usize,
}

impl ShardSettings {
    /// The pace that a host starts with: what is remembered of it, if anything is.
    pub(super) fn pace_for(&self, origin: &Origin, host_state_cache: &HostStateCache, now: Instant) -> Pace {
        let cap = self.jobs_per_host_max.unwrap_or_else(|| default_cap(origin));
        let own = self.spacings.iter().find(|(host, _)| host == origin.host());
        let policy =
            PacePolicy { spacing: own.map_or(self.policy.spacing, |(_, spacing)| *spacing), ..self.policy };
        match host_state_cache.of(origin, now) {
            Some(memory) => Pace::recalling(cap, policy, &memory, now),
            None => Pace::on(cap, policy),
        }
    }
}

/// Browsers' manners for strangers, more for machines of one's own.
fn default_cap(origin: &Origin) -> u32 {
    let is_private = is_this_machine(origin) || matches!(origin.host(), Host::Ip(ip) if !is_public(*ip));
    if is_private { WINDOW_CAP_PRIVATE } else { WINDOW_CAP_PUBLIC }
}

/// Whether it is the machine that we run on, which is there whatever the network does.
pub(super) fn is_this_machine(origin: &Origin) -> bool {
    match origin.host() {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
    }
}
