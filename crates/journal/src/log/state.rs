//! The state that the log's records add up to.

use std::collections::BTreeMap;

use crate::format::LogRecord;
use crate::model::RecordedPart;
use crate::model::RowId;
use crate::model::{Done, Record, Waiting};
use crate::model::{RowSet, RowState, RowStates};

/// The state after all records so far: two bits a row, and the details of the rows that are not settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) states: RowStates,
    pub(crate) waiting: BTreeMap<RowId, Waiting>,
    pub(crate) parts: BTreeMap<RowId, RecordedPart>,
    pub(crate) doubts: BTreeMap<RowId, Done>,
    pub(crate) forgotten: RowSet,
    /// Rows of the spool that were on stable storage at the last marker.
    pub(crate) spool_rows: u64,
    /// Where the last session ran.
    pub(crate) boot_id: Option<[u8; 16]>,
}

impl LogState {
    /// Applies a record; `false` if it cannot be one of ours.
    #[must_use]
    pub(crate) fn apply(&mut self, record: LogRecord) -> bool {
        match record {
            LogRecord::Marker(marker) => {
                if marker.spool_rows > RowId::COUNT_MAX {
                    return false;
                }
                self.spool_rows = self.spool_rows.max(marker.spool_rows);
                true
            }
            LogRecord::Record(record) => self.apply_record(record),
            LogRecord::States { .. } | LogRecord::ForgottenRows { .. } | LogRecord::SummaryEnd { .. } => {
                false
            }
        }
    }

    fn apply_record(&mut self, record: Record) -> bool {
        match record {
            Record::Session { boot_id, .. } => {
                self.boot_id = Some(boot_id);
                true
            }
            Record::Part(row, part) => {
                let known = row.0 < RowId::COUNT_MAX;
                if known {
                    self.parts.insert(row, RecordedPart::new(part));
                }
                known
            }
            Record::PartCheckpoint(row, checkpoint) => {
                if let Some(kept) = self.parts.get_mut(&row) {
                    kept.hold(checkpoint);
                }
                true
            }
            Record::PartSynced(row, len) => {
                if let Some(kept) = self.parts.get_mut(&row) {
                    kept.synced(len);
                }
                true
            }
            Record::Waiting(row, waiting) => {
                let known = self.move_to(row, RowState::Pending);
                if known {
                    self.waiting.insert(row, waiting);
                }
                known
            }
            Record::Doubt(row, done) => {
                let known = self.move_to(row, RowState::Pending);
                if known {
                    self.doubts.insert(row, done);
                }
                known
            }
            Record::Done(row, _) => self.end_part(row, RowState::Done),
            // What is kept of its body is resumed when the row is reopened.
            Record::Failed(row, _) if self.parts.get(&row).is_some_and(|kept| kept.part.resumable) => {
                self.move_to(row, RowState::Failed)
            }
            Record::Failed(row, _) => self.end_part(row, RowState::Failed),
            Record::Skipped(row, _) | Record::NoContent(row, _) => self.end_part(row, RowState::Skipped),
            Record::Forgotten(row) => {
                let known = self.end_part(row, RowState::Skipped);
                if known {
                    self.forgotten.insert(row);
                }
                known
            }
            Record::Reopened(row) if self.states.state(row) == RowState::Failed => {
                self.move_to(row, RowState::Pending)
            }
            // The unfinished body has been removed.
            Record::Reopened(row) => self.end_part(row, RowState::Pending),
        }
    }

    fn end_part(&mut self, row: RowId, state: RowState) -> bool {
        self.parts.remove(&row);
        self.move_to(row, state)
    }

    fn move_to(&mut self, row: RowId, state: RowState) -> bool {
        if row.0 >= RowId::COUNT_MAX {
            return false;
        }
        self.waiting.remove(&row);
        self.doubts.remove(&row);
        self.forgotten.remove(row);
        self.states.set(row, state);
        true
    }
}
