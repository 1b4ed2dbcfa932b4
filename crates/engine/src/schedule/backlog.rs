//! Which rows of the spool are taken into memory now, and which are left for later.
//!
//! The spool holds the whole list; memory holds a bounded part of it. Rows are taken in order, but a host gets only so
//! many places: where it has them all, its rows are left in the spool and only the *blocks* that hold them are
//! remembered, as ranges. So one slow host with millions of rows neither fills the memory nor hides the hosts behind
//! it, and its rows are found again without searching the whole spool.
//!
//! Nor do many such hosts. When half of the memory is taken, the rest is for hosts that have next to nothing there, and
//! it is filled only while few of the hosts in memory are at work: reading past hosts that work finds nothing better to
//! do, and what was passed over has to be read again. A host is at work while its rows get their outcomes.
//!
//! Pure: it says what to read next, the caller reads and asks row by row; `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use tokio::time::Instant;

/// Rows of one host in memory: enough to keep a fast host busy while the next block is read.
pub const ROWS_PER_HOST_MAX: usize = 1024;
/// Rows in memory, all hosts together: about 10 MB of URLs of ordinary length.
pub const ROWS_MAX: usize = 32 * 1024;
/// With so many rows in memory room is scarce.
pub const ROWS_PLENTY: usize = ROWS_MAX / 2;
/// Rows of one host while room is scarce: five hundred hosts that settle nothing still hide nobody.
pub const ROWS_PER_HOST_SCARCE: usize = 32;
/// So many hosts at work, eight exchanges each, are all the work that a run takes on by default.
pub const HOSTS_AT_WORK_PLENTY: usize = 32;
/// A host that settles no row for one to two of these is not at work. Longer than most answers take; what is lost when
/// it is too short is the reading of some blocks.
pub const WORK_SHOWS_WITHIN: Duration = Duration::from_secs(1);
/// Ranges of blocks remembered for one host: a host whose rows are that scattered gets its last range widened over the
/// blocks between, which are then read for nothing.
pub const RANGES_PER_HOST_MAX: usize = 256;

/// The number of a block of the spool.
pub type Block = u64;

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Into memory, to its shard.
    Take,
    /// It stays in the spool for now.
    Leave,
}

/// What to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read<K> {
    /// The next block in order.
    Next,
    /// This block again, for the rows of this host from the given row on.
    Again {
        /// The host.
        host: K,
        /// The block.
        block: Block,
        /// Rows of the host below this one have been taken before.
        from_row: u64,
    },
    /// Nothing, until a row is settled or the spool grows.
    Nothing,
}

#[derive(Debug, Default)]
struct HostRows {
    in_memory: usize,
    /// Blocks which may hold rows that were left, as ranges from the key up to, not including, the value.
    left: BTreeMap<Block, Block>,
    /// Every row of the host below this one has been taken.
    next_row: u64,
    /// The period in which it last got its first row or settled one.
    last_worked: u64,
}

/// Which hosts in memory have been at work in this period or the one before.
#[derive(Debug, Default)]
struct Work {
    period: u64,
    period_began: Option<Instant>,
    hosts_now: usize,
    hosts_before: usize,
}

impl Work {
    fn hosts(&self) -> usize {
        self.hosts_now + self.hosts_before
    }

    fn at(&mut self, now: Instant) {
        let began = *self.period_began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < WORK_SHOWS_WITHIN {
            return;
        }
        let is_recent = passed < 2 * WORK_SHOWS_WITHIN;
        self.hosts_before = if is_recent { self.hosts_now } else { 0 };
        self.hosts_now = 0;
        self.period += if is_recent { 1 } else { 2 };
        self.period_began = Some(now);
    }

    fn begins(&mut self, host: &mut HostRows) {
        host.last_worked = self.period;
        self.hosts_now += 1;
    }

    fn ends(&mut self, host: &HostRows) {
        if host.last_worked == self.period {
            self.hosts_now -= 1;
        } else if host.last_worked + 1 == self.period {
            self.hosts_before -= 1;
        }
    }
}

