//! Replays the log: the newest good summary, then the segments after it.

use super::segments::{LogSegment, list_segments};
use super::state::LogState;
use super::{summary, tail};
use crate::error::{Damage, JournalError, TornTail};
use crate::files::Kind;
use crate::files::read_file;
use crate::format::{Frames, HEADER_BYTES, HeaderRead, Item, LogRecord, VERSION_FAILURE_ENDS_PART};
use crate::model::{Part, Record};
use crate::storage::Storage;

/// Everything that the log's files say.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) state: LogState,
    pub(crate) damage: Vec<Damage>,
    pub(crate) torn: Vec<TornTail>,
    /// What the next segment must say again, because it is not known to be on stable storage.
    pub(crate) carried: Vec<LogRecord>,
    /// All segments, those before the summary included; the last one's limit is where its good part ends.
    pub(crate) segments: Vec<LogSegment>,
    /// Up to where the last segment counts once there is another, in bytes.
    pub(crate) base: u64,
    /// How many segments had to be read.
    pub(crate) segments_read: usize,
}

impl Replay {
    /// The number of the next segment.
    pub(crate) fn next_number(&self) -> u32 {
        self.segments.last().map_or(1, |segment| segment.number + 1)
    }
}

/// Replays the log. With `through`, only the segments up to that number, the last of them up to a byte.
pub(crate) fn replay(
    storage: &dyn Storage,
    names: &[String],
    through: Option<(u32, u64)>,
) -> Result<Replay, JournalError> {
    let mut segments = list_segments(storage, names)?;
    if let Some((number, limit)) = through {
        segments.retain(|segment| segment.number <= number);
        if let Some(last) = segments.last_mut() {
            last.limit = Some(limit);
            last.is_last = false;
        }
    }
    let mut replay = Replay::default();
    let mut expected = 1;
    if let Some((number, state)) = summary::newest(storage, names, &segments) {
        replay.state = state;
        expected = number + 1;
    }
    let mut buffer = Vec::new();
    for segment in &mut segments {
        if segment.number < expected {
            continue;
        }
        for missing in expected..segment.number {
            let path = Kind::Log.path(missing).to_string();
            replay.damage.push(Damage { path, offset: 0, len: 0, what: "the file is missing".to_owned() });
        }
        expected = segment.number + 1;
        read_file(storage, &segment.path, segment.limit, &mut buffer)?;
        replay.read_segment(segment, &mut buffer);
    }
    replay.segments = segments;
    Ok(replay)
}

impl Replay {
    fn read_segment(&mut self, segment: &mut LogSegment, bytes: &mut Vec<u8>) {
        self.segments_read += 1;
        let len = bytes.len() as u64;
        if let Some(limit) = segment.limit.filter(|&limit| limit > len) {
            self.damaged(segment, len, limit - len, "the file is too short");
        }
        let header = match segment.header {
            HeaderRead::Intact(header) => header,
            HeaderRead::Repaired(header) => {
                self.damaged(segment, 0, HEADER_BYTES as u64, "one copy of the header is unreadable");
                header
            }
            HeaderRead::Unreadable => {
                // A segment appears under its name only when its header is durable: this is damage, never a torn tail.
                self.damaged(segment, 0, len, "the header is unreadable");
                self.base = len;
                segment.limit = Some(len);
                return;
            }
        };
        let (mut settled_end, mut carried_start) = (bytes.len(), bytes.len());
        if segment.limit.is_none() {
            let tail = tail::examine(bytes, header.salt);
            settled_end = tail.settled_end;
            segment.settled_end = settled_end as u64;
            if segment.is_last {
                carried_start = tail.group_start;
                segment.limit = Some(tail.end as u64);
                bytes.truncate(tail.end);
                self.torn.extend(tail.torn.map(|torn| TornTail {
                    path: segment.path.to_string(),
                    offset: torn.start as u64,
                    len: torn.len() as u64,
                }));
            }
        }
        self.base = carried_start as u64;
        for item in Frames::new(bytes, HEADER_BYTES, header.salt) {
            let (offset, payload) = match item {
                Item::Gap(gap) => {
                    self.damaged(segment, gap.start as u64, gap.len() as u64, "no readable record");
                    continue;
                }
                Item::Frame { offset, payload } => (offset, payload),
            };
            let payload_len = payload.len() as u64;
            let applied = LogRecord::decode(&bytes[payload]).is_some_and(|record| {
                let record = match record {
                    LogRecord::Record(Record::Done(row, done)) if offset >= settled_end => {
                        LogRecord::Record(Record::Doubt(row, done))
                    }
                    record => record,
                };
                let own = matches!(record, LogRecord::Marker(_) | LogRecord::Record(Record::Session { .. }));
                let is_carried = offset >= carried_start && !own;
                let ended = part_ended_by(&record, header.version);
                ended.into_iter().chain([record]).all(|record| {
                    if is_carried {
                        self.carried.push(record.clone());
                    }
                    self.state.apply(record)
                })
            });
            if !applied {
                self.damaged(segment, offset as u64, payload_len, "a record of no known kind");
            }
        }
    }

    fn damaged(&mut self, segment: &LogSegment, offset: u64, len: u64, what: &str) {
        self.damage.push(Damage { path: segment.path.to_string(), offset, len, what: what.to_owned() });
    }
}

/// What a `failed` of an earlier version said besides: the part of its row is gone. Said with a part that cannot be resumed, so that it
/// stays true where the record is written again in today's version.
fn part_ended_by(record: &LogRecord, version: u16) -> Option<LogRecord> {
    match record {
        LogRecord::Record(Record::Failed(row, _)) if version <= VERSION_FAILURE_ENDS_PART => {
            let gone = Part::default();
            Some(LogRecord::Record(Record::Part(*row, gone)))
        }
        _ => None,
    }
}
