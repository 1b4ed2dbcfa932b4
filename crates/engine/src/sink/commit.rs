//! The commit of a group: data, records, names, directories, marker, and only then the events.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use longhaul_journal::storage::RelativePath;
use longhaul_journal::{Failed, FaultRecord, Record};

use super::committer::{Committer, Halt};
use super::disk_error::{file_fault, stands_in_the_way};
use super::group::{Entry, FileEntry};
use super::parts::part_path;
use super::{ALREADY_THERE, Listed, RowSettled};
use crate::exchange::Class;
use crate::report::Event;
use crate::schedule::job::Job;

/// Directories remembered as existing: bounds the memory of a list with as many directories as files.
const KNOWN_DIRECTORIES_MAX: usize = 4096;

impl Committer {
    /// Makes the group durable: data, records, names, directories, marker; then tells of it.
    pub(super) async fn commit(&mut self) -> Result<(), Halt> {
        let mut entries = self.group.take();
        if entries.is_empty() {
            return Ok(());
        }
        for entry in &mut entries {
            if let Entry::File(file) = entry {
                file.start_writeback();
            }
        }
        let mut durable = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let synced = match &mut entry {
                Entry::File(file) => file.sync(),
                _ => Ok(()),
            };
            self.catch_up().await?;
            match (entry, synced) {
                (Entry::File(file), Err(error)) => {
                    // What a failed sync leaves in the file is unknown, so it is not asked again: the bytes are fetched
                    // anew.
                    self.begin_again(file.job).await?;
                    self.sync_failed(error).await?;
                }
                (entry, _) => {
                    self.sync_failures = 0;
                    durable.push(entry);
                }
            }
        }
        if durable.iter().any(|entry| matches!(entry, Entry::File(_))) {
            // A name must not be on disk before the record that explains it.
            self.retry_transient(|sink| sink.log.prepare()).await?;
        }
        let mut settled = Vec::with_capacity(durable.len());
        let mut directories = BTreeSet::new();
        for entry in durable {
            match entry {
                Entry::File(file) => settled.extend(self.give_name(file, &mut directories).await?),
                other => settled.push(other),
            }
            self.catch_up().await?;
        }
        for directory in directories {
            self.retry_transient(|sink| sink.storage.sync_dir(directory.as_ref())).await?;
        }
        if let Some(row) = settled.iter().filter_map(Entry::listed_row).max() {
            // The spool is the record of what the list itself has settled.
            self.retry_transient(|sink| sink.rows.ensure_durable(row)).await?;
        }
        for entry in &settled {
            if let Entry::File(file) = entry {
                self.record(Record::Done(file.job.row, file.done.clone())).await?;
            }
        }
        self.retry_transient(|sink| sink.log.commit()).await?;
        for entry in settled {
            self.settle(entry);
        }
        Ok(())
    }

    /// Gives a durable file its final name; where something stands in its way, the row has failed, or is skipped. Nothing
    /// is settled where somebody else has removed the file meanwhile: the row begins again.
    async fn give_name(
        &mut self,
        file: Box<FileEntry>,
        directories: &mut BTreeSet<Option<RelativePath>>,
    ) -> Result<Option<Entry>, Halt> {
        let Err(error) = self.rename(&file.job, directories).await? else {
            return Ok(Some(Entry::File(file)));
        };
        let is_missing = || matches!(self.storage.metadata(&part_path(file.job.row)), Ok(None));
        if error.kind() == io::ErrorKind::NotFound && is_missing() {
            self.begin_again(file.job).await?;
            return Ok(None);
        }
        let FileEntry { job, done, .. } = *file;
        self.retry_transient(|sink| sink.parts.remove(job.row)).await?;
        if self.no_clobber && error.kind() == io::ErrorKind::AlreadyExists {
            let reason = ALREADY_THERE.to_owned();
            self.record(Record::Skipped(job.row, reason.clone())).await?;
            return Ok(Some(Entry::Skipped { job, reason }));
        }
        let failed = Failed {
            fault: file_fault(&job.name, &error),
            status: Some(done.status),
            attempts: done.attempts,
            started_unix_ms: done.started_unix_ms,
            finished_unix_ms: self.clock.unix_ms(),
        };
        self.record(Record::Failed(job.row, failed.clone())).await?;
        Ok(Some(Entry::Failed { job, failed }))
    }

    /// Gives the row's part file its final name. The inner error is this file's own: something stands in its way.
    async fn rename(
        &mut self,
        job: &Job,
        directories: &mut BTreeSet<Option<RelativePath>>,
    ) -> Result<io::Result<()>, Halt> {
        let name: RelativePath = match job.name.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(io::Error::new(io::ErrorKind::InvalidInput, error))),
        };
        let parent = name.parent();
        loop {
            let renamed = self
                .make_directory(parent.as_ref())
                .and_then(|()| self.storage.rename_noreplace(&part_path(job.row), &name));
            match renamed {
                Ok(()) => {
                    // A new directory is durable when its own parent is.
                    let mut level = parent;
                    while directories.insert(level.clone()) {
                        level = match level {
                            Some(directory) => directory.parent(),
                            None => break,
                        };
                    }
                    return Ok(Ok(()));
                }
                Err(error) if stands_in_the_way(&error) => return Ok(Err(error)),
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    fn make_directory(&mut self, directory: Option<&RelativePath>) -> io::Result<()> {
        let Some(directory) = directory else { return Ok(()) };
        if !self.known_directories.contains(directory) {
            self.storage.create_dir_all(directory)?;
            if self.known_directories.len() >= KNOWN_DIRECTORIES_MAX {
                self.known_directories.clear();
            }
            self.known_directories.insert(directory.clone());
        }
        Ok(())
    }

    /// Tells everyone of an outcome that is durable now.
    fn settle(&mut self, entry: Entry) {
        match entry {
            Entry::File(file) => {
                let FileEntry { job, done, .. } = *file;
                self.recorded.remove(&job.row);
                self.tally.done += 1;
                let elapsed =
                    Duration::from_millis(done.finished_unix_ms.saturating_sub(done.started_unix_ms));
                self.observer.emit(&Event::Done {
                    row: job.row,
                    url: job.url.as_str(),
                    name: &job.name,
                    size: done.size,
                    blake3: done.blake3,
                    status: done.status,
                    attempts: done.attempts,
                    elapsed,
                });
                self.tell(RowSettled::Settled(job));
            }
            Entry::Failed { job, failed } => {
                self.recorded.remove(&job.row);
                self.count_failure(&failed.fault);
                self.observer.emit(&Event::Failed {
                    row: job.row,
                    url: job.url.as_str(),
                    fault: &failed.fault,
                    status: failed.status,
                    attempts: failed.attempts,
                });
                self.tell(RowSettled::Settled(job));
            }
            Entry::Skipped { job, reason } => {
                self.recorded.remove(&job.row);
                self.tally.skipped += 1;
                let url = job.url.as_str();
                self.observer.emit(&Event::Skipped { row: job.row, url, reason: &reason });
                self.tell(RowSettled::Settled(job));
            }
            Entry::Listed(Listed::Duplicate { row, url, of }) => {
                self.tally.skipped += 1;
                let reason = format!("the same as row {}", of.0);
                self.observer.emit(&Event::Skipped { row, url: &url, reason: &reason });
            }
            Entry::Listed(Listed::Refused { row, text, fault }) => {
                self.count_failure(&fault);
                self.observer.emit(&Event::Failed {
                    row,
                    url: &text,
                    fault: &fault,
                    status: None,
                    attempts: 0,
                });
            }
        }
    }

    fn count_failure(&mut self, fault: &FaultRecord) {
        *self.tally.failures.entry(Class::of_record(fault)).or_default() += 1;
    }
}
