//! From the files of the spool to its index: one pass over everything.
//!
//! Rows that were once known to be on stable storage keep their numbers, whatever became of their records. Behind those, the
//! first thing that cannot be read is where a crash cut.

use std::ops::Range;

use super::index::{Index, Segment};
use crate::error::{Damage, JournalError, TornTail};
use crate::files::Kind;
use crate::files::read_file;
use crate::format::{
    FRAME_PREFIX_BYTES, Frames, HEADER_BYTES, Header, HeaderRead, Item, RowKind, SpoolRecord, has_fields,
    peek_row,
};
use crate::model::RowId;
use crate::storage::{RelativePath, Storage};

/// The shortest frame of a source. As many sources as fit into a file may have been lost before one that can be read.
const SOURCE_FRAME_BYTES_MIN: usize = FRAME_PREFIX_BYTES + 4;

/// What the spool's files hold.
#[derive(Debug, Default)]
pub(crate) struct RecoveredSpool {
    pub(crate) index: Index,
    /// Rows known to be on stable storage.
    pub(crate) durable_rows: u64,
    /// The number of the next segment.
    pub(crate) next_number: u32,
    pub(crate) damage: Vec<Damage>,
    pub(crate) torn: Vec<TornTail>,
    /// Rows whose record cannot be read.
    pub(crate) lost: Vec<Range<u64>>,
}

struct SegmentFile {
    path: RelativePath,
    number: u32,
    header: HeaderRead,
}

/// Reads the spool. `durable_rows` is how many rows the log says were on stable storage; `settled` is called for each
/// row whose kind settles it (duplicates and refused lines).
pub(crate) fn recover(
    storage: &dyn Storage,
    names: &[String],
    durable_rows: u64,
    mut settled: impl FnMut(RowId, RowKind),
) -> Result<RecoveredSpool, JournalError> {
    let files = list_files(storage, names)?;
    // A segment is begun only when the one before is on stable storage.
    let begun = files.iter().filter_map(|file| file.header.readable()).map(|header| header.base).max();
    let mut found = RecoveredSpool {
        durable_rows: durable_rows.max(begun.unwrap_or(0).min(RowId::COUNT_MAX)),
        next_number: files.last().map_or(1, |file| file.number + 1),
        ..RecoveredSpool::default()
    };
    let mut buffer = Vec::new();
    for (place, file) in files.iter().enumerate() {
        // Rows that a later segment says again count there.
        let limit = files[place + 1..]
            .iter()
            .filter_map(|file| file.header.readable())
            .map(|header| header.base)
            .min();
        read_file(storage, &file.path, None, &mut buffer)?;
        found.read_segment(file, &buffer, limit, &mut settled);
    }
    found.count_lost_up_to(found.durable_rows);
    if found.damage.is_empty() && !found.lost.is_empty() {
        let rows: u64 = found.lost.iter().map(|range| range.end - range.start).sum();
        let path = Kind::Spool.path(files.last().map_or(1, |file| file.number)).to_string();
        found.damage.push(Damage { path, offset: 0, len: 0, what: format!("{rows} rows are missing") });
    }
    Ok(found)
}

fn list_files(storage: &dyn Storage, names: &[String]) -> Result<Vec<SegmentFile>, JournalError> {
    let mut bytes = Vec::new();
    let file = |number| {
        let path = Kind::Spool.path(number);
        read_file(storage, &path, Some(HEADER_BYTES as u64), &mut bytes)?;
        let header = Header::decode(&bytes, Kind::Spool, number, &path)?;
        Ok(SegmentFile { path, number, header })
    };
    Kind::Spool.numbers(names).into_iter().map(file).collect()
}

impl RecoveredSpool {
    fn read_segment(
        &mut self,
        file: &SegmentFile,
        bytes: &[u8],
        limit: Option<u64>,
        settled: &mut impl FnMut(RowId, RowKind),
    ) {
        let limit = limit.unwrap_or(RowId::COUNT_MAX);
        let Some(header) = file.header.readable() else {
            // A crash may come before the header is written. Nothing is missing if the next segment goes on where the last
            // one ended.
            if self.index.rows() < limit {
                self.unreadable(file, 0..bytes.len(), "the header is unreadable");
            }
            return;
        };
        if let HeaderRead::Repaired(_) = file.header
            && header.base < limit
        {
            self.unreadable(file, 0..bytes.len().min(HEADER_BYTES), "one copy of the header is unreadable");
        }
        self.count_lost_up_to(header.base);
        self.index.add_segment(Segment {
            number: header.number,
            salt: header.salt,
            first_row: header.base,
            len: HEADER_BYTES as u64,
        });
        let mut gap = None;
        for item in Frames::new(bytes, HEADER_BYTES, header.salt) {
            let (offset, payload) = match item {
                Item::Gap(range) => {
                    gap = Some(range);
                    continue;
                }
                Item::Frame { offset, payload } => (offset, payload),
            };
            if let Some(range) = gap.take() {
                if self.index.rows() >= limit {
                    // An earlier recovery has been here, and said again elsewhere what counts.
                    return;
                }
                if self.index.rows() >= self.durable_rows {
                    return self.unreadable(file, range.start..bytes.len(), "");
                }
                self.unreadable(file, range, "no readable record");
            }
            let end = payload.end as u64;
            let payload = &bytes[payload];
            match peek_row(payload, header.base) {
                Some((RowKind::Source, row)) if row.0 <= limit => {
                    let sources_max = self.index.sources().len() + bytes.len() / SOURCE_FRAME_BYTES_MIN;
                    if let Some(record) = SpoolRecord::decode(payload)
                        && record
                            .source()
                            .and_then(|id| usize::try_from(id.0).ok())
                            .is_some_and(|id| id < sources_max)
                    {
                        self.index.note_source(&record);
                    }
                }
                Some((kind, row)) if row.0 < limit && row.0 >= self.index.rows() => {
                    if row.0 > self.index.rows().max(self.durable_rows) {
                        // The rows between were never on stable storage, so this is a gap like any other: without this rule
                        // one frame could claim four billion lost rows.
                        self.count_lost_up_to(self.durable_rows);
                        return self.unreadable(file, offset..bytes.len(), "");
                    }
                    self.count_lost_up_to(row.0);
                    self.index.add_row(row, offset as u64);
                    if has_fields(payload) {
                        self.index.note_fields();
                    }
                    if kind != RowKind::Fetch {
                        settled(row, kind);
                    }
                }
                Some(_) => continue,
                None => self.unreadable(file, offset..offset + payload.len(), "a record of no known kind"),
            }
            self.index.set_last_len(end);
        }
        if let Some(range) = gap
            && self.index.rows() < limit
        {
            self.unreadable(file, range, "no readable record");
        }
    }

    /// A region is damaged where it may have held rows that were promised, and torn where it cannot have.
    fn unreadable(&mut self, file: &SegmentFile, range: Range<usize>, what: &str) {
        let (path, offset, len) = (file.path.to_string(), range.start as u64, range.len() as u64);
        if self.index.rows() < self.durable_rows {
            self.damage.push(Damage { path, offset, len, what: what.to_owned() });
        } else if len > 0 {
            self.torn.push(TornTail { path, offset, len });
        }
    }

    /// Counts the rows up to this one as lost, as far as they were not found.
    fn count_lost_up_to(&mut self, rows: u64) {
        let known = self.index.rows();
        if rows > known {
            self.lost.push(known..rows);
            let offset = self.index.segments().last().map_or(HEADER_BYTES as u64, |segment| segment.len);
            self.index.extend(rows, offset);
        }
    }
}
