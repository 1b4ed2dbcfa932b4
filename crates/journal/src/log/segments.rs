//! The log segments, and how much of each one counts.

use crate::error::JournalError;
use crate::files::Kind;
use crate::files::read_file;
use crate::format::{HEADER_BYTES, Header, HeaderRead};
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
        let header = Header::decode(&bytes, Kind::Log, number, &path)?;
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
