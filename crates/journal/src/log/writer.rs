//! The log's one writer: records gather in a group, and a group becomes durable at once.
//!
//! A failed sync is never tried again on the same file, because the system may have dropped what it could not write. The
//! group, which is kept in memory until it is committed, is then written to a new segment, and the old one counts only up to
//! its last commit.

use std::io;
use std::sync::Arc;

use super::extent::Extent;
use super::write_summary::write_summary;
use crate::error::LockLost;
use crate::files::Kind;
use crate::files::{CreateError, SEGMENT_BYTES, create_complete};
use crate::format::{
    FRAME_PREFIX_BYTES, Frames, HEADER_BYTES, Header, Item, LogRecord, Marker, SaltSeed, append_frame,
    encode_record, row_of,
};
use crate::model::Record;
use crate::model::RowId;
use crate::spool::SpoolReader;
use crate::storage::{File, Lock, Storage};

/// The longest group, in bytes. Groups are committed many times a second; one this long means that nobody commits.
const GROUP_BYTES_MAX: usize = 256 << 20;

/// Appends to the log. One thread owns it.
///
/// An outcome takes this way: its file is written, [`LogWriter::record`] takes the `Done` and [`LogWriter::flush`] hands it
/// to the system. Then, for a group at once: the files are synced, [`LogWriter::prepare`] makes the records durable, the
/// files get their final names, the directories are synced, and [`LogWriter::commit`] settles the group. A crash anywhere on
/// this way leaves either a settled outcome, or a doubt that says which file to look at.
pub struct LogWriter {
    storage: Arc<dyn Storage>,
    lock: Arc<dyn Lock>,
    rows: SpoolReader,
    seed: SaltSeed,
    segment: Segment,
    /// The frames since the last commit.
    group: Vec<u8>,
    /// How many bytes of the group the system has.
    flushed: usize,
    /// The highest row that the group speaks of.
    highest_row: Option<RowId>,
    /// Set when it is not known which segment the next process will take for the last: nothing may be written any more.
    broken: bool,
}

/// The segment under way.
struct Segment {
    number: u32,
    salt: u32,
    file: Box<dyn File>,
    /// Where the last committed group ends, in bytes.
    committed: u64,
    /// Up to where the file is known to be on stable storage, in bytes; never less than `committed`.
    durable: u64,
}

impl LogWriter {
    /// Begins a segment that says `records`, settled, and makes it durable. The rows that they speak of are durable already:
    /// a spool that has just been recovered is.
    pub(crate) fn begin(
        storage: Arc<dyn Storage>,
        lock: Arc<dyn Lock>,
        rows: SpoolReader,
        seed: SaltSeed,
        place: (u32, u64),
        records: &[LogRecord],
    ) -> io::Result<Self> {
        let (number, base) = place;
        let (header, mut bytes) = begin_segment(seed, number, base);
        for record in records {
            append_frame(&mut bytes, header.salt, |out| record.encode(out))?;
        }
        let segment = finish_segment(&*storage, &rows, &header, bytes, true).map_err(CreateError::into_io)?;
        Ok(Self {
            storage,
            lock,
            rows,
            seed,
            segment,
            group: Vec::new(),
            flushed: 0,
            highest_row: None,
            broken: false,
        })
    }

