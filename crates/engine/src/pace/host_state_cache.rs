//! What is remembered of hosts: while they have no row in a run, and from one run to the next.
//!
//! A rate that took a minute to find is kept for the next run, and a ban that still lasts is respected by it. Nothing
//! depends on that: what is not remembered is learned again.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_http::{HttpUrl, Origin};
use longhaul_journal::HostRecord;
use tokio::time::Instant;

use super::controller::Controller;
use super::memory::Memory;

/// Older records are ignored: limits and hosts change. So are records from further ahead, which a wrong clock has dated.
const LASTS: Duration = Duration::from_hours(24);
/// Hosts that one shard remembers.
const HOSTS_MAX: usize = 4096;

/// The name and the record of a host; `None` where nothing is worth remembering any more.
pub(crate) type HostStateUpdate = (String, Option<HostRecord>);

/// What one shard remembers.
#[derive(Debug, Default)]
pub(crate) struct HostStateCache {
    hosts: BTreeMap<Origin, CachedHostState>,
    updates: BTreeMap<String, Option<HostRecord>>,
}

#[derive(Debug, Clone)]
struct CachedHostState {
    memory: Memory,
    noted_at: Instant,
}

impl HostStateCache {
    /// A cache with the records of earlier runs.
    pub(crate) fn of_records(records: &[HostRecord], now: Instant, now_unix_ms: u64) -> Self {
        let cached = |record: &HostRecord| {
            let age = Duration::from_millis(now_unix_ms.abs_diff(record.noted_unix_ms));
            let origin = record.host.parse::<HttpUrl>().ok()?.origin().clone();
            let memory = Memory {
                limiter: record.limiter.parse().ok()?,
                window: record.window,
                rate: record.rate,
                connections_max: record.connections_max,
                blocked_for: record
                    .until_unix_ms
                    // By a clock that was ahead when it was noted, the pause was no longer than it was then.
                    .and_then(|until| {
                        Some(until.checked_sub(now_unix_ms)?.min(until - record.noted_unix_ms.min(until)))
                    })
                    .map(Duration::from_millis),
                learned: None,
            };
            (age < LASTS).then_some((origin, CachedHostState { memory, noted_at: now }))
        };
        Self { hosts: records.iter().filter_map(cached).take(HOSTS_MAX).collect(), ..Self::default() }
    }

    /// What is remembered of a host, as of now.
    pub(crate) fn of(&self, origin: &Origin, now: Instant) -> Option<Memory> {
        let CachedHostState { memory, noted_at } = self.hosts.get(origin)?;
        let passed = now.saturating_duration_since(*noted_at);
        let blocked_for = memory.blocked_for.and_then(|pause| pause.checked_sub(passed));
        Some(Memory { blocked_for, ..memory.clone() })
    }

    /// Notes what a host's controller knows; `sharing` hosts have this controller, and `waiting` rows wait for the host.
    pub(crate) fn note(
        &mut self,
        origin: &Origin,
        (controller, sharing): (&dyn Controller, usize),
        waiting: usize,
        now: Instant,
        now_unix_ms: u64,
    ) {
        // A passing failure of a host without rows is not worth remembering.
        let is_worth_it = |memory: &Memory| waiting > 0 || memory.is_lasting();
        let memory = controller.memory(now).part_of(sharing);
        let Some(memory) = Some(memory).filter(Memory::is_informative).filter(is_worth_it) else {
            if self.hosts.remove(origin).is_some() {
                self.updates.insert(origin.to_string(), None);
            }
            return;
        };
        if self.hosts.len() >= HOSTS_MAX && !self.hosts.contains_key(origin) {
            return;
        }
        let until_unix_ms = memory
            .blocked_for
            .map(|pause| now_unix_ms.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)));
        let host = origin.to_string();
        let record = HostRecord {
            host: host.clone(),
            limiter: memory.limiter.as_str().to_owned(),
            noted_unix_ms: now_unix_ms,
            window: memory.window,
            waiting: waiting as u64,
            rate: memory.rate,
            connections_max: memory.connections_max,
            until_unix_ms,
        };
        self.hosts.insert(origin.clone(), CachedHostState { memory, noted_at: now });
        self.updates.insert(host, Some(record));
    }

    /// The updates since the last call.
    pub(crate) fn take_updates(&mut self) -> Vec<HostStateUpdate> {
        std::mem::take(&mut self.updates).into_iter().collect()
    }
}
