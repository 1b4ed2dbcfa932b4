//! Which rows of the spool are taken into memory now, and which are left for later.
//!
//! The spool holds the whole list; memory holds a bounded part of it. Rows are taken in order, but each host has a limit
//! on its rows in memory. Beyond it, the host's rows stay in the spool, and only the *blocks* that hold them are
//! remembered, as ranges. So one slow host with millions of rows neither fills the memory nor hides the hosts behind it,
//! and its rows are found again without a search of the whole spool.
//!
//! Nor do many such hosts. When half of the memory is full, the rest is for hosts with few rows in memory, and it is filled
//! only while few of the hosts in memory make progress: reading past hosts that make progress finds nothing more useful,
//! and the rows that are passed over have to be read again. A host makes progress while its rows get their outcomes.
//!
//! Pure: it says what to read next, and the caller reads and asks row by row; `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use tokio::time::Instant;

/// Rows of one host in memory: enough to keep a fast host busy while the next block is read.
pub const ROWS_PER_HOST_MAX: usize = 1024;
/// Rows in memory, all hosts together: about 10 MB of URLs of ordinary length.
pub const ROWS_MAX: usize = 32 * 1024;
/// With this many rows in memory, room is scarce.
pub const ROWS_PLENTY: usize = ROWS_MAX / 2;
/// Rows of one host while room is scarce: five hundred hosts that settle nothing still hide no other host.
pub const ROWS_PER_HOST_SCARCE: usize = 32;
/// This many hosts that make progress, with eight exchanges each, are as many exchanges as a run makes by default.
pub const HOSTS_IN_PROGRESS_PLENTY: usize = 32;
/// A host that settles no row for one to two of these makes no progress. Longer than most responses take; if it is too
/// short, some blocks are read for nothing.
pub const PROGRESS_SHOWS_WITHIN: Duration = Duration::from_secs(1);
/// Ranges of blocks that are kept for one host. A host with more gets its last range widened over the blocks between, which
/// are then read for nothing.
pub const RANGES_PER_HOST_MAX: usize = 256;

/// The number of a block of the spool.
pub type Block = u64;

/// What to do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take it into memory and send it to its shard.
    Take,
    /// Leave it in the spool for now.
    Leave,
}

/// What to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read<K> {
    /// The next block in order.
    Next,
    /// This block again, for the rows of one host from a given row on.
    Again {
        /// The host.
        host: K,
        /// The block.
        block: Block,
        /// Rows of the host below this one have been taken.
        from_row: u64,
    },
    /// Nothing until a row is settled or the spool grows.
    Nothing,
}

#[derive(Debug, Default)]
struct HostRows {
    in_memory: usize,
    /// Blocks that may hold rows that were left, as ranges from the key up to, but not including, the value.
    left: BTreeMap<Block, Block>,
    /// Every row of the host below this one has been taken.
    next_row: u64,
    /// The period in which the host last got its first row or settled one.
    last_progress: u64,
}

/// Which hosts in memory have made progress in this period or the one before.
#[derive(Debug, Default)]
struct ProgressCount {
    period: u64,
    period_began: Option<Instant>,
    hosts_now: usize,
    hosts_before: usize,
}

impl ProgressCount {
    fn hosts(&self) -> usize {
        self.hosts_now + self.hosts_before
    }

    fn at(&mut self, now: Instant) {
        let began = *self.period_began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < PROGRESS_SHOWS_WITHIN {
            return;
        }
        let is_recent = passed < 2 * PROGRESS_SHOWS_WITHIN;
        self.hosts_before = if is_recent { self.hosts_now } else { 0 };
        self.hosts_now = 0;
        self.period += if is_recent { 1 } else { 2 };
        self.period_began = Some(now);
    }

    fn begins(&mut self, host: &mut HostRows) {
        host.last_progress = self.period;
        self.hosts_now += 1;
    }

    fn ends(&mut self, host: &HostRows) {
        if host.last_progress == self.period {
            self.hosts_now -= 1;
        } else if host.last_progress + 1 == self.period {
            self.hosts_before -= 1;
        }
    }
}

/// The rows that are in memory, by host, and the blocks that hold the others.
#[derive(Debug)]
pub struct Backlog<K> {
    hosts: BTreeMap<K, HostRows>,
    in_memory: usize,
    progress: ProgressCount,
    /// Hosts with rows left in the spool.
    hosts_with_left: usize,
    /// Hosts among them that may get more rows.
    hungry: BTreeSet<K>,
    /// The hungry host whose rows were read last: they take turns, in the order of their keys.
    served_last: Option<K>,
}

impl<K: Clone + Ord> Default for Backlog<K> {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            in_memory: 0,
            progress: ProgressCount::default(),
            hosts_with_left: 0,
            hungry: BTreeSet::new(),
            served_last: None,
        }
    }
}

impl<K: Clone + Ord> Backlog<K> {
    /// What to read now. Rows that were left come before new ones, so that a host's rows keep their order.
    pub fn next_read(&mut self, now: Instant) -> Read<K> {
        self.progress.at(now);
        let is_enough_to_do = is_scarce(self.in_memory) && self.progress.hosts() >= HOSTS_IN_PROGRESS_PLENTY;
        if self.in_memory >= ROWS_MAX || is_enough_to_do {
            return Read::Nothing;
        }
        let again = self.hungriest().and_then(|key| {
            let host = self.hosts.get(key)?;
            let block = *host.left.first_key_value()?.0;
            Some(Read::Again { host: key.clone(), block, from_row: host.next_row })
        });
        again.unwrap_or(Read::Next)
    }

