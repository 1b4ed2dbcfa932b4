//! What a running haul has achieved lately, read from the end of its log.

use crate::error::JournalError;
use crate::files::read_file;
use crate::format::{Frames, HEADER_BYTES, Item, LogRecord};
use crate::log::LogSegment;
use crate::model::Record;
use crate::storage::Storage;

/// Outcomes of the last while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecentOutcomes {
    /// Rows that were downloaded, or that a server answered otherwise for good.
    pub rows: u64,
    /// Bytes of the files among them.
    pub bytes: u64,
    /// The time that they took, in milliseconds: as long as was asked for, or since the run began.
    pub elapsed_ms: u64,
}

impl RecentOutcomes {
    /// Reads the last segments of the log, newest first, as far back as `window_ms` before `now_unix_ms`: one segment as a rule, 16 MiB
    /// at most.
    pub(crate) fn scan(
        storage: &dyn Storage,
        segments: &[LogSegment],
        now_unix_ms: u64,
        window_ms: u64,
    ) -> Result<Self, JournalError> {
        let start = now_unix_ms.saturating_sub(window_ms);
        let mut recent = Self { elapsed_ms: window_ms, ..Self::default() };
        let mut bytes = Vec::new();
        // The segment before the last one is read only if the last one is younger than the window.
        for segment in segments.iter().rev().take(2) {
            let Some(header) = segment.header.readable() else { break };
            read_file(storage, &segment.path, segment.limit, &mut bytes)?;
            let (mut is_older_seen, mut session_start) = (false, None);
            for item in Frames::new(&bytes, HEADER_BYTES, header.salt) {
                let Item::Frame { payload, .. } = item else { continue };
                let (finished, size) = match LogRecord::decode(&bytes[payload]) {
                    Some(LogRecord::Record(Record::Session { started_unix_ms, .. })) => {
                        session_start = Some(started_unix_ms);
                        continue;
                    }
                    Some(LogRecord::Record(Record::Done(_, done))) if !done.is_adopted => {
                        (done.finished_unix_ms, done.size)
                    }
                    Some(LogRecord::Record(Record::NoContent(_, none))) => (none.finished_unix_ms, 0),
                    Some(LogRecord::Record(Record::Failed(_, failed))) if failed.status.is_some() => {
                        (failed.finished_unix_ms, 0)
                    }
                    _ => continue,
                };
                if finished >= start {
                    recent.rows += 1;
                    recent.bytes += size;
                } else {
                    is_older_seen = true;
                }
            }
            if let Some(session_start) = session_start.filter(|session_start| *session_start > start) {
                // Outcomes of an earlier run within the window are few, and a moment later there are none.
                recent.elapsed_ms = now_unix_ms.saturating_sub(session_start).max(1);
            }
            if is_older_seen || session_start.is_some() {
                break;
            }
        }
        Ok(recent)
    }
}
