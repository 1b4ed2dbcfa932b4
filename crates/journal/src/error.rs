//! What can go wrong with a journal: errors that stop it, and damage that it survives and reports.

use std::fmt;
use std::io;

use crate::files::LOCK_FILE;

/// A journal that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file system refused an operation.
    #[error("cannot {action} {path}")]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Another process works on this haul.
    #[error("the haul is in use by {holder}")]
    Held {
        /// What that process wrote into the lock file, such as `pid 123`.
        holder: String,
    },
    /// A file of another version of the format.
    #[error("{path} has format version {found}, this program knows version {known}")]
    OtherVersion {
        /// The file.
        path: String,
        /// Its version.
        found: u16,
        /// The only version known here.
        known: u16,
    },
    /// There is no haul in this directory.
    #[error("there is no haul here: {path} does not exist")]
    Missing {
        /// What was looked for.
        path: String,
    },
}

impl JournalError {
    pub(crate) fn io(action: &'static str, path: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Io { action, path, source }
    }
}

/// The path of the lock file no longer leads to the file that this process has locked: the file, or the directory of the haul's
/// records, was removed, moved or replaced. Another process may work on the haul, so nothing more is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock file {LOCK_FILE} was removed or replaced during the run")]
pub struct LockLost;

impl LockLost {
    /// Whether an error means this.
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// A region of a file that had been on stable storage and cannot be read back. What lies around it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, beneath the haul's directory.
    pub path: String,
    /// First byte that could not be read.
    pub offset: u64,
    /// Length of the region in bytes.
    pub len: u64,
    /// What was wrong with it.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} is damaged at byte {}, {} bytes: {}",
            self.path, self.offset, self.len, self.what
        )
    }
}

/// The end of a file that a crash left unfinished. Nothing in it had been promised to be on stable storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file, beneath the haul's directory.
    pub path: String,
    /// Where the good part ends.
    pub offset: u64,
    /// Length of what was cut, in bytes.
    pub len: u64,
}

impl From<&TornTail> for Damage {
    fn from(torn: &TornTail) -> Self {
        let TornTail { path, offset, len } = torn;
        Self { path: path.clone(), offset: *offset, len: *len, what: "its end is unfinished".to_owned() }
    }
}