    /// When [`next_read`](Self::next_read) may return something else although no row was settled: hosts may have stopped to
    /// make progress.
    pub fn look_again_at(&self) -> Option<Instant> {
        let began =
            self.progress.period_began.filter(|_| is_scarce(self.in_memory) && self.progress.hosts() > 0)?;
        Some(began + PROGRESS_SHOWS_WITHIN)
    }

    /// The host whose turn it is.
    fn hungriest(&self) -> Option<&K> {
        let after =
            self.served_last.as_ref().and_then(|last| self.hungry.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.hungry.first())
    }

    /// Decides about a row that was read in order. After [`Admission::Take`] the row counts as in memory until
    /// [`settled`](Self::settled).
    pub fn admit(&mut self, key: &K, row: u64, block: Block) -> Admission {
        let has_room = self.in_memory < ROWS_MAX;
        let share = share(self.in_memory);
        let host = match self.hosts.get_mut(key) {
            Some(host) => host,
            None => self.hosts.entry(key.clone()).or_default(),
        };
        if has_room && host.left.is_empty() && host.in_memory < share {
            if host.in_memory == 0 {
                self.progress.begins(host);
            }
            host.in_memory += 1;
            host.next_row = row + 1;
            self.in_memory += 1;
            return Admission::Take;
        }
        if host.left.is_empty() {
            host.next_row = row;
            self.hosts_with_left += 1;
        }
        leave(&mut host.left, block);
        if is_hungry(host.in_memory, share) {
            self.hungry.insert(key.clone());
        }
        Admission::Leave
    }

    /// Decides about a row of a block that is read again.
    pub fn admit_again(&mut self, key: &K, row: u64) -> Admission {
        let has_room = self.in_memory < ROWS_MAX;
        let share = share(self.in_memory);
        let Some(host) = self.hosts.get_mut(key) else { return Admission::Leave };
        if !has_room || row < host.next_row || host.in_memory >= share {
            return Admission::Leave;
        }
        if host.in_memory == 0 {
            self.progress.begins(host);
        }
        host.in_memory += 1;
        host.next_row = row + 1;
        self.in_memory += 1;
        Admission::Take
    }

    /// A block was read again for this host: `exhausted` says that no row of the host remains in it.
    pub fn read_again(&mut self, key: &K, block: Block, exhausted: bool) {
        self.served_last = Some(key.clone());
        let share = share(self.in_memory);
        let Some(host) = self.hosts.get_mut(key) else { return };
        if exhausted && let Some(end) = host.left.remove(&block) {
            if block + 1 < end {
                host.left.insert(block + 1, end);
            } else if host.left.is_empty() {
                self.hosts_with_left -= 1;
            }
        }
        if host.left.is_empty() || host.in_memory >= share {
            self.hungry.remove(key);
        }
        if host.left.is_empty() && host.in_memory == 0 {
            self.hosts.remove(key);
        }
    }

    /// A row in memory got its outcome, or was parked.
    pub fn settled(&mut self, key: &K, now: Instant) {
        self.progress.at(now);
        let Some(host) = self.hosts.get_mut(key) else { return };
        self.progress.ends(host);
        host.in_memory = host.in_memory.saturating_sub(1);
        self.in_memory = self.in_memory.saturating_sub(1);
        if host.in_memory > 0 {
            self.progress.begins(host);
        }
        if host.left.is_empty() {
            if host.in_memory == 0 {
                self.hosts.remove(key);
            }
        } else if is_hungry(host.in_memory, share(self.in_memory)) {
            self.hungry.insert(key.clone());
        }
    }

    /// Rows in memory.
    #[must_use]
    pub fn in_memory(&self) -> usize {
        self.in_memory
    }

    /// Whether rows are left in the spool behind the reading position.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.hosts_with_left > 0
    }

    /// Ranges of blocks that are kept for all hosts: the memory beside the rows is proportional to this.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.hosts.values().map(|host| host.left.len()).sum()
    }
}

fn is_scarce(in_memory: usize) -> bool {
    in_memory >= ROWS_PLENTY
}

/// The limit on the rows in memory of one host now.
fn share(in_memory: usize) -> usize {
    if is_scarce(in_memory) { ROWS_PER_HOST_SCARCE } else { ROWS_PER_HOST_MAX }
}

/// Whether to read more of the rows that a host has left: only when enough of them fit.
fn is_hungry(in_memory_of_host: usize, share: usize) -> bool {
    in_memory_of_host <= share / 2
}

fn leave(left: &mut BTreeMap<Block, Block>, block: Block) {
    let is_full = left.len() >= RANGES_PER_HOST_MAX;
    // Rows are read in order, so only the last range can grow.
    if let Some(mut last) = left.last_entry() {
        if block < *last.get() {
            return;
        }
        if block == *last.get() || is_full {
            *last.get_mut() = block + 1;
            return;
        }
    }
    left.insert(block, block + 1);
}
