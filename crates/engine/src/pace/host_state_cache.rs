//! What is remembered of hosts: while a run has nothing to ask of them, and from one run to the next.
//!
//! A rate that took a minute to find is not found again by each run, and a ban that still lasts is respected by the next.
//! Nothing depends on it: what is not remembered is learnt anew.

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_http::{HttpUrl, Origin};
use longhaul_journal::HostRecord;
use tokio::time::Instant;

use super::controller::Controller;
use super::memory::Memory;

/// What is older than this is not believed any more: limits and hosts change.
const LASTS: Duration = Duration::from_hours(24);
/// Hosts that one shard remembers. Of others nothing is known but what they answer.
const HOSTS_MAX: usize = 4096;

/// A host's record, or `None` where there is nothing to remember any more.
pub(crate) type HostStateUpdate = (String, Option<HostRecord>);

/// What one shard remembers.
#[derive(Debug, Default)]
pub(crate) struct HostStateCache {
    hosts: BTreeMap<Origin, CachedHostState>,
    notes: BTreeMap<String, Option<HostRecord>>,
}

#[derive(Debug, Clone)]
struct CachedHostState {
    memory: Memory,
    noted_at: Instant,
}

impl HostStateCache {
    /// What an earlier run has left.
    pub(crate) fn of_records(records: &[HostRecord], now: Instant, now_unix_ms: u64) -> Self {
        let host_state_cache = |record: &HostRecord| {
            let age = Duration::from_millis(now_unix_ms.saturating_sub(record.noted_unix_ms));
            let origin = record.host.parse::<HttpUrl>().ok()?.origin().clone();
            let memory = Memory {
                limiter: record.limiter.parse().ok()?,
                window: record.window,
                rate: record.rate,
                connections_max: record.connections_max,
                blocked_for: record
                    .until_unix_ms
                    .and_then(|until| until.checked_sub(now_unix_ms))
                    .map(Duration::from_millis),
                learned: None,
            };
            (age < LASTS).then_some((origin, CachedHostState { memory, noted_at: now }))
        };
        Self {
            hosts: records.iter().filter_map(host_state_cache).take(HOSTS_MAX).collect(),
            ..Self::default()
        }
    }

    /// What is remembered of a host, as of now.
    pub(crate) fn of(&self, origin: &Origin, now: Instant) -> Option<Memory> {
        let CachedHostState { memory, noted_at } = self.hosts.get(origin)?;
        let passed = now.saturating_duration_since(*noted_at);
        let blocked_for = memory.blocked_for.and_then(|pause| pause.checked_sub(passed));
        Some(Memory { blocked_for, ..memory.clone() })
    }

    /// Takes note of a host for which so many rows wait, and of its pace, which so many hosts share.
    pub(crate) fn note(
        &mut self,
        origin: &Origin,
        (pace, sharing): (&dyn Controller, usize),
        waiting: usize,
        now: Instant,
        now_unix_ms: u64,
    ) {
        // Nobody waits for a host that had a hiccup and nothing to ask for: there is nothing to tell, or to begin with.
        let is_worth_it = |memory: &Memory| waiting > 0 || memory.is_lasting();
        let memory = pace.memory(now).part_of(sharing);
        let Some(memory) = Some(memory).filter(Memory::is_informative).filter(is_worth_it) else {
            if self.hosts.remove(origin).is_some() {
                self.notes.insert(origin.to_string(), None);
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
        self.notes.insert(host, Some(record));
    }

    /// What has been noted since this was last asked.
    pub(crate) fn take_notes(&mut self) -> Vec<HostStateUpdate> {
        std::mem::take(&mut self.notes).into_iter().collect()
    }
}
