//! The journal as a whole: opened by the one process that works on a haul, or read by anyone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Damage, JournalError, TornTail};
use crate::log::LogWriter;
use crate::read_only::ReadOnly;
use crate::record::{Done, Part, Waiting};
use crate::row::RowId;
use crate::spool::{SpoolReader, SpoolWriter};
use crate::states::Summary;
use crate::storage::{Lock, Storage};

/// The way into a haul's journal.
#[derive(Debug)]
pub enum Journal {}

impl Journal {
    /// Opens the journal of a haul, creating it where there is none, and recovers it. `holder` is what another process is told that
    /// finds the haul in use, such as `pid 123`.
    pub fn open(
        _storage: Arc<dyn Storage>,
        _now_unix_ms: u64,
        _boot_id: [u8; 16],
        _holder: &str,
    ) -> Result<Opened, JournalError> {
        todo!()
    }

    /// Looks at the journal of a haul, running or not. Takes no lock and never writes; the tail that a running process is just
    /// writing is left out.
    pub fn read(storage: Arc<dyn Storage>) -> Result<ReadOnly, JournalError> {
        ReadOnly::open(storage)
    }
}

/// An open journal: one value for each thread that works with it.
pub struct Opened {
    /// Held as long as this process works on the haul.
    pub lock: Box<dyn Lock>,
    /// Takes the rows.
    pub spool: SpoolWriter,
    /// Gives the rows back; clone it for every reader.
    pub rows: SpoolReader,
    /// Takes what becomes of the rows.
    pub log: LogWriter,
    /// What was found.
    pub recovery: Recovery,
}

/// What an earlier run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The state of every row, those included that their spool entry settles.
    pub states: Summary,
    /// Rows whose file was being completed: each must be verified and recorded again, as done or otherwise. Until then they are pending.
    pub in_doubt: Vec<(RowId, Done)>,
    /// Rows between two attempts.
    pub waiting: BTreeMap<RowId, Waiting>,
    /// Bodies under way, each with the length known to be on stable storage.
    pub parts: BTreeMap<RowId, (Part, u64)>,
    /// What had been durable and could not be read.
    pub damage: Vec<Damage>,
    /// Unfinished ends of files that were cut.
    pub torn: Vec<TornTail>,
    /// Whether the machine has not been restarted since the last run: what that run handed to the system is still there.
    pub same_boot: bool,
}
