//! An unfinished body as the log describes it to a later run.

use crate::model::{Checkpoint, Part};

/// The most checkpoints of one body. A longer body has them further apart: at most about a thirtieth of it cannot be verified.
const CHECKPOINTS_MAX: usize = 64;

/// An unfinished body of an earlier run. Its checkpoints verify a prefix of the part file; what follows the last one is unverified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedPart {
    /// What is needed to resume it.
    pub part: Part,
    /// Prefixes of the part file, by rising length.
    pub checkpoints: Vec<Checkpoint>,
    /// Bytes on stable storage. There is a checkpoint of that length, except in a journal of version 1.
    pub synced_len: u64,
}

impl RecordedPart {
    /// A body without bytes.
    pub(crate) fn new(part: Part) -> Self {
        Self { part, ..Self::default() }
    }

    /// Adds the checkpoint of all that the file holds now.
    pub(crate) fn hold(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.retain(|earlier| earlier.len < checkpoint.len);
        self.synced_len = self.synced_len.min(checkpoint.len);
        self.checkpoints.push(checkpoint);
        if self.checkpoints.len() > CHECKPOINTS_MAX {
            self.thin();
        }
    }

    pub(crate) fn synced(&mut self, len: u64) {
        self.synced_len = len;
    }

    /// Removes the checkpoint whose neighbours are closest together, so that the rest stay evenly spread. Never the synced one.
    fn thin(&mut self) {
        let middle = |at: &usize| self.checkpoints[*at].len != self.synced_len;
        let span = |at: &usize| self.checkpoints[*at + 1].len - self.checkpoints[*at - 1].len;
        if let Some(at) = (1..self.checkpoints.len() - 1).filter(middle).min_by_key(span) {
            self.checkpoints.remove(at);
        }
    }
}
