//! Bodies under way: begun, written piece by piece, synced at intervals, completed, or begun again.

use std::io;

use longhaul_journal::{Done, Failed, Location, Part, Record, RowId};
use longhaul_socket::clock;

use super::committer::Committer;
use super::disk_error::{is_of_one_body, storage_fault, too_large_fault, transient_cause};
use super::disk_wait::{DiskFailure, RetryTransient as _};
use super::group::{CompleteRow, Entry};
use super::parts::WriteError;
use super::store::ResponseMeta;
use super::{Completion, Piece, RowSettled, trace};
use crate::report::Event;
use crate::schedule::job::Job;

/// This many failed syncs in a row mean a broken disk rather than a bad sector.
const SYNC_FAILURES_MAX: u32 = 8;
/// A body under way is synced once it has grown by this much; less is quickly fetched again.
const PART_SYNC_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Uncommitted records that are held in memory, in bytes, before they cause a commit of their own.
const UNCOMMITTED_BYTES_MAX: usize = 1024 * 1024;

impl Committer {
    /// Begins a body anew. The old bytes are discarded before the new record is written, and the new bytes follow it: no crash
    /// leaves bytes of one version under the validator of another.
    pub(super) async fn begin(
        &mut self,
        row: RowId,
        part: Part,
        meta: &ResponseMeta,
    ) -> Result<(), DiskFailure> {
        match self.retry_transient(|sink| sink.parts.begin(row, meta)).await {
            Err(DiskFailure::Permanent(error)) if is_of_one_body(&error) => {
                self.note_unstorable(row, &error);
                return Ok(());
            }
            begun => begun?,
        }
        trace::body_begun(row, meta.length, part.resumable);
        if part.total.is_some() {
            self.without_length.remove(&row);
        } else {
            self.without_length.insert(row);
        }
        self.recorded.insert(row, part.resumable);
        self.record(Record::Part(row, part)).await?;
        self.flush().await
    }

    /// Writes a piece; false if it does not continue the body. `meta` is for a piece that begins the body.
    pub(super) async fn write(
        &mut self,
        row: RowId,
        piece: &Piece,
        meta: &ResponseMeta,
    ) -> Result<bool, DiskFailure> {
        loop {
            if self.unstorable.fault(row).is_some() {
                return Ok(false);
            }
            match self.parts.write(row, piece, meta) {
                Ok(()) => return Ok(true),
                Err(WriteError::Discontinuous) => {
                    trace::body_discontinuous(row, piece.offset);
                    self.parts.close(row);
                    return Ok(false);
                }
                Err(WriteError::Io(error)) if is_of_one_body(&error) => {
                    self.note_unstorable(row, &error);
                    return Ok(false);
                }
                Err(WriteError::Io(error)) => self.wait_out(error).await?,
            }
        }
    }

    /// The row's body cannot be stored: its attempt ends, and the row fails. The first error stands; the later ones follow from it.
    fn note_unstorable(&mut self, row: RowId, error: &io::Error) {
        self.parts.close_for_good(row);
        if self.unstorable.fault(row).is_none() {
            let fault = storage_fault(&self.store.unfinished_place(row), error);
            self.unstorable.insert(row, fault);
        }
    }

    /// Discards the longest body without a known length, if such bodies take most of the room: its row fails, and the others go on.
    /// Whether there was one.
    pub(super) fn give_back(&mut self) -> bool {
        let Some(room) = &self.room else { return false };
        let lengths = self.without_length.iter().filter_map(|&row| Some((self.parts.len(row)?, row)));
        let lengths: Vec<(u64, RowId)> = lengths.collect();
        let Some(&(len, row)) = lengths.iter().max().filter(|(len, _)| *len > 0) else { return false };
        if !room.is_mostly_taken_by(lengths.iter().map(|(len, _)| *len)) || self.parts.discard(row).is_err() {
            return false;
        }
        self.without_length.remove(&row);
        self.unstorable.insert(row, too_large_fault(&self.store.unfinished_place(row), len));
        true
    }

