//! The rows of a list that an earlier run has read, in order, to be compared with the list as it is read again.
//!
//! Which rows these are, [`HaulLists`](super::listed_rows::HaulLists) knows.

use std::io;

use longhaul_journal::{BLOCK_ROWS, BlockId, Entry, Expectation, Row, RowId, RowSet, SpoolReader};

use super::listed_rows::ListedRows;
use super::reader::{Item, ItemContent};

/// The rows of the last reading of a list.
pub(super) struct EarlierReading {
    rows: SpoolReader,
    listed: ListedRows,
    /// Rows from here on belong to this run.
    end: u64,
    /// Rows that are not part of the haul any more: a line that made one makes a new row.
    forgotten: RowSet,
    block: Vec<(RowId, Row)>,
    next_in_block: usize,
    next_block: u64,
    differs: bool,
}

impl EarlierReading {
    /// `listed` are the rows that the list said up to its last reading.
    pub(super) fn new(rows: SpoolReader, listed: ListedRows, forgotten: RowSet) -> Self {
        let end = rows.published();
        let block = Vec::new();
        Self { rows, listed, end, forgotten, block, next_in_block: 0, next_block: 0, differs: false }
    }

    /// Whether the item is the next row of the list. Once it is not, no further item is compared.
    pub(super) fn matches(&mut self, item: &Item) -> io::Result<bool> {
        let Some((id, row)) = self.next_row()? else { return Ok(false) };
        let id = *id;
        let is_same = row.line == item.position && is_row_of(row, &item.content);
        let is_same = match (&row.entry, &item.content) {
            (&Entry::Duplicate { of, .. }, ItemContent::Url { expected, .. }) if is_same => {
                self.is_checked_by(of, expected)?
            }
            _ => is_same,
        };
        let is_same = is_same && !self.forgotten.contains(id);
        self.differs = !is_same;
        Ok(is_same)
    }

    /// Whether the row that fetches the URL of a duplicate is part of the haul and checks all that is expected. A duplicate stores no
    /// expectation: it had none, or the same as that row.
    fn is_checked_by(&self, of: RowId, expected: &Expectation) -> io::Result<bool> {
        if self.forgotten.contains(of) {
            return Ok(false);
        }
        if *expected == Expectation::default() {
            return Ok(true);
        }
        let entry = self.rows.row(of)?.entry;
        Ok(matches!(entry, Entry::Fetch { expected: of_row, .. } if of_row == *expected))
    }

    /// Whether the list has only grown, as opposed to having changed.
    pub(super) fn continues(&self) -> bool {
        !self.differs
    }

    fn next_row(&mut self) -> io::Result<Option<&(RowId, Row)>> {
        loop {
            while self.next_in_block < self.block.len() {
                let at = self.next_in_block;
                self.next_in_block += 1;
                let (id, row) = &self.block[at];
                if id.0 < self.end && self.listed.contains(row.source, row.line) {
                    return Ok(Some(&self.block[at]));
                }
            }
            if self.next_block * BLOCK_ROWS >= self.end {
                return Ok(None);
            }
            self.block.clear();
            self.rows.read_block(BlockId(self.next_block), &mut self.block)?;
            self.next_block += 1;
            self.next_in_block = 0;
        }
    }
}

/// Whether the row was made from this content. A damaged row matches nothing: the items from there on are taken as new, and most
/// of them become duplicates.
fn is_row_of(row: &Row, content: &ItemContent) -> bool {
    match (&row.entry, content) {
        (Entry::Fetch { url, expected: of_row, .. }, ItemContent::Url { text, expected, fields, .. }) => {
            url == text && of_row == expected && row.fields == *fields
        }
        // Apart from what is expected.
        (Entry::Duplicate { url, .. }, ItemContent::Url { text, fields, .. }) => {
            url == text && row.fields == *fields
        }
        (Entry::Refused { text, .. }, ItemContent::Refused { text: excerpt, .. }) => text == excerpt,
        _ => false,
    }
}
