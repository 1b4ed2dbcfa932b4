//! A verification from its settings to its report.

use std::path::Path;
use std::sync::Arc;

use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{Journal, Location, Opened, RowId, Suspicion};
use longhaul_socket::clock::WallClock;

use super::batch::{self, FILES_MAX};
use super::comparison::{Compared, RecordedFile};
use super::foreign::{Foreign, OwnedNames};
use super::repair::{BrokenRow, Step, repair};
use crate::haul::{HaulError, machine};
use crate::report::status::{RowOutcome, for_each_row};

/// Something that is not as the journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding<'a> {
    /// A finished file is not there.
    Missing {
        /// Its row.
        row: RowId,
        /// Its URL.
        url: &'a str,
        /// Its name below the haul's directory.
        name: &'a str,
    },
    /// Something else stands at the name of a finished file.
    Changed {
        /// Its row.
        row: RowId,
        /// Its URL.
        url: &'a str,
        /// Its name below the haul's directory.
        name: &'a str,
        /// How it differs.
        difference: &'a str,
    },
    /// A finished file cannot be read, so nobody knows. A repair leaves it alone.
    Unreadable {
        /// Its row.
        row: RowId,
        /// Its URL.
        url: &'a str,
        /// Its name below the haul's directory.
        name: &'a str,
        /// Why.
        error: &'a str,
    },
    /// A finished file looks like an error page that the host sent in place of many files. That says nothing of whether it is as recorded.
    Suspect {
        /// Its row.
        row: RowId,
        /// Its URL.
        url: &'a str,
        /// Its name below the haul's directory.
        name: &'a str,
        /// What it has in common with others.
        suspicion: &'a Suspicion,
    },
    /// A file in a directory of the haul is of no row.
    Foreign {
        /// Its name below the haul's directory.
        name: &'a str,
    },
    /// A directory of the haul cannot be listed: nobody knows whether foreign files are in it.
    Unlisted {
        /// Its name below the haul's directory.
        name: &'a str,
        /// Why.
        error: &'a str,
    },
    /// The repair has renamed a changed file.
    MovedAside {
        /// The row whose name it had.
        row: RowId,
        /// That name.
        name: &'a str,
        /// Its name now.
        to: &'a str,
    },
    /// The repair could not rename a changed file: its row stays as it is.
    NotRepaired {
        /// The row whose name it has.
        row: RowId,
        /// That name.
        name: &'a str,
        /// Why.
        error: &'a str,
    },
}

/// How a verification ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Finished files that were compared with their records.
    pub files: u64,
    /// Of these, the ones that are as recorded.
    pub intact: u64,
    /// The ones that are not there.
    pub missing: u64,
    /// The ones in whose place something else stands.
    pub changed: u64,
    /// The ones that could not be read.
    pub unreadable: u64,
    /// Finished files that look like an error page, intact or not.
    pub suspect: u64,
    /// Finished rows whose bodies are not in files of their own: they were not compared.
    pub not_compared: u64,
    /// Files that are of no row; `None` beside a run, whose new files would be among them.
    pub foreign: Option<u64>,
    /// Bytes of files that were read.
    pub bytes_read: u64,
    /// Rows that were pending already, among them those that a killed repair has left.
    pub pending: u64,
    /// Rows that the repair has made pending.
    pub repaired: u64,
    /// Rows whose changed files the repair could not move aside.
    pub not_repaired: u64,
}

impl VerifyReport {
    /// Whether every finished file is as recorded.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.missing + self.changed + self.unreadable == 0
    }
}

/// Compares the finished files of a haul with their records.
#[derive(Clone)]
pub struct Verify {
    storage: Arc<dyn Storage>,
    is_quick: bool,
    repairs: bool,
    now_unix_ms: u64,
    boot_id: [u8; 16],
}

impl Verify {
    /// A verification of the haul in this directory, which must exist.
    pub fn of_directory(directory: &Path) -> Result<Self, HaulError> {
        let storage = DiskStorage::open(directory, false)
            .map_err(|source| HaulError::Directory { directory: directory.to_owned(), source })?;
        Ok(Self::of_storage(Arc::new(storage), WallClock::system().unix_ms(), machine::boot_id()))
    }

    /// A verification of the haul in this storage, at this time and in this boot of the machine: for simulations.
    #[must_use]
    pub fn of_storage(storage: Arc<dyn Storage>, now_unix_ms: u64, boot_id: [u8; 16]) -> Self {
        Self { storage, is_quick: false, repairs: false, now_unix_ms, boot_id }
    }

    /// Takes a file of the recorded size and modification time for intact, without reading it. One with another time is read.
    #[must_use]
    pub fn quick(mut self, is_quick: bool) -> Self {
        self.is_quick = is_quick;
        self
    }

