//! The hosts that slow the haul down, and why.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul::pace::Limiter;
use tokio::time::Instant;

/// Hosts kept. The display shows a handful of them; the limit bounds the memory.
const HOSTS_MAX: usize = 1_000;

/// The last pace of a host that the engine reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowHost {
    pub(super) window: u32,
    pub(super) limiter: Limiter,
    pub(super) rate: Option<(f64, f64)>,
    blocked_until: Option<Instant>,
}

impl SlowHost {
    /// Time until the next request may be sent.
    pub(super) fn blocked_for(&self, now: Instant) -> Option<Duration> {
        let left = self.blocked_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// Hosts with a limiting pace, by name.
#[derive(Debug, Default)]
pub(super) struct SlowHosts(BTreeMap<String, SlowHost>);

impl SlowHosts {
    pub(super) fn paced(
        &mut self,
        host: &str,
        window: u32,
        limiter: Limiter,
        rate: Option<(f64, f64)>,
        blocked: Option<Duration>,
        now: Instant,
    ) {
        if !limiter.is_limiting() {
            self.0.remove(host);
        } else if self.0.len() < HOSTS_MAX || self.0.contains_key(host) {
            let blocked_until = blocked.and_then(|blocked| now.checked_add(blocked));
            self.0.insert(host.to_owned(), SlowHost { window, limiter, rate, blocked_until });
        }
    }

    /// No row waits for the host any more.
    pub(super) fn idle(&mut self, host: &str) {
        self.0.remove(host);
    }

    /// The slowest hosts: those with the longest block first, then those with the smallest window.
    pub(super) fn slowest(&self, most: usize, now: Instant) -> Vec<(&str, SlowHost)> {
        let mut hosts: Vec<_> = self.0.iter().map(|(name, host)| (name.as_str(), *host)).collect();
        hosts.sort_by_key(|(_, host)| (std::cmp::Reverse(host.blocked_for(now)), host.window));
        hosts.truncate(most);
        hosts
    }
}
