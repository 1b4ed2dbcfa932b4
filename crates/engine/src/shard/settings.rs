//! The settings of a shard, and the controller that a host starts with.

use std::sync::Arc;
use std::time::Duration;

use longhaul_http::{Origin, Timeouts};
use longhaul_socket::{Host, is_public};
use tokio::time::Instant;

use crate::haul::PacePer;
use crate::pace::host_state_cache::HostStateCache;
use crate::pace::{Controller, ControllerFactory, UserLimits};
use crate::schedule::host_routing::ShardId;
use crate::schedule::retry::RetryPolicy;

/// The settings of a shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardSettings {
    pub(crate) jobs_max: usize,
    pub(crate) jobs_per_host_max: Option<u32>,
    /// Makes the controller of each host.
    pub(crate) pace: Arc<dyn ControllerFactory>,
    /// The least time between two requests to a host, unless `spacings` has another for it.
    pub(crate) spacing: Duration,
    pub(crate) spacings: Vec<(Host, Duration)>,
    pub(crate) retry_policy: RetryPolicy,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) timeouts: Timeouts,
    pub(crate) seed: u64,
    pub(crate) pace_per: PacePer,
    pub(crate) shard: ShardId,
}

impl ShardSettings {
    /// The controller that a host starts with, given what is remembered of it.
    pub(super) fn controller_for(
        &self,
        origin: &Origin,
        host_state_cache: &HostStateCache,
        now: Instant,
    ) -> Box<dyn Controller> {
        let remembered = host_state_cache.of(origin, now);
        self.pace.build(self.limits_of(origin), remembered.as_slice(), now)
    }

    /// What the user limits for this host.
    pub(super) fn limits_of(&self, origin: &Origin) -> UserLimits {
        let own = self.spacings.iter().find(|(host, _)| host == origin.host());
        UserLimits {
            window_max: self.jobs_per_host_max.unwrap_or_else(|| self.pace.window_max(is_private(origin))),
            spacing: own.map_or(self.spacing, |(_, spacing)| *spacing),
        }
    }
}

/// Whether the host is this machine, or has a private address.
fn is_private(origin: &Origin) -> bool {
    is_this_machine(origin) || matches!(origin.host(), Host::Ip(ip) if !is_public(*ip))
}

/// Whether the host is this machine, which can be reached without a network.
pub(super) fn is_this_machine(origin: &Origin) -> bool {
    match origin.host() {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
    }
}
