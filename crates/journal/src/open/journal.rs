//! Opens a journal and recovers it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::contents::{JournalContents, read_contents};
use super::parts;
use super::read_only::ReadOnly;
use crate::error::{Damage, JournalError, TornTail};
use crate::files::{Kind, LOCK_FILE, PARTS_DIRECTORY, fixed, is_leftover, state_directory};
use crate::format::{LogRecord, SaltSeed};
use crate::log::{LogWriter, write_summary};
use crate::model::RecordedPart;
use crate::model::RowId;
use crate::model::{Done, Record, Waiting};
use crate::model::{RowSet, RowStates};
use crate::spool::{SharedSpool, SpoolReader, SpoolWriter, relocate_tail};
use crate::storage::{FileKind, Lock, LockError, Storage};

/// If opening reads more segments than this, it writes a summary for the next time. Every opening begins a segment.
const SEGMENTS_READ_MAX: usize = 8;

/// Opens and reads journals.
#[derive(Debug)]
pub enum Journal {}

impl Journal {
    /// Opens the journal of a haul and recovers it; creates it if there is none. Another process that finds the haul in use reports
    /// `holder`, such as `pid 123`, in its error.
    #[expect(clippy::needless_pass_by_value, reason = "everything that is handed out shares it")]
    pub fn open(
        storage: Arc<dyn Storage>,
        now_unix_ms: u64,
        boot_id: [u8; 16],
        holder: &str,
    ) -> Result<Opened, JournalError> {
        let lock = prepare_directory(&*storage, holder)?;
        let JournalContents { states, mut log, mut spool } = read_contents(&storage)?;
        let seed = SaltSeed { boot_id, now_unix_ms };
        relocate_tail(&storage, &mut spool, seed)
            .map_err(JournalError::io("rewrite the tail of", "the spool"))?;
        let next_spool_number = spool.next_number;
        let writer =
            SpoolWriter::new(SharedSpool::new(Arc::clone(&storage), spool.index), seed, next_spool_number);
        let rows = writer.reader();

        let same_boot = log.state.boot_id == Some(boot_id);
        parts::remove_unknown(&*storage, &log.state)?;

        let version = env!("CARGO_PKG_VERSION").to_owned();
        let session = Record::Session { boot_id, started_unix_ms: now_unix_ms, version };
        let mut records = vec![LogRecord::Record(session)];
        records.append(&mut log.carried);
        let (number, base) = (log.next_number(), log.base);
        let log_writer = LogWriter::begin(
            Arc::clone(&storage),
            Arc::clone(&lock),
            rows.clone(),
            seed,
            (number, base),
            &records,
        )
        .map_err(JournalError::io("create", Kind::Log.path(number)))?;
        if log.segments_read > SEGMENTS_READ_MAX {
            // A summary only saves time.
            let _ = write_summary(&*storage, seed, number - 1, base);
        }

        let state = log.state;
        log.damage.append(&mut spool.damage);
        log.torn.append(&mut spool.torn);
        let recovery = Recovery {
            states,
            in_doubt: state.doubts.into_iter().collect(),
            waiting: state.waiting,
            parts: state.parts,
            forgotten: state.forgotten,
            damage: log.damage,
            torn: log.torn,
            same_boot,
        };
        Ok(Opened { lock, spool: writer, rows, log: log_writer, recovery })
    }

    /// Reads the journal of a haul, running or not. Takes no lock and never writes; the tail that a running process is writing is
    /// left out.
    pub fn read(storage: Arc<dyn Storage>) -> Result<ReadOnly, JournalError> {
        ReadOnly::open(storage)
    }
}

/// Makes the directories of a haul, takes its lock, and removes what an earlier run left unfinished.
fn prepare_directory(storage: &dyn Storage, holder: &str) -> Result<Arc<dyn Lock>, JournalError> {
    let directory = state_directory();
    storage.create_dir_all(&fixed(PARTS_DIRECTORY)).map_err(JournalError::io("create", PARTS_DIRECTORY))?;
    let lock_file = fixed(LOCK_FILE);
    let stands_there = storage.metadata(&lock_file).map_err(JournalError::io("look up", LOCK_FILE))?;
    if stands_there.is_some_and(|found| matches!(found.kind, FileKind::Symlink | FileKind::Other)) {
        // It locks nothing. What a link leads to stays as it is.
        storage.remove(&lock_file).map_err(JournalError::io("remove", LOCK_FILE))?;
    }
    let lock = storage.lock(&lock_file, holder).map_err(|error| match error {
        LockError::Held { holder } => JournalError::Held { holder },
        LockError::Io(source) => JournalError::io("lock", LOCK_FILE)(source),
    })?;
    // The names within the state directory become durable with the first log segment.
    storage.sync_dir(None).map_err(JournalError::io("sync", "."))?;
    for name in storage.list(&directory).map_err(JournalError::io("list", &directory))? {
        if is_leftover(&name)
            && let Ok(path) = directory.join(&name)
        {
            storage.remove(&path).map_err(JournalError::io("remove", &path))?;
        }
    }
    Ok(Arc::from(lock))
}

/// An open journal, in parts that different threads can own.
pub struct Opened {
    /// Held as long as this process works on the haul; the log's writer holds it too.
    pub lock: Arc<dyn Lock>,
    /// Appends rows.
    pub spool: SpoolWriter,
    /// Reads rows; clone it for every reader.
    pub rows: SpoolReader,
    /// Appends records.
    pub log: LogWriter,
    /// The state that earlier runs left.
    pub recovery: Recovery,
}

/// The state that earlier runs left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The state of every row, those included that their spool entry settles.
    pub states: RowStates,
    /// Rows whose publication was interrupted: each must be settled by another record. Until then they are pending.
    pub in_doubt: Vec<(RowId, Done)>,
    /// Rows between two attempts.
    pub waiting: BTreeMap<RowId, Waiting>,
    /// Unfinished bodies. Their part files have not been verified.
    pub parts: BTreeMap<RowId, RecordedPart>,
    /// Rows that are not part of the haul any more.
    pub forgotten: RowSet,
    /// What had been durable and could not be read.
    pub damage: Vec<Damage>,
    /// Unfinished ends of files that were cut.
    pub torn: Vec<TornTail>,
    /// Whether the machine has not been restarted since the last run: what that run wrote without a sync is still there.
    pub same_boot: bool,
}
