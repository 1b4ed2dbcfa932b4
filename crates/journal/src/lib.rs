//! The rows of a list and what became of each, on disk, through any crash.
//!
//! A haul is a directory. Under its `.longhaul/` lie the *spool* (the rows, appended and then never changed), the *log*
//! (what became of each row) and the *summaries* (finished log segments, folded to two bits a row). [`Journal::open`] takes
//! the lock, recovers all three and hands out one writer for each; [`Journal::read`] looks at a haul without touching it.
//!
//! What holds after every crash: an outcome whose [`LogWriter::commit`] returned is there; an outcome that was only flushed
//! is handed over as a doubt; a torn tail is cut and said; anything else that cannot be read is reported as [`Damage`] and
//! the rest is saved.
//!
//! This crate knows no sockets, no protocol and no clock: times are passed in as unix milliseconds. All disk access of the
//! project goes through its [`storage`] seam. The bytes on disk are described in `docs/journal-format.md`.

pub mod storage;

mod claims;
mod error;
mod failures;
mod files;
mod format;
mod hosts;
mod journal;
mod kept;
mod layout;
mod log;
mod outcomes;
mod parts;
mod read_only;
mod record;
mod row;
mod spool;
mod states;
mod survey;

pub use claims::Claims;
pub use error::{Damage, JournalError, TornTail};
pub use failures::Failures;
pub use hosts::{HOSTS_MAX, HostRecord, read_hosts, write_hosts};
pub use journal::{Journal, Opened, Recovery};
pub use kept::Kept;
pub use layout::{LOCK_FILE, PARTS_DIRECTORY, STATE_DIRECTORY};
pub use log::LogWriter;
pub use outcomes::Outcome;
pub use read_only::ReadOnly;
pub use record::{Done, Failed, FaultRecord, Location, Mark, Part, Record, Validator, Verification, Waiting};
pub use row::{Entry, Expectation, Fields, FileIdentity, Row, RowId, Source, SourceId};
pub use spool::{BLOCK_ROWS, BlockId, SpoolReader, SpoolWriter};
pub use states::{Counts, State, Summary};
