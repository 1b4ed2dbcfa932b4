//! A journal read by another process.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::contents::{JournalContents, read_contents};
use crate::error::{Damage, JournalError};
use crate::files::{LOCK_FILE, STATE_DIRECTORY, fixed, state_directory};
use crate::log::{LogSegment, covered_damage, replay};
use crate::model::{Counts, RowSet, RowStates};
use crate::model::{HostRecord, Suspicion};
use crate::model::{Row, RowId, Source};
use crate::query::{Failures, RecentOutcomes};
use crate::query::{RecordedOutcome, for_each_outcome};
use crate::remembered::{read_hosts, read_suspicions};
use crate::spool::{SharedSpool, SpoolReader};
use crate::storage::Storage;

/// A haul at one moment, running or not. Never writes, and takes no lock.
pub struct ReadOnly {
    storage: Arc<dyn Storage>,
    states: RowStates,
    forgotten: RowSet,
    in_doubt: BTreeSet<RowId>,
    segments: Vec<LogSegment>,
    rows: SpoolReader,
    damage: Vec<Damage>,
    running: Option<String>,
}

impl ReadOnly {
    pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<Self, JournalError> {
        let running = storage.lock_holder(&fixed(LOCK_FILE)).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            _ => Err(JournalError::io("read", LOCK_FILE)(error)),
        })?;
        let JournalContents { states, mut log, mut spool } =
            read_contents(&storage).map_err(|error| match error {
                JournalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                    JournalError::Missing { path: STATE_DIRECTORY.to_owned() }
                }
                error => error,
            })?;
        log.damage.append(&mut spool.damage);
        log.damage.append(&mut covered_damage(&*storage, &log.segments, log.covered_through));
        if running.is_none() {
            log.damage.extend(log.torn.iter().chain(&spool.torn).map(Damage::from));
        }
        let rows = SpoolReader::new(SharedSpool::new(Arc::clone(&storage), spool.index));
        let in_doubt = log.state.doubts.into_keys().collect();
        let forgotten = log.state.forgotten;
        Ok(Self {
            storage,
            states,
            forgotten,
            in_doubt,
            segments: log.segments,
            rows,
            damage: log.damage,
            running,
        })
    }

    /// What is damaged in the part of the log that a summary stands for, which [`Journal::open`](super::Journal::open) does not read.
    /// Reads it, so it takes as long as the disk takes; empty if it cannot be read.
    pub fn unread_damage(storage: &dyn Storage) -> Vec<Damage> {
        let replayed =
            storage.list(&state_directory()).ok().and_then(|names| replay(storage, &names, None).ok());
        replayed.map_or_else(Vec::new, |log| covered_damage(storage, &log.segments, log.covered_through))
    }

    /// How many rows there are of each state.
    pub fn counts(&self) -> Counts {
        self.states.counts()
    }

    /// The state of every row.
    pub fn states(&self) -> &RowStates {
        &self.states
    }

    /// Rows that are not part of the haul any more.
    pub fn forgotten(&self) -> &RowSet {
        &self.forgotten
    }

    /// Rows whose publication was interrupted, or is under way: pending until the next run has looked at their files.
    pub fn in_doubt(&self) -> &BTreeSet<RowId> {
        &self.in_doubt
    }

    /// The process that works on the haul, if one does.
    pub fn running(&self) -> Option<&str> {
        self.running.as_deref()
    }

    /// The rows, as they were at that moment.
    pub fn rows(&self) -> &SpoolReader {
        &self.rows
    }

    /// The lists that rows were read from.
    pub fn sources(&self) -> Vec<Source> {
        self.rows.sources()
    }

    /// The remembered states of hosts' paces.
    pub fn hosts(&self) -> Vec<HostRecord> {
        read_hosts(&self.storage)
    }

    /// The suspicions of the runs so far.
    pub fn suspicions(&self) -> Vec<Suspicion> {
        read_suspicions(&self.storage)
    }

    /// What the haul has achieved in the last `window_ms` milliseconds. Reads the end of the log.
    pub fn recent(&self, now_unix_ms: u64, window_ms: u64) -> Result<RecentOutcomes, JournalError> {
        RecentOutcomes::scan(&*self.storage, &self.segments, now_unix_ms, window_ms)
    }

    /// What could not be read, in the segments that a summary stands for, too. Beside no running process, an unfinished end of a
    /// file counts.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The failed rows by class. Scans the log once, and takes one byte of memory a row.
    pub fn failures(&self) -> Result<Failures, JournalError> {
        Failures::scan(&*self.storage, &self.segments, self.rows.published())
    }

    /// Calls `visit` with every row and what became of it, in row order. Scans the log once for every eight million rows, and then
    /// reads the record of each row; takes at most about 130 MB of memory.
    pub fn for_each_outcome(
        &self,
        visit: impl FnMut(RowId, &Row, RecordedOutcome<'_>),
    ) -> Result<(), JournalError> {
        for_each_outcome(&self.storage, &self.segments, &self.rows, visit)
    }
}