    /// Makes the rows of missing and changed files pending, so that the next run downloads them. A changed file is renamed to
    /// `NAME~changed`.
    #[must_use]
    pub fn repair(mut self, repairs: bool) -> Self {
        self.repairs = repairs;
        self
    }

    /// Verifies, and calls `visit` with each finding: rows in the order of the lists, then foreign files, then what was moved aside.
    /// Blocks until everything is done. It may be ended at any point: nothing is lost, and another verification finds the rest.
    ///
    /// # Errors
    /// There is no haul, its journal cannot be read, another process works on it (only with a repair), or a disk fails.
    pub fn run(self, mut visit: impl FnMut(&Finding<'_>)) -> Result<VerifyReport, HaulError> {
        let Self { storage, is_quick, repairs, now_unix_ms, boot_id } = self;
        // Reading comes first: it reports a directory without a haul, and opening would make one.
        let mut journal = Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
        let mut opened = None;
        if repairs {
            let holder = machine::holder();
            let open = Journal::open(Arc::clone(&storage), now_unix_ms, boot_id, &holder);
            opened = Some(open.map_err(HaulError::Journal)?);
            journal = Journal::read(Arc::clone(&storage)).map_err(HaulError::Journal)?;
        }
        let is_beside_run = !repairs && journal.running().is_some();
        let mut walk =
            Walk { storage: &*storage, is_quick, report: VerifyReport::default(), broken: Vec::new() };
        let mut owned = OwnedNames::default();
        let mut files = Vec::new();
        for_each_row(&journal, |row| {
            let RowOutcome::Done(done) = row.outcome else {
                walk.report.pending += u64::from(matches!(row.outcome, RowOutcome::Pending));
                return;
            };
            if done.location != Location::File {
                walk.report.not_compared += 1;
                return;
            }
            let Some(name) = &row.name else { return };
            if let Some(suspicion) = row.suspicion {
                walk.report.suspect += 1;
                visit(&Finding::Suspect { row: row.id, url: &row.url, name, suspicion });
            }
            owned.add(name);
            files.push(RecordedFile::new(row.id, row.url.clone(), name.clone(), done));
            if files.len() >= FILES_MAX {
                walk.compare(&mut files, &mut visit);
            }
        })?;
        walk.compare(&mut files, &mut visit);
        let Walk { mut report, broken, .. } = walk;
        if !is_beside_run {
            let mut foreign = 0;
            owned.find_foreign(&*storage, |found| match found {
                Foreign::File(name) => {
                    foreign += 1;
                    visit(&Finding::Foreign { name });
                }
                Foreign::Unlisted { directory, error } => {
                    visit(&Finding::Unlisted { name: directory, error: &error.to_string() });
                }
            });
            report.foreign = Some(foreign);
        }
        if let Some(Opened { lock, mut log, .. }) = opened {
            let mut not_repaired = 0;
            let repaired = repair(&*storage, &mut log, &broken, |row, step| match step {
                Step::Moved { from, to } => {
                    visit(&Finding::MovedAside { row, name: from.as_str(), to: to.as_str() });
                }
                Step::Failed { path, error } => {
                    not_repaired += 1;
                    visit(&Finding::NotRepaired { row, name: path.as_str(), error: &error.to_string() });
                }
            });
            report.repaired = repaired.map_err(HaulError::of_disk)?;
            report.not_repaired = not_repaired;
            drop(lock);
        }
        Ok(report)
    }
}

/// The comparison of all files, a batch at a time.
struct Walk<'a> {
    storage: &'a dyn Storage,
    is_quick: bool,
    report: VerifyReport,
    /// What a repair has to do: its memory grows with what is broken, not with the haul.
    broken: Vec<BrokenRow>,
}

impl Walk<'_> {
    /// Compares a batch, which is empty then.
    fn compare(&mut self, files: &mut Vec<RecordedFile>, visit: &mut impl FnMut(&Finding<'_>)) {
        let (results, bytes_read) = batch::compare(self.storage, files, self.is_quick);
        self.report.files += files.len() as u64;
        self.report.bytes_read += bytes_read;
        for (file, compared) in files.drain(..).zip(results) {
            let RecordedFile { row, url, name, .. } = &file;
            let (row, url, name) = (*row, url.as_str(), name.as_str());
            match compared {
                Compared::Intact => self.report.intact += 1,
                Compared::Missing => {
                    self.report.missing += 1;
                    self.broken.push(BrokenRow { row, occupied: None });
                    visit(&Finding::Missing { row, url, name });
                }
                Compared::Changed(difference) => {
                    self.report.changed += 1;
                    self.broken.push(BrokenRow { row, occupied: name.parse().ok() });
                    visit(&Finding::Changed { row, url, name, difference: &difference });
                }
                Compared::Unreadable(error) => {
                    self.report.unreadable += 1;
                    visit(&Finding::Unreadable { row, url, name, error: &error });
                }
            }
        }
    }
}
