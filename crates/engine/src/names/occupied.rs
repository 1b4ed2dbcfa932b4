//! What becomes of a row whose name a file occupies that is not of this haul.

use std::io;

use longhaul_journal::FaultRecord;

use crate::sink::file_fault;

/// Why a row is skipped whose file was there before it.
const ALREADY_THERE: &str = "the file is there already";

/// The user's decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OccupiedPolicy {
    /// The row is skipped rather than failed.
    no_clobber: bool,
}

/// The row's outcome.
#[derive(Debug)]
pub(crate) enum Occupied {
    Skip { reason: String },
    Fail { fault: FaultRecord },
}

impl OccupiedPolicy {
    pub(crate) fn new(no_clobber: bool) -> Self {
        Self { no_clobber }
    }

    /// Decides about a row that could not get its name because of this error.
    pub(crate) fn decide(self, name: &str, error: &io::Error) -> Occupied {
        if self.no_clobber && error.kind() == io::ErrorKind::AlreadyExists {
            Occupied::Skip { reason: ALREADY_THERE.to_owned() }
        } else {
            Occupied::Fail { fault: file_fault(name, error) }
        }
    }
}
