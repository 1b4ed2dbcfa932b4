//! Replays the log: the newest good summary, then the segments after it.

use super::extent::Extent;
use super::segments::{LogSegment, list_segments};
use super::state::LogState;
use super::{summary, tail};
use crate::error::{Damage, JournalError, TornTail};
use crate::files::Kind;
use crate::files::read_file;
use crate::format::{Frames, HEADER_BYTES, Item, LogRecord, VERSION_FAILURE_ENDS_PART};
use crate::model::{Part, Record};
use crate::storage::{RelativePath, Storage};

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
    /// Up to this number the newest summary stands for the segments.
    pub(crate) covered_through: u32,
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
    replay.covered_through = expected - 1;
    if through.is_none() {
        let is_there = |number: u32| segments.iter().any(|segment| segment.number == number);
        let missing = (1..expected).filter(|&number| !is_there(number));
        replay.damage.extend(missing.map(|number| missing_file(&Kind::Log.path(number))));
    }
    let mut buffer = Vec::new();
    for segment in &mut segments {
        if segment.number < expected {
            if through.is_none() {
                replay.damage.append(&mut segment.covered_damage(storage, false)?);
            }
            continue;
        }
        for missing in expected..segment.number {
            replay.damage.push(missing_file(&Kind::Log.path(missing)));
        }
        expected = segment.number + 1;
        read_file(storage, &segment.path, segment.limit, &mut buffer)?;
        replay.read_segment(segment, &mut buffer);
    }
    replay.segments = segments;
    if through.is_none() {
        replay.note_missing_end(storage, names);
    }
    Ok(replay)
}

fn missing_file(path: &RelativePath) -> Damage {
    Damage { path: path.to_string(), offset: 0, len: 0, what: "the file is missing".to_owned() }
}

/// What is damaged in the records of the segments that a summary stands for. Reads all of them.
pub(crate) fn covered_damage(storage: &dyn Storage, segments: &[LogSegment], through: u32) -> Vec<Damage> {
    let covered = segments.iter().filter(|segment| segment.number <= through);
    covered
        .filter_map(|segment| segment.covered_damage(storage, true).ok())
        .flatten()
        .filter(|damage| damage.offset >= HEADER_BYTES as u64)
        .collect()
}

impl Replay {
    /// Notices segments that are missing at the end, which no successor tells of.
    fn note_missing_end(&mut self, storage: &dyn Storage, names: &[String]) {
        let number = self.segments.last().map_or(0, |segment| segment.number);
        let committed = self.segments.last().and_then(|segment| segment.limit).unwrap_or(0);
        let end = Extent { number, committed };
        let noted = Extent::read(storage).unwrap_or_default();
        let summary = Kind::Summary.numbers(names).last().copied().unwrap_or_default();
        // The first segment exists before the first row does.
        let first = u32::from(!Kind::Spool.numbers(names).is_empty());
        let known = noted.max(Extent { number: summary.max(first), committed: 0 });
        self.damage.append(&mut known.missing(end));
    }

    fn read_segment(&mut self, segment: &mut LogSegment, bytes: &mut Vec<u8>) {
        self.segments_read += 1;
        let len = bytes.len() as u64;
        if let Some(limit) = segment.limit.filter(|&limit| limit > len) {
            self.damaged(segment, len, limit - len, "the file is too short");
        }
        // A segment appears under its name only when its header is durable: this is damage, never a torn tail.
        self.damage.extend(segment.header_damage());
        let Some(header) = segment.header.of_records() else {
            self.base = len;
            segment.limit = Some(len);
            return;
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
        self.damage.push(segment.damage(offset, len, what));
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
