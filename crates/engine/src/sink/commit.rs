//! The commit of a group: bytes, records, publication, marker, and only then the events.

use std::io;
use std::time::Duration;

use longhaul_journal::storage::RelativePath;
use longhaul_journal::{Done, Failed, FaultRecord, Fields, Location, Record, RowId};
use longhaul_socket::clock;

use super::committer::Committer;
use super::disk_error::is_of_one_name;
use super::disk_wait::{DiskFailure, RetryTransient as _};
use super::group::{CompleteRow, Entry};
use super::store::Content;
use super::{Occupied, RowSettled, SettledByList, trace};
use crate::exchange::Class;
use crate::report::Event;
use crate::schedule::job::Job;

impl Committer {
    /// Makes the group durable: bytes, records, publication, marker. Then reports it.
    pub(super) async fn commit(&mut self) -> Result<(), DiskFailure> {
        let mut entries = self.group.take();
        if entries.is_empty() {
            return Ok(());
        }
        let mut commit = trace::Commit::begin(&entries, clock::now());
        for entry in &mut entries {
            if let Entry::Complete(complete) = entry {
                complete.staged.start_writeback();
            }
        }
        let mut durable = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let synced = match &mut entry {
                Entry::Complete(complete) => complete.staged.sync(),
                _ => Ok(()),
            };
            self.catch_up().await?;
            match (entry, synced) {
                (Entry::Complete(complete), Err(error)) => {
                    // What a failed sync leaves is unknown, so the sync is not repeated: the body is fetched again.
                    self.begin_again(complete.job).await?;
                    self.sync_failed(error).await?;
                }
                (entry, _) => {
                    self.sync_failures = 0;
                    durable.push(entry);
                }
            }
        }
        commit.synced(clock::now());
        if durable.iter().any(|entry| matches!(entry, Entry::Complete(_))) {
            // A body must not be published before the record that explains it is durable.
            self.retry_transient(|sink| sink.log.prepare()).await?;
        }
        let mut settled = Vec::with_capacity(durable.len());
        for entry in durable {
            match entry {
                Entry::Complete(complete) => settled.extend(self.publish(complete).await?),
                other => settled.push(other),
            }
            self.catch_up().await?;
        }
        let settled = self.sync_published(settled).await?;
        commit.published(clock::now());
        if let Some(row) = settled.iter().filter_map(Entry::row_settled_by_list).max() {
            // The spool is the record of what the list itself has settled.
            self.retry_transient(|sink| sink.rows.ensure_durable(row)).await?;
        }
        for entry in &settled {
            match entry {
                Entry::Complete(complete) => {
                    self.record(Record::Done(complete.job.row, complete.done.clone())).await?;
                }
                Entry::Adopted { job, done } => {
                    self.record(Record::Done(job.row, Done::clone(done))).await?;
                }
                _ => {}
            }
        }
        self.retry_transient(|sink| sink.log.commit()).await?;
        commit.end(settled.len(), clock::now());
        for suspicion in &self.suspects.take_unreported() {
            self.observer.emit(&Event::Suspect { suspicion });
        }
        for entry in settled {
            self.report(entry);
        }
        Ok(())
    }

    /// Makes the publications of a group durable. Rows whose files somebody has moved or removed meanwhile begin again; returns the
    /// others.
    async fn sync_published(&mut self, mut settled: Vec<Entry>) -> Result<Vec<Entry>, DiskFailure> {
        loop {
            match self.retry_transient(|sink| sink.store.sync_published()).await {
                Err(DiskFailure::Permanent(error)) if is_of_one_name(&error) => {
                    settled = self.without_vanished(settled, &error).await?;
                }
                synced => return synced.map(|()| settled),
            }
        }
    }

    /// Begins the rows again whose published files are not there any more.
    async fn without_vanished(
        &mut self,
        settled: Vec<Entry>,
        error: &io::Error,
    ) -> Result<Vec<Entry>, DiskFailure> {
        let mut left = Vec::with_capacity(settled.len());
        for entry in settled {
            match entry {
                Entry::Complete(complete) if !self.is_published(&complete.job, &complete.done) => {
                    trace::not_published(complete.job.row, &complete.job.name, error);
                    self.begin_again(complete.job).await?;
                }
                Entry::Adopted { job, done } if !self.is_published(&job, &done) => {
                    trace::not_published(job.row, &job.name, error);
                    self.begin_again(job).await?;
                }
                other => left.push(other),
            }
        }
        Ok(left)
    }

    fn is_published(&self, job: &Job, done: &Done) -> bool {
        let content = Content { size: done.size, blake3: done.blake3 };
        job.name.parse().is_ok_and(|name| self.store.verify(&done.location, &name, &content).unwrap_or(false))
    }

    /// Publishes a durable body under its final name. If something occupies the name, the row fails or is skipped; if the body is
    /// suspect, it may fail. `None` if somebody else has removed the body meanwhile: the row begins again.
    async fn publish(&mut self, mut complete: Box<CompleteRow>) -> Result<Option<Entry>, DiskFailure> {
        if let Some(fault) = self.suspects.judge(&complete.job, &complete.done) {
            let CompleteRow { job, done, .. } = *complete;
            self.discard_for_good(job.row).await?;
            return self.fail_complete(job, &done, fault).await.map(Some);
        }
        let error = match self.try_publish(&complete).await? {
            Ok(location) => {
                trace::published(complete.job.row, &complete.job.name, &location);
                if location != Location::File {
                    complete.done.modified_unix_ms = None;
                }
                complete.done.location = location;
                return Ok(Some(Entry::Complete(complete)));
            }
            Err(error) => error,
        };
        let CompleteRow { job, done, .. } = *complete;
        trace::not_published(job.row, &job.name, &error);
        if error.kind() == io::ErrorKind::NotFound && matches!(self.store.unfinished(job.row), Ok(None)) {
            self.begin_again(job).await?;
            return Ok(None);
        }
        self.discard_for_good(job.row).await?;
        let fault = match self.occupied.decide(&job, &error) {
            Occupied::Skip { reason } => {
                self.record(Record::Skipped(job.row, reason.clone())).await?;
                return Ok(Some(Entry::Skipped { job, reason }));
            }
            Occupied::Fail { fault } => fault,
        };
        self.fail_complete(job, &done, fault).await.map(Some)
    }

    /// Records that a row has failed although its body was complete.
    async fn fail_complete(
        &mut self,
        job: Box<Job>,
        done: &Done,
        fault: FaultRecord,
    ) -> Result<Entry, DiskFailure> {
        let failed = Failed {
            fault,
            status: Some(done.status),
            attempts: done.attempts,
            started_unix_ms: done.started_unix_ms,
            finished_unix_ms: self.clock.unix_ms(),
        };
        self.record(Record::Failed(job.row, failed.clone())).await?;
        Ok(Entry::Failed { job, failed })
    }

    /// Publishes the row's body. The inner error concerns this name alone.
    async fn try_publish(&mut self, complete: &CompleteRow) -> Result<io::Result<Location>, DiskFailure> {
        let name: RelativePath = match complete.job.name.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(io::Error::new(io::ErrorKind::InvalidInput, error))),
        };
        loop {
            match self.store.publish(&complete.staged, &name) {
                Ok(location) => return Ok(Ok(location)),
                Err(error) if is_of_one_name(&error) => return Ok(Err(error)),
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    /// Reports an outcome that is durable.
    fn report(&mut self, entry: Entry) {
        match entry {
            Entry::Complete(complete) => {
                let CompleteRow { job, done, .. } = *complete;
                self.forget_body(job.row);
                self.settled_counts.done += 1;
                let elapsed =
                    Duration::from_millis(done.finished_unix_ms.saturating_sub(done.started_unix_ms));
                self.observer.emit(&Event::Done {
                    row: job.row,
                    url: job.url.as_str(),
                    name: &job.name,
                    location: &done.location,
                    size: done.size,
                    blake3: done.blake3,
                    status: done.status,
                    attempts: done.attempts,
                    elapsed,
                    fields: &job.fields,
                });
                self.notify_dispatcher(RowSettled::Settled(job));
            }
            Entry::Adopted { job, done } => {
                self.forget_body(job.row);
                self.settled_counts.done += 1;
                self.settled_counts.adopted += 1;
                self.observer.emit(&Event::Adopted {
                    row: job.row,
                    url: job.url.as_str(),
                    name: &job.name,
                    size: done.size,
                    blake3: done.blake3,
                    fields: &job.fields,
                });
                self.notify_dispatcher(RowSettled::Settled(job));
            }
            Entry::Failed { job, failed } => {
                self.forget_body(job.row);
                self.count_failure(&failed.fault);
                self.observer.emit(&Event::Failed {
                    row: job.row,
                    url: job.url.as_str(),
                    fault: &failed.fault,
                    status: failed.status,
                    attempts: failed.attempts,
                    fields: &job.fields,
                });
                self.notify_dispatcher(RowSettled::Settled(job));
            }
            Entry::Skipped { job, reason } => {
                self.forget_body(job.row);
                self.settled_counts.skipped += 1;
                let url = job.url.as_str();
                let (row, fields) = (job.row, &job.fields);
                self.observer.emit(&Event::Skipped { row, url, reason: &reason, fields });
                self.notify_dispatcher(RowSettled::Settled(job));
            }
            Entry::NoContent { job, none } => {
                self.forget_body(job.row);
                self.settled_counts.skipped += 1;
                self.settled_counts.no_content += 1;
                self.observer.emit(&Event::NoContent {
                    row: job.row,
                    url: job.url.as_str(),
                    status: none.status,
                    attempts: none.attempts,
                    fields: &job.fields,
                });
                self.notify_dispatcher(RowSettled::Settled(job));
            }
            Entry::SettledByList(SettledByList::Duplicate { row, url, of, fields }) => {
                self.settled_counts.skipped += 1;
                self.settled_counts.duplicates += 1;
                let reason = format!("the same as row {}", of.0);
                self.observer.emit(&Event::Skipped { row, url: &url, reason: &reason, fields: &fields });
            }
            Entry::SettledByList(SettledByList::Refused { row, text, fault, .. }) => {
                self.count_failure(&fault);
                self.observer.emit(&Event::Failed {
                    row,
                    url: &text,
                    fault: &fault,
                    status: None,
                    attempts: 0,
                    fields: &Fields::default(),
                });
            }
        }
    }

    fn forget_body(&mut self, row: RowId) {
        self.recorded.remove(&row);
        self.without_length.remove(&row);
    }

    fn count_failure(&mut self, fault: &FaultRecord) {
        *self.settled_counts.failures.entry(Class::of_record(fault)).or_default() += 1;
    }
}
