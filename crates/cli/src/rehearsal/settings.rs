//! The settings of a rehearsal, and its result.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Settings of a rehearsal.
pub(crate) struct Rehearsal<'a> {
    /// Number of files on the list.
    pub(crate) files: u32,
    /// Seed of the files and of the faults.
    pub(crate) seed: u64,
    /// Directory for the list, the haul and the logs.
    pub(crate) directory: &'a Path,
    /// Becomes true when the user asks to stop.
    pub(crate) is_stopped: Arc<AtomicBool>,
    /// Called with a description of each step before it begins.
    pub(crate) print_step: &'a dyn Fn(&str),
}

impl Rehearsal<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

/// The result of a rehearsal.
pub(crate) struct RehearsalResult {
    /// The result for people. It ends in a line end.
    pub(crate) text: String,
    pub(crate) has_passed: bool,
}