    /// Takes a record. Buffered: it costs no system call.
    ///
    /// # Errors
    /// `InvalidInput` for a record over one megabyte; otherwise only after an earlier call broke the log.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        self.refuse_broken()?;
        if self.group.len() >= GROUP_BYTES_MAX {
            return Err(io::Error::other("too many records without a commit"));
        }
        let start = self.group.len();
        append_frame(&mut self.group, self.segment.salt, |out| encode_record(record, out))?;
        let row = row_of(&self.group[start + FRAME_PREFIX_BYTES..]).map(|(row, _)| row);
        self.highest_row = self.highest_row.max(row);
        Ok(())
    }

    /// Hands everything recorded to the system: from then on it survives the death of the process. May be tried again after
    /// an error.
    pub fn flush(&mut self) -> io::Result<()> {
        self.refuse_broken()?;
        if self.flushed == self.group.len() {
            return Ok(());
        }
        self.leave_shared_segment()?;
        self.write_group()
    }

    fn write_group(&mut self) -> io::Result<()> {
        let offset = self.segment.committed + self.flushed as u64;
        self.segment.file.write_all_at(&self.group[self.flushed..], offset)?;
        self.flushed = self.group.len();
        Ok(())
    }

    /// Returns when everything recorded is on stable storage, its `Done` records still in doubt. Called before files get
    /// their final names, it makes sure that no crash leaves a file that the log knows nothing of.
    pub fn prepare(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.group.is_empty() {
            return Ok(());
        }
        self.check_lock()?;
        self.sync_spool()?;
        match self.segment.file.sync() {
            Ok(()) => {
                self.segment.durable = self.segment.committed + self.group.len() as u64;
                Ok(())
            }
            Err(_) => self.write_again(false),
        }
    }

    /// Returns when everything recorded is on stable storage and settled.
    ///
    /// After an error nothing is settled. Where the error came from writing, as with a full disk, the call may be tried
    /// again; an error of a sync that a new segment could not mend breaks the log, and every later call says so.
    pub fn commit(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.group.is_empty() {
            return Ok(());
        }
        self.check_lock()?;
        self.leave_shared_segment()?;
        self.sync_spool()?;
        let records_len = self.group.len();
        let marker = Marker { durable_bytes: self.segment.durable, spool_rows: self.rows.durable_rows() };
        append_frame(&mut self.group, self.segment.salt, |out| LogRecord::Marker(marker).encode(out))?;
        if let Err(error) = self.write_group() {
            self.group.truncate(records_len);
            return Err(error);
        }
        if self.segment.file.sync().is_err() {
            self.group.truncate(records_len);
            self.write_again(true)?;
        } else {
            self.segment.committed += self.group.len() as u64;
            self.segment.durable = self.segment.committed;
        }
        // Nobody may be told of the group if another process took over while it was written.
        self.check_lock()?;
        self.group.clear();
        self.flushed = 0;
        self.highest_row = None;
        if self.segment.committed >= SEGMENT_BYTES {
            self.finish_segment();
        }
        Ok(())
    }

    /// Fails if another process can have taken over the haul. One system call.
    ///
    /// # Errors
    /// [`LockLost`], as the source of the error, or the system's error. Every later call fails too.
    pub fn check_lock(&mut self) -> io::Result<()> {
        if self.lock.is_at_its_path()? {
            return Ok(());
        }
        self.broken = true;
        Err(io::Error::other(LockLost))
    }

    /// Notes how far the log reaches, so that the next start misses a segment that was removed or cut meanwhile. Without a sync, and
    /// nothing depends on it.
    pub fn note_extent(&self) {
        if !self.broken {
            let Segment { number, committed, .. } = self.segment;
            Extent { number, committed }.write(&*self.storage);
        }
    }

    /// Bytes that were recorded since the last commit; they are held in memory until the next.
    pub fn uncommitted_bytes(&self) -> usize {
        self.group.len()
    }

    fn refuse_broken(&self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("the log could not be moved to a new segment"));
        }
        Ok(())
    }

    fn sync_spool(&self) -> io::Result<()> {
        self.highest_row.map_or(Ok(()), |row| self.rows.ensure_durable(row))
    }

    /// Continues in a new segment. The commit before it has already succeeded, so a failure here is not an error of the caller's:
    /// without room for a new segment, the old one grows.
    fn finish_segment(&mut self) {
        let (number, base) = (self.segment.number, self.segment.committed);
        let (header, bytes) = begin_segment(self.seed, number + 1, base);
        match finish_segment(&*self.storage, &self.rows, &header, bytes, false) {
            Ok(segment) => {
                self.segment = segment;
                // A summary saves time at the next start and nothing else; without it the segments are read.
                let _ = write_summary(&*self.storage, self.seed, number, base);
            }
            Err(CreateError::Absent(_)) => {}
            Err(CreateError::Uncertain(_)) => self.broken = true,
        }
    }

    /// Continues in a new segment if the present one got a second name: whoever made a snapshot of the haul with hard links keeps the
    /// log as it was.
    fn leave_shared_segment(&mut self) -> io::Result<()> {
        if !self.segment.file.is_shared()? {
            return Ok(());
        }
        match self.move_group(false) {
            // Without room for a new segment nothing has changed.
            Err(CreateError::Absent(error)) => Err(error),
            Err(error @ CreateError::Uncertain(_)) => {
                self.broken = true;
                Err(error.into_io())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes the group to a new segment after a failed sync.
    fn write_again(&mut self, settled: bool) -> io::Result<()> {
        self.move_group(settled).map_err(|error| {
            self.broken = true;
            error.into_io()
        })
    }

    /// Writes the group to a new segment, where the log continues.
    fn move_group(&mut self, settled: bool) -> Result<(), CreateError> {
        let (header, mut bytes) = begin_segment(self.seed, self.segment.number + 1, self.segment.committed);
        let start = bytes.len();
        for item in Frames::new(&self.group, 0, self.segment.salt) {
            if let Item::Frame { payload, .. } = item {
                append_frame(&mut bytes, header.salt, |out| out.extend_from_slice(&self.group[payload]))
                    .map_err(CreateError::Absent)?;
            }
        }
        let group = bytes[start..].to_vec();
        self.segment = finish_segment(&*self.storage, &self.rows, &header, bytes, settled)?;
        self.flushed = group.len();
        self.group = group;
        Ok(())
    }
}

fn begin_segment(seed: SaltSeed, number: u32, base: u64) -> (Header, Vec<u8>) {
    let header = Header::new(Kind::Log, number, base, seed);
    (header, header.encode().to_vec())
}

/// Brings a segment into being with the bytes that it begins with, and a marker if those are settled.
fn finish_segment(
    storage: &dyn Storage,
    rows: &SpoolReader,
    header: &Header,
    mut bytes: Vec<u8>,
    settled: bool,
) -> Result<Segment, CreateError> {
    if settled {
        let marker = Marker { durable_bytes: HEADER_BYTES as u64, spool_rows: rows.durable_rows() };
        append_frame(&mut bytes, header.salt, |out| LogRecord::Marker(marker).encode(out))
            .map_err(CreateError::Absent)?;
    }
    let file = create_complete(storage, &Kind::Log.path(header.number), &bytes)?;
    let durable = bytes.len() as u64;
    let committed = if settled { durable } else { HEADER_BYTES as u64 };
    Ok(Segment { number: header.number, salt: header.salt, file, committed, durable })
}
