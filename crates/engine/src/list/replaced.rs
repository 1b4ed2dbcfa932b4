//! The rows of a list that its new lines replace while it is read again.

use std::io;

use longhaul_journal::{Row, RowId, RowSet, RowState, RowStates, SpoolReader};

use super::listed_rows::{HaulLists, ListedRows, RowBits, repeated_rows};

/// Tells which rows no list says any more, while one of them is read.
pub(super) struct ReplacedRows {
    /// The rows of the other lists, and those of this one up to its first line that differs.
    listed: ListedRows,
    /// Rows that another line asks for, too.
    repeated: RowBits,
}

impl ReplacedRows {
    /// `kept` are the rows of the list called `label` that its new content still has.
    pub(super) fn new(
        spool: &SpoolReader,
        label: &str,
        kept: &ListedRows,
        forgotten: &RowSet,
    ) -> io::Result<Self> {
        let mut listed = HaulLists::of(spool)?.all(Some(label));
        listed.add(kept);
        let repeated =
            repeated_rows(spool, |id, row| listed.contains(row.source, row.line) && !forgotten.contains(id))?;
        Ok(Self { listed, repeated })
    }

    /// A new line asks for what this row fetches.
    pub(super) fn note_repeated(&mut self, row: RowId) {
        self.repeated.insert(row);
    }

    /// Whether a row leaves its name to a new line: it failed in an earlier run, so it has no file, and no line needs it any more. A row
    /// that waits keeps its name, because this run may be about to complete it.
    pub(super) fn gives_way(&self, states: &RowStates, id: RowId, row: &Row) -> bool {
        states.state(id) == RowState::Failed
            && !self.listed.contains(row.source, row.line)
            && !self.repeated.contains(id)
    }
}
