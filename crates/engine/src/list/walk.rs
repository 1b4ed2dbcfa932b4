//! Walks along the rows of a list that has been read before, while the list is read again.
//!
//! A list that had changed was taken as new from the first line that differed on: what it said last is the beginning of
//! the reading before and the rows of the reading since. So each reading counts up to the line at which a later one
//! took its place.

use std::collections::BTreeMap;
use std::io;

use longhaul_journal::{BLOCK_ROWS, BlockId, Entry, Expectation, Row, RowId, SourceId, SpoolReader};

use super::reader::{Item, ItemContent};

pub(super) struct Walk {
    rows: SpoolReader,
    latest: SourceId,
    /// The readings of the list, each with the line from which on a later one has replaced it.
    replaced_from: BTreeMap<SourceId, u64>,
    /// Rows of this run are not walked along.
    end: u64,
    block: Vec<(RowId, Row)>,
    next_in_block: usize,
    next_block: u64,
    differs: bool,
}

impl Walk {
    /// Along what a list said last: `latest` is its last reading, `earlier` are those before, oldest first.
    pub(super) fn along(rows: SpoolReader, earlier: &[SourceId], latest: SourceId) -> io::Result<Self> {
        let end = rows.published();
        let mut replaced_from = BTreeMap::from([(latest, u64::MAX)]);
        if !earlier.is_empty() {
            let first_lines = first_lines(&rows)?;
            let mut later = latest;
            let mut line = u64::MAX;
            for &source in earlier.iter().rev() {
                line = line.min(first_lines.get(&later).copied().unwrap_or(u64::MAX));
                replaced_from.insert(source, line);
                later = source;
            }
        }
        let block = Vec::new();
        Ok(Self { rows, latest, replaced_from, end, block, next_in_block: 0, next_block: 0, differs: false })
    }

    /// The list's last reading.
    pub(super) fn source(&self) -> SourceId {
        self.latest
    }

    /// Whether the line is the list's next row. After a false it is not to be asked again.
    pub(super) fn matches(&mut self, item: &Item) -> io::Result<bool> {
        let Some(row) = self.next_row()? else { return Ok(false) };
        let is_same = row.line == item.position && says(row, &item.content);
        let is_same = match (&row.entry, &item.content) {
            (&Entry::Duplicate { of, .. }, ItemContent::Url { expected, .. }) if is_same => {
                self.is_checked_by(of, expected)?
            }
            _ => is_same,
        };
        self.differs = !is_same;
        Ok(is_same)
    }

    /// Whether the row that fetches it for a duplicate holds it to all that is expected. A duplicate stores no expectation:
    /// it had none, or that of the other row.
    fn is_checked_by(&self, of: RowId, expected: &Expectation) -> io::Result<bool> {
        if *expected == Expectation::default() {
            return Ok(true);
        }
        let entry = self.rows.row(of)?.entry;
        Ok(matches!(entry, Entry::Fetch { expected: of_row, .. } if of_row == *expected))
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
                let (id, row) = &self.block[at];
                if id.0 < self.end && self.replaced_from.get(&row.source).is_some_and(|&line| row.line < line)
                {
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

/// The line of each source's first row.
fn first_lines(rows: &SpoolReader) -> io::Result<BTreeMap<SourceId, u64>> {
    let mut first_lines = BTreeMap::new();
    let mut block = Vec::new();
    for number in 0..rows.published().div_ceil(BLOCK_ROWS) {
        rows.read_block(BlockId(number), &mut block)?;
        for (_, row) in block.drain(..).filter(|(_, row)| row.entry != Entry::Lost) {
            first_lines.entry(row.source).or_insert(row.line);
        }
    }
    Ok(first_lines)
}

/// Whether this is what the row was made from. Of a row that is damaged nobody can say that: the lines from there on are
/// taken as new, and most of them turn out to be known.
fn says(row: &Row, content: &ItemContent) -> bool {
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