/// The rows that are in memory, by host, and the blocks that hold the others.
#[derive(Debug)]
pub struct Backlog<K> {
    hosts: BTreeMap<K, HostRows>,
    in_memory: usize,
    work: Work,
    /// Hosts with rows left in the spool.
    hosts_with_left: usize,
    /// Those of them that have room for more.
    hungry: BTreeSet<K>,
    /// The hungry host that was served last: they take turns, in the order of their keys.
    served_last: Option<K>,
}

impl<K: Clone + Ord> Default for Backlog<K> {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            in_memory: 0,
            work: Work::default(),
            hosts_with_left: 0,
            hungry: BTreeSet::new(),
            served_last: None,
        }
    }
}

impl<K: Clone + Ord> Backlog<K> {
    /// What to read now. Rows that were left come before new ones, so that a host's rows keep their order.
    pub fn next_read(&mut self, now: Instant) -> Read<K> {
        self.work.at(now);
        let is_enough_to_do = is_scarce(self.in_memory) && self.work.hosts() >= HOSTS_AT_WORK_PLENTY;
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

    /// When [`next_read`](Self::next_read) may say something else although nothing has been settled: hosts that were at
    /// work may have come to a stand.
    pub fn look_again_at(&self) -> Option<Instant> {
        let began = self.work.period_began.filter(|_| is_scarce(self.in_memory) && self.work.hosts() > 0)?;
        Some(began + WORK_SHOWS_WITHIN)
    }

    /// Whose turn it is.
    fn hungriest(&self) -> Option<&K> {
        let after =
            self.served_last.as_ref().and_then(|last| self.hungry.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.hungry.first())
    }

    /// Asks for a place for a row that is read in order. Where the answer is [`Admission::Take`], the row counts as in
    /// memory until [`settled`](Self::settled).
    pub fn admit(&mut self, key: &K, row: u64, block: Block) -> Admission {
        let has_room = self.in_memory < ROWS_MAX;
        let share = share(self.in_memory);
        let host = match self.hosts.get_mut(key) {
            Some(host) => host,
            None => self.hosts.entry(key.clone()).or_default(),
        };
        if has_room && host.left.is_empty() && host.in_memory < share {
            if host.in_memory == 0 {
                self.work.begins(host);
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

    /// Asks for a place for a row of a block that is read again.
    pub fn admit_again(&mut self, key: &K, row: u64) -> Admission {
        let has_room = self.in_memory < ROWS_MAX;
        let share = share(self.in_memory);
        let Some(host) = self.hosts.get_mut(key) else { return Admission::Leave };
        if !has_room || row < host.next_row || host.in_memory >= share {
            return Admission::Leave;
        }
        if host.in_memory == 0 {
            self.work.begins(host);
        }
        host.in_memory += 1;
        host.next_row = row + 1;
        self.in_memory += 1;
        Admission::Take
    }

    /// A block was read again to its end for this host: `exhausted` says that no row of the host remains in it.
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

    /// A row that was in memory has got its outcome, or is parked.
    pub fn settled(&mut self, key: &K, now: Instant) {
        self.work.at(now);
        let Some(host) = self.hosts.get_mut(key) else { return };
        self.work.ends(host);
        host.in_memory = host.in_memory.saturating_sub(1);
        self.in_memory = self.in_memory.saturating_sub(1);
        if host.in_memory > 0 {
            self.work.begins(host);
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

    /// Ranges of blocks that are remembered, all hosts together: what the memory beside the rows is proportional to.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.hosts.values().map(|host| host.left.len()).sum()
    }
}

fn is_scarce(in_memory: usize) -> bool {
    in_memory >= ROWS_PLENTY
}

/// How many rows one host may have in memory now.
fn share(in_memory: usize) -> usize {
    if is_scarce(in_memory) { ROWS_PER_HOST_SCARCE } else { ROWS_PER_HOST_MAX }
}

/// Whether a host is to be given more of the rows that were left: in pieces that are worth reading a block for.
fn is_hungry(in_memory_of_host: usize, share: usize) -> bool {
    in_memory_of_host <= share / 2
}

fn leave(left: &mut BTreeMap<Block, Block>, block: Block) {
    let is_full = left.len() >= RANGES_PER_HOST_MAX;
    // Rows come in order, so only the last range can grow.
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
