//! What becomes of a row whose name a file occupies that is not of this haul.

use std::io;

use longhaul_journal::FaultRecord;

use super::disk_error::{contradiction_fault, file_fault, occupant_fault};
use crate::schedule::job::Job;

/// Why a row is skipped whose file was there before it.
const ALREADY_THERE: &str = "the file is there already";

/// The user's decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OccupiedPolicy {
    /// The row is skipped rather than failed.
    pub(crate) no_clobber: bool,
    /// A file of the size on the list is the row's, also without a digest.
    pub(crate) adopts_by_size: bool,
}

/// The row's outcome.
#[derive(Debug)]
pub(crate) enum Occupied {
    Skip { reason: String },
    Fail { fault: FaultRecord },
}

impl OccupiedPolicy {
    /// Decides about a row that could not get its name because of this error, while nobody has compared what stands there with the
    /// list. A row whose content the list describes is never skipped then: what stands there may be something else.
    pub(crate) fn decide(self, job: &Job, error: &io::Error) -> Occupied {
        if job.expected.describes_bytes() {
            Occupied::Fail { fault: file_fault(&job.name, error) }
        } else {
            self.decide_compared(&job.name, error)
        }
    }

    /// The same where what stands there does not contradict the list.
    pub(crate) fn decide_compared(self, name: &str, error: &io::Error) -> Occupied {
        if self.no_clobber && error.kind() == io::ErrorKind::AlreadyExists {
            Occupied::Skip { reason: ALREADY_THERE.to_owned() }
        } else {
            Occupied::Fail { fault: file_fault(name, error) }
        }
    }

    /// The fault of a row in whose place something stands that contradicts the list.
    pub(crate) fn contradiction(name: &str, what: &str) -> FaultRecord {
        contradiction_fault(&format!("{name} was there before, and is not what the list expects: {what}"))
    }

    /// The fault of a row in whose place something stands that cannot be read.
    pub(crate) fn unreadable(name: &str, error: &io::Error) -> FaultRecord {
        occupant_fault(&format!("{name} was there before, and cannot be compared with the list: {error}"))
    }
}