    pub(super) async fn complete(
        &mut self,
        job: Box<Job>,
        piece: &Piece,
        completion: Completion,
    ) -> Result<(), DiskFailure> {
        let validator = crate::sink::resume::stored(&completion.validator);
        let meta = ResponseMeta {
            validator: validator.clone(),
            length: Some(completion.size),
            response: piece.response.clone(),
        };
        if piece.offset == 0 && self.recorded.contains_key(&job.row) {
            // A body in one piece is not announced, and it replaces the one that the log knows.
            self.begin(job.row, Part::default(), &meta).await?;
        }
        let is_written = self.write(job.row, piece, &meta).await?;
        let staged = self.parts.finish(job.row, completion.size).filter(|_| is_written);
        self.body_permits.push(completion.permit);
        if let Some(fault) = self.unstorable.remove(job.row) {
            self.discard_for_good(job.row).await?;
            let failed = Failed {
                fault,
                status: Some(completion.status),
                attempts: job.attempts,
                started_unix_ms: job.started_unix_ms,
                finished_unix_ms: completion.finished_unix_ms,
            };
            self.record(Record::Failed(job.row, failed.clone())).await?;
            self.group.push(Entry::Failed { job, failed }, clock::now());
            return Ok(());
        }
        let Some(staged) = staged else {
            let (row, url, lost) = (job.row, job.url.as_str(), completion.size);
            self.observer.emit(&Event::PartChanged { row, url, kept: 0, lost });
            return self.begin_again(job).await;
        };
        let done = Done {
            status: completion.status,
            size: staged.content.size,
            blake3: staged.content.blake3,
            validator,
            verification: completion.verification,
            attempts: job.attempts,
            started_unix_ms: job.started_unix_ms,
            finished_unix_ms: completion.finished_unix_ms,
            name: None,
            redirect_statuses: job
                .redirected
                .as_ref()
                .map_or_else(Vec::new, |redirected| redirected.statuses.clone()),
            modified_unix_ms: staged.modified_unix_ms,
            is_adopted: false,
            final_url: job.redirected.as_ref().map(|redirected| redirected.url.as_str().to_owned()),
            location: Location::File,
            format: job.format.clone(),
        };
        self.record(Record::Doubt(job.row, done.clone())).await?;
        let entry = CompleteRow { job, staged, done };
        self.group.push(Entry::Complete(Box::new(entry)), clock::now());
        Ok(())
    }

    /// Discards the row's body, and says so if the log knows of it.
    pub(super) async fn discard_for_good(&mut self, row: RowId) -> Result<(), DiskFailure> {
        self.retry_transient(|sink| sink.parts.discard(row)).await?;
        let was_resumable = self.recorded.get_mut(&row).is_some_and(std::mem::take);
        if was_resumable { self.record(Record::Part(row, Part::default())).await } else { Ok(()) }
    }

    /// Discards the row's body and has the row fetched from the beginning.
    pub(super) async fn begin_again(&mut self, mut job: Box<Job>) -> Result<(), DiskFailure> {
        self.retry_transient(|sink| sink.parts.discard(job.row)).await?;
        self.record(Record::Reopened(job.row)).await?;
        job.discard_partial();
        self.notify_dispatcher(RowSettled::Again(job));
        Ok(())
    }

    /// Syncs the bodies under way that have grown.
    pub(super) async fn sync_parts(&mut self) -> Result<(), DiskFailure> {
        let mut synced = Vec::new();
        let has_new = self.parts.sync_grown(PART_SYNC_BYTES_MIN, |row, result| synced.push((row, result)));
        if synced.is_empty() && self.log.uncommitted_bytes() < UNCOMMITTED_BYTES_MAX {
            return Ok(());
        }
        if has_new {
            self.retry_transient(|sink| sink.store.sync_begun()).await?;
        }
        for (row, result) in synced {
            match result {
                Ok(len) => {
                    self.sync_failures = 0;
                    self.record(Record::PartSynced(row, len)).await?;
                }
                Err(error) => {
                    // Its next piece continues nothing, so the row begins again.
                    self.retry_transient(|sink| sink.parts.discard(row)).await?;
                    self.sync_failed(error).await?;
                }
            }
        }
        // Durable bytes are worth nothing without a durable checkpoint. This is a whole commit, because there may be no other while
        // one large body arrives, and uncommitted records are held in memory.
        self.retry_transient(|sink| sink.log.commit()).await
    }

    /// A body could not be synced. Returns when the next sync may succeed.
    pub(super) async fn sync_failed(&mut self, error: io::Error) -> Result<(), DiskFailure> {
        if transient_cause(&error).is_some() {
            return self.wait_out(error).await;
        }
        self.sync_failures += 1;
        trace::sync_failed(&error, self.sync_failures);
        if self.sync_failures >= SYNC_FAILURES_MAX { Err(DiskFailure::Permanent(error)) } else { Ok(()) }
    }
}
