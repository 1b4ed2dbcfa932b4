//! The rows of a list and the outcome of each, on disk, through any crash.
//!
//! A haul is a directory. Under its `.longhaul/` lie the *spool* (the rows, appended and then never changed), the *log*
//! (the outcome of each row) and the *summaries* (the state of the log after a segment, two bits a row). [`Journal::open`] takes the
//! lock, recovers all three and returns a writer for rows and one for records; [`Journal::read`] only reads.
//!
//! After every crash: an outcome whose [`LogWriter::commit`] returned is there; an outcome that was only flushed is in doubt; a torn
//! tail is cut and reported; anything else that cannot be read is reported as [`Damage`], and the rest is saved.
//!
//! This crate knows no sockets, no protocol and no clock: times are passed in as unix milliseconds. All disk access of the
//! project goes through its [`storage`] seam. The bytes on disk are described in `docs/journal-format.md`.

pub mod storage;

mod claims;
mod error;
mod files;
mod format;
mod log;
mod model;
mod open;
mod query;
mod remembered;
mod spool;

pub use claims::Claims;
pub use error::{Damage, JournalError, LockLost, TornTail};
pub use files::{LOCK_FILE, PARTS_DIRECTORY, STATE_DIRECTORY};
pub use log::LogWriter;
pub use model::HostRecord;
pub use model::{
    Checkpoint, ContentFormat, Counts, Done, Entry, Expectation, Failed, FaultRecord, Fields, FileIdentity,
    Location, NoContent, Part, Record, RecordedDigest, RecordedPart, Row, RowId, RowSet, RowState, RowStates,
    Source, SourceEnd, SourceId, SuspectPattern, Suspicion, Validator, Verification, Waiting,
};
pub use open::{Journal, Opened, ReadOnly, Recovery};
pub use query::{Failures, RecentOutcomes, RecordedOutcome};
pub use remembered::{HOSTS_MAX, SUSPICIONS_MAX, read_hosts, read_suspicions, write_hosts, write_suspicions};
pub use spool::{BLOCK_ROWS, BlockId, SpoolReader, SpoolWriter};
