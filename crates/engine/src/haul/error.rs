//! Why a haul could not be run, or ended where it should not have.

use std::io;
use std::path::PathBuf;

use longhaul_journal::{JournalError, LockLost};
use thiserror::Error;

use crate::list::intake::IntakeError;

/// Why a run could not be made, or ended where it should not have.
///
/// Whatever it is, nothing that was reported is lost, and the same haul can be run again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HaulError {
    /// The haul's directory cannot be used.
    #[error("cannot use the directory {}", directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be opened.
    #[error("cannot open the journal")]
    Journal(#[source] JournalError),
    /// A list cannot be read.
    #[error("cannot read the list {label}")]
    List {
        /// Which.
        label: String,
        /// Why.
        source: io::Error,
    },
    /// A list broke off; the rows before that place are in the haul.
    #[error("the list {label} cannot be read beyond line {line}")]
    ListBroken {
        /// Which.
        label: String,
        /// The first line that is missing.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The lock file of the haul, or the directory of its records, was removed, moved or replaced during the run, so another process
    /// may work on the haul.
    #[error("the haul is no longer locked by this process")]
    LockLost(#[source] io::Error),
    /// The directory cannot be written any more, and waiting does not change that.
    #[error("cannot write to the haul's directory")]
    Disk(#[source] io::Error),
    /// The store cannot be opened.
    #[error("cannot open the store of the files")]
    Store(#[source] io::Error),
    /// A request field of the user's is not valid.
    #[error("the user agent is not a valid field value")]
    UserAgent,
    /// The system refused a thread or a timer.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

impl HaulError {
    /// An error of writing the journal or the files.
    pub(crate) fn of_disk(error: io::Error) -> Self {
        if LockLost::is_cause_of(&error) { Self::LockLost(error) } else { Self::Disk(error) }
    }
}

impl From<IntakeError> for HaulError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::List { label, line, source } => Self::ListBroken { label, line, source },
            IntakeError::Spool(source) => Self::Disk(source),
        }
    }
}
