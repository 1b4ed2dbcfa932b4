//! The log segments, and how much of each one counts.

use crate::error::{Damage, JournalError};
use crate::files::Kind;
use crate::files::read_file;
use crate::format::{Frames, HEADER_BYTES, Header, HeaderRead, Item, VERSION, find_salt};
use crate::storage::{RelativePath, Storage};

/// A segment of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogSegment {
    pub(crate) number: u32,
    pub(crate) path: RelativePath,
    pub(crate) header: HeaderRead,
    /// The segment counts up to this byte, as its successor says. What lies behind was written again there. `None` for the
    /// last one, and where the successor cannot say it.
    pub(crate) limit: Option<u64>,
    /// What lies behind this byte is not settled.
    pub(crate) settled_end: u64,
    pub(crate) is_last: bool,
}

impl LogSegment {
    /// What is wrong with the header, if anything is.
    pub(crate) fn header_damage(&self) -> Option<Damage> {
        let what = match self.header {
            HeaderRead::Intact(_) => return None,
            HeaderRead::Repaired(_) => "one copy of the header is unreadable",
            HeaderRead::Salvaged(_) => "the header is unreadable; the records are not",
            HeaderRead::Unreadable => "the header is unreadable",
        };
        Some(self.damage(0, HEADER_BYTES as u64, what))
    }

    pub(crate) fn damage(&self, offset: u64, len: u64, what: &str) -> Damage {
        Damage { path: self.path.to_string(), offset, len, what: what.to_owned() }
    }

    /// What is damaged in a segment that a summary stands for, so that it is not replayed. `thorough` reads its records; otherwise
    /// the header and the length are looked at.
    pub(crate) fn covered_damage(
        &self,
        storage: &dyn Storage,
        thorough: bool,
    ) -> Result<Vec<Damage>, JournalError> {
        let mut damage: Vec<Damage> = self.header_damage().into_iter().collect();
        let found = storage.metadata(&self.path).map_err(JournalError::io("look up", &self.path))?;
        let (len, limit) = (found.map_or(0, |found| found.len), self.limit.unwrap_or(0));
        if len < limit {
            damage.push(self.damage(len, limit - len, "the file is too short"));
        }
        let Some(header) = self.header.of_records().filter(|_| thorough) else { return Ok(damage) };
        let mut bytes = Vec::new();
        read_file(storage, &self.path, self.limit, &mut bytes)?;
        for item in Frames::new(&bytes, HEADER_BYTES, header.salt) {
            if let Item::Gap(gap) = item {
                damage.push(self.damage(gap.start as u64, gap.len() as u64, "no readable record"));
            }
        }
        Ok(damage)
    }
}

/// Lists the segments in order, reading the header of each.
pub(crate) fn list_segments(
    storage: &dyn Storage,
    names: &[String],
) -> Result<Vec<LogSegment>, JournalError> {
    let mut segments: Vec<LogSegment> = Vec::new();
    let mut bytes = Vec::new();
    for number in Kind::Log.numbers(names) {
        let path = Kind::Log.path(number);
        read_file(storage, &path, Some(HEADER_BYTES as u64), &mut bytes)?;
        let mut header = Header::decode(&bytes, Kind::Log, number, &path)?;
        if header == HeaderRead::Unreadable {
            read_file(storage, &path, None, &mut bytes)?;
            if let Some(salt) = find_salt(&bytes) {
                header =
                    HeaderRead::Salvaged(Header { kind: Kind::Log, number, base: 0, salt, version: VERSION });
            }
        }
        if let Some(before) = segments.last_mut() {
            before.is_last = false;
            if before.number + 1 == number {
                before.limit = header.readable().map(|header| header.base);
            }
        }
        segments.push(LogSegment { number, path, header, limit: None, settled_end: u64::MAX, is_last: true });
    }
    Ok(segments)
}
