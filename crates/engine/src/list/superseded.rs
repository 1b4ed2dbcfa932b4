//! Rows that their lists no longer say: a line was corrected or removed since it was read.
//!
//! When a list has changed, its lines are new rows from the first difference on, and the rows that the earlier reading made of the
//! lines from there on are *superseded*, unless a line of today repeats one of them. A superseded row that has no file and never had
//! one is forgotten, so that the outcome of the haul is that of the lists as they are.
//!
//! This holds for lists that are files. What is typed or piped is added to the haul, and takes nothing back.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use longhaul_journal::storage::Storage;
use longhaul_journal::{
    BLOCK_ROWS, BlockId, Entry, Journal, LogWriter, Record, RowId, RowState, RowStates, Source, SourceId,
    SpoolReader,
};

use crate::haul::HaulError;

/// Forgets the superseded rows that failed or are pending, and returns how many these are. Everything that the run has recorded is
/// committed. A crash before the end leaves them as they were: the next run forgets them.
pub(crate) fn forget(
    storage: &Arc<dyn Storage>,
    rows: &SpoolReader,
    log: &mut LogWriter,
) -> Result<u64, HaulError> {
    let Some(lines) = SupersededLines::of(rows).map_err(HaulError::of_disk)? else { return Ok(0) };
    let journal = Journal::read(Arc::clone(storage)).map_err(HaulError::Journal)?;
    let found = lines.unsettled_rows(rows, journal.states()).map_err(HaulError::of_disk)?;
    for row in &found {
        log.record(&Record::Forgotten(*row)).map_err(HaulError::of_disk)?;
    }
    log.commit().map_err(HaulError::of_disk)?;
    Ok(found.len() as u64)
}

/// For each source of a list that has been read again: the line from which on its rows are superseded.
#[derive(Clone, Debug, Default)]
struct SupersededLines(BTreeMap<SourceId, u64>);

impl SupersededLines {
    /// Of all lists that are files and whose last reading is complete; `None` if there is none. Reads the spool if a list has changed.
    fn of(rows: &SpoolReader) -> io::Result<Option<Self>> {
        let sources = rows.sources();
        let mut by_label: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
        for source in &sources {
            by_label.entry(&source.label).or_default().push(source);
        }
        let is_file = |readings: &Vec<&Source>| {
            readings.last().is_some_and(|latest| latest.complete && latest.identity.is_some())
        };
        by_label.retain(|_, readings| is_file(readings));
        if by_label.is_empty() {
            return Ok(None);
        }
        let is_read_again = by_label.values().any(|readings| readings.len() > 1);
        let first_lines = if is_read_again { first_lines(rows)? } else { BTreeMap::new() };
        let mut superseded = BTreeMap::new();
        for readings in by_label.values() {
            let Some(latest) = readings.last() else { continue };
            // A list can end before the line where it ended earlier.
            let mut line = latest.lines.saturating_add(1);
            superseded.insert(latest.id, line);
            let mut later = latest.id;
            for reading in readings.iter().rev().skip(1) {
                line = line.min(first_lines.get(&later).copied().unwrap_or(u64::MAX));
                superseded.insert(reading.id, line);
                later = reading.id;
            }
        }
        Ok(Some(Self(superseded)))
    }

    fn contain(&self, source: SourceId, line: u64) -> bool {
        self.0.get(&source).is_some_and(|&from| line >= from)
    }

    /// The superseded rows that failed or are pending, and which no line of today repeats. Reads the spool once and takes two bits a
    /// row.
    fn unsettled_rows(&self, rows: &SpoolReader, states: &RowStates) -> io::Result<Vec<RowId>> {
        let count = usize::try_from(rows.published()).unwrap_or(usize::MAX);
        let (mut candidates, mut repeated) = (Bits::new(count), Bits::new(count));
        let mut block = Vec::new();
        for number in 0..rows.published().div_ceil(BLOCK_ROWS) {
            rows.read_block(BlockId(number), &mut block)?;
            for (id, row) in block.drain(..) {
                if self.contain(row.source, row.line) {
                    if matches!(states.state(id), RowState::Failed | RowState::Pending)
                        && row.entry != Entry::Lost
                    {
                        candidates.set(id);
                    }
                } else if let Entry::Duplicate { of, .. } = row.entry {
                    repeated.set(of);
                }
            }
        }
        Ok(candidates.rows().filter(|row| !repeated.contains(*row)).collect())
    }
}

/// The line of each source's first row.
pub(super) fn first_lines(rows: &SpoolReader) -> io::Result<BTreeMap<SourceId, u64>> {
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

/// A bit a row.
struct Bits(Vec<u8>);

impl Bits {
    fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(8)])
    }

    fn set(&mut self, row: RowId) {
        if let Some(byte) = usize::try_from(row.0 / 8).ok().and_then(|index| self.0.get_mut(index)) {
            *byte |= 1 << (row.0 % 8);
        }
    }

    fn contains(&self, row: RowId) -> bool {
        let byte = usize::try_from(row.0 / 8).ok().and_then(|index| self.0.get(index));
        byte.is_some_and(|byte| byte & 1 << (row.0 % 8) != 0)
    }

    fn rows(&self) -> impl Iterator<Item = RowId> {
        (0..self.0.len() as u64 * 8).map(RowId).filter(|row| self.contains(*row))
    }
}
