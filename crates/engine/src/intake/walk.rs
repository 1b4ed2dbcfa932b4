//! Walks along the rows of a list that has been read before, while the list is read again.

use std::io;

use longhaul_journal::{BLOCK_ROWS, BlockId, Entry, Row, RowId, SourceId, SpoolReader};

use super::Parsed;

pub(super) struct Walk {
    rows: SpoolReader,
    source: SourceId,
    /// Rows of this run are not walked along.
    end: u64,
    block: Vec<(RowId, Row)>,
    next_in_block: usize,
    next_block: u64,
    differs: bool,
}

impl Walk {
    pub(super) fn along(rows: SpoolReader, source: SourceId) -> Self {
        let end = rows.published();
        Self { rows, source, end, block: Vec::new(), next_in_block: 0, next_block: 0, differs: false }
    }

    pub(super) fn source(&self) -> SourceId {
        self.source
    }

    /// Whether the line is the list's next row. After a false it is not to be asked again.
    pub(super) fn matches(&mut self, line: u64, parsed: &Parsed) -> io::Result<bool> {
        let Some(row) = self.next_row()? else { return Ok(false) };
        let is_same = row.line == line && says(&row.entry, parsed);
        self.differs = !is_same;
        Ok(is_same)
    }

    /// Whether the list only goes on where its rows end, as opposed to having changed.
    pub(super) fn continues(&self) -> bool {
        !self.differs
    }

    fn next_row(&mut self) -> io::Result<Option<&Row>> {
        loop {
            while self.next_in_block < self.block.len() {
                let at = self.next_in_block;
                self.next_in_block += 1;
                if self.block[at].1.source == self.source && self.block[at].0.0 < self.end {
                    return Ok(Some(&self.block[at].1));
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

fn says(entry: &Entry, parsed: &Parsed) -> bool {
    match (entry, parsed) {
        (Entry::Fetch { url, .. } | Entry::Duplicate { url, .. }, Parsed::Url { text, .. }) => url == text,
        (Entry::Refused { text, .. }, Parsed::Refused { text: excerpt, .. }) => text == excerpt,
        // What the row said cannot be read any more; its number is what counts.
        (Entry::Lost, _) => true,
        _ => false,
    }
}
