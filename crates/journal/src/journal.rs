//! The journal as a whole: opened by the one process that works on a haul, or read by anyone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Damage, JournalError, TornTail};
use crate::format::{LogRecord, Stamp};
use crate::kept::Kept;
use crate::layout::{Kind, LOCK_FILE, PARTS_DIRECTORY, fixed, is_leftover, state_directory};
use crate::log::{LogWriter, write_summary};
use crate::parts;
use crate::read_only::ReadOnly;
use crate::record::{Done, Record, Waiting};
use crate::row::RowId;
use crate::spool::{Shared, SpoolReader, SpoolWriter, relocate_tail};
use crate::states::Summary;
use crate::storage::{Lock, LockError, Storage};
use crate::survey::{Survey, survey};

/// A start that had to read more segments than this leaves a summary for the next one. Every start begins a segment.
const SEGMENTS_READ_MAX: usize = 8;

/// The way into a haul's journal.
#[derive(Debug)]
pub enum Journal {}

impl Journal {
    /// Opens the journal of a haul, creating it where there is none, and recovers it. `holder` is what another process is
    /// told that finds the haul in use, such as `pid 123`.
    #[expect(clippy::needless_pass_by_value, reason = "everything that is handed out shares it")]
    pub fn open(
        storage: Arc<dyn Storage>,
        now_unix_ms: u64,
        boot_id: [u8; 16],
        holder: &str,
    ) -> Result<Opened, JournalError> {
        let lock = prepare_directory(&*storage, holder)?;
        let Survey { states, mut log, mut spool } = survey(&storage)?;
        let stamp = Stamp { boot_id, now_unix_ms };
        relocate_tail(&storage, &mut spool, stamp)
            .map_err(JournalError::io("rewrite the tail of", "the spool"))?;
        let next_spool_number = spool.next_number;
        let writer =
            SpoolWriter::new(Shared::new(Arc::clone(&storage), spool.index), stamp, next_spool_number);
        let rows = writer.reader();

        let same_boot = log.fold.boot_id == Some(boot_id);
        parts::tidy(&*storage, &log.fold)?;

        let version = env!("CARGO_PKG_VERSION").to_owned();
        let session = Record::Session { boot_id, started_unix_ms: now_unix_ms, version };
        let mut records = vec![LogRecord::Record(session)];
        records.append(&mut log.carried);
        let (number, base) = (log.next_number(), log.base);
        let log_writer =
            LogWriter::begin(Arc::clone(&storage), rows.clone(), stamp, (number, base), &records)
                .map_err(JournalError::io("create", Kind::Log.path(number)))?;
        if log.segments_read > SEGMENTS_READ_MAX {
            // A summary saves time at the next start and nothing else.
            let _ = write_summary(&*storage, stamp, number - 1, base);
        }

        let fold = log.fold;
        log.damage.append(&mut spool.damage);
        log.torn.append(&mut spool.torn);
        let recovery = Recovery {
            states,
            in_doubt: fold.doubts.into_iter().collect(),
            waiting: fold.waiting,
            parts: fold.parts,
            damage: log.damage,
            torn: log.torn,
            same_boot,
        };
        Ok(Opened { lock, spool: writer, rows, log: log_writer, recovery })
    }

    /// Looks at the journal of a haul, running or not. Takes no lock and never writes; the tail that a running process is
    /// just writing is left out.
    pub fn read(storage: Arc<dyn Storage>) -> Result<ReadOnly, JournalError> {
        ReadOnly::open(storage)
    }
}

/// Makes the directories of a haul, takes its lock, and removes what an earlier run left unfinished.
fn prepare_directory(storage: &dyn Storage, holder: &str) -> Result<Box<dyn Lock>, JournalError> {
    let directory = state_directory();
    storage.create_dir_all(&fixed(PARTS_DIRECTORY)).map_err(JournalError::io("create", PARTS_DIRECTORY))?;
    let lock = storage.lock(&fixed(LOCK_FILE), holder).map_err(|error| match error {
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
    Ok(lock)
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
    /// Rows whose file was being completed: each must be verified and recorded again, as done or otherwise. Until then they
    /// are pending.
    pub in_doubt: Vec<(RowId, Done)>,
    /// Rows between two attempts.
    pub waiting: BTreeMap<RowId, Waiting>,
    /// Bodies under way. What their part files hold has yet to be checked.
    pub parts: BTreeMap<RowId, Kept>,
    /// What had been durable and could not be read.
    pub damage: Vec<Damage>,
    /// Unfinished ends of files that were cut.
    pub torn: Vec<TornTail>,
    /// Whether the machine has not been restarted since the last run: what that run handed to the system is still there.
    pub same_boot: bool,
}
