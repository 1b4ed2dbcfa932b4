//! A haul looked at from outside.

use std::io;
use std::sync::Arc;

use crate::error::{Damage, JournalError};
use crate::failures::Failures;
use crate::hosts::{HostRecord, read_hosts};
use crate::layout::{LOCK_FILE, STATE_DIRECTORY, fixed};
use crate::log::LogSegment;
use crate::outcomes::{Outcome, for_each_outcome};
use crate::row::{Row, RowId, Source};
use crate::spool::{Shared, SpoolReader};
use crate::states::{Counts, Summary};
use crate::storage::Storage;
use crate::survey::{Survey, survey};

/// A haul as it was at one moment, running or not. Never writes, and takes no lock that would hold anyone up.
pub struct ReadOnly {
    storage: Arc<dyn Storage>,
    states: Summary,
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
        let Survey { states, mut log, mut spool } = survey(&storage).map_err(|error| match error {
            JournalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                JournalError::Missing { path: STATE_DIRECTORY.to_owned() }
            }
            error => error,
        })?;
        log.damage.append(&mut spool.damage);
        let rows = SpoolReader::new(Shared::new(Arc::clone(&storage), spool.index));
        Ok(Self { storage, states, segments: log.segments, rows, damage: log.damage, running })
    }

    /// How many rows there are of each state.
    pub fn counts(&self) -> Counts {
        self.states.counts()
    }

    /// The state of every row.
    pub fn states(&self) -> &Summary {
        &self.states
    }

    /// Who works on the haul, if anyone does.
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

    /// What is remembered of hosts.
    pub fn hosts(&self) -> Vec<HostRecord> {
        read_hosts(&self.storage)
    }

    /// What could not be read. Segments that a summary stands for are looked at by [`ReadOnly::for_each_outcome`] only.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The failed rows by class. Scans the log once, and takes one byte of memory a row.
    pub fn failures(&self) -> Result<Failures, JournalError> {
        Failures::scan(&*self.storage, &self.segments, self.rows.published())
    }

    /// Calls `visit` with every row and what became of it, in row order. Scans the log once for every eight million rows, and then
    /// reads the record of each row; takes at most about 130 MB of memory.
    pub fn for_each_outcome(&self, visit: impl FnMut(RowId, &Row, Outcome<'_>)) -> Result<(), JournalError> {
        for_each_outcome(&self.storage, &self.segments, &self.rows, visit)
    }
}
