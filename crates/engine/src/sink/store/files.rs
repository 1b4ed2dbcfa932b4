//! A file for every body: below `.longhaul/parts/` until it is complete, then under its final name. Publication is a rename.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_journal::storage::{File, FileKind, Metadata, RelativePath, Storage};
use longhaul_journal::{Location, PARTS_DIRECTORY, RowId};

use super::part_file::PartFile;
use super::{BodyWriter, Content, ResponseMeta, Staged, Store, file_content};
use crate::sink::disk_error::is_of_one_name;

/// Directories remembered, of each kind: bounds the memory of a list with as many directories as files.
const DIRECTORIES_MAX: usize = 4096;

/// The two names that the file system is tried out with.
const PROBE_FILES: [&str; 2] = [".longhaul/probe.new", ".longhaul/probed.new"];

/// Keeps each body in a file of its own.
pub struct FileStore {
    storage: Arc<dyn Storage>,
    directories: Mutex<Directories>,
}

#[derive(Default)]
struct Directories {
    /// They exist.
    known: BTreeSet<RelativePath>,
    /// They did not exist when the first row came that needs them: only files of this haul are in them.
    new: BTreeSet<RelativePath>,
    /// They hold names that are not durable; `None` is the haul's directory itself.
    unsynced: BTreeSet<Option<RelativePath>>,
}

impl FileStore {
    /// Keeps the files in this storage.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, directories: Mutex::default() }
    }

    /// Finds out whether the file system can give a file a name without replacing what has that name. A few system calls.
    ///
    /// # Errors
    /// `Unsupported`: it cannot, so no file could be stored. What goes wrong otherwise is no answer, and is met again where it
    /// matters.
    pub fn probe(&self) -> io::Result<()> {
        let [from, to] = PROBE_FILES.map(fixed);
        let clear = || {
            for path in [&from, &to] {
                // Usually there is none.
                let _ = self.storage.remove(path);
            }
        };
        clear();
        if self.storage.create(&from).is_err() || self.storage.create(&to).is_err() {
            clear();
            return Ok(());
        }
        let refused = match self.storage.rename_noreplace(&from, &to) {
            Ok(()) => Some("it has replaced a file".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let renamed =
                    self.storage.remove(&to).and_then(|()| self.storage.rename_noreplace(&from, &to));
                renamed.err().filter(is_refusal).map(|error| error.to_string())
            }
            Err(error) => Some(error).filter(is_refusal).map(|error| error.to_string()),
        };
        clear();
        match refused {
            None => Ok(()),
            Some(reason) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "the file system can neither rename a file without replacing another one nor make hard links ({reason}), \
                     so a file of somebody else could be overwritten; use a directory on another file system"
                ),
            )),
        }
    }

    fn directories(&self) -> MutexGuard<'_, Directories> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_directory(&self, directory: Option<&RelativePath>) -> io::Result<()> {
        let Some(directory) = directory else { return Ok(()) };
        if self.directories().known.contains(directory) {
            return Ok(());
        }
        self.storage.create_dir_all(directory)?;
        remember(&mut self.directories().known, directory.clone());
        Ok(())
    }

    fn rename(&self, row: RowId, name: &RelativePath) -> io::Result<()> {
        self.try_rename(row, name).map_err(|error| self.of_haul_directory(name, error))
    }

    /// Makes an error one of the disk if it is the haul's own directory that may not be written to: then no row of a new host can be
    /// published. The haul may go on without any directory below it.
    fn of_haul_directory(&self, name: &RelativePath, error: io::Error) -> io::Error {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        if !matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) {
            return error;
        }
        let top = name.components().next().unwrap_or_default();
        let is_below = name.parent().is_some() && top.parse().is_ok_and(|top| self.exists(&top));
        if is_below { error } else { io::Error::other(format!("cannot create {top}: {error}")) }
    }

    fn try_rename(&self, row: RowId, name: &RelativePath) -> io::Result<()> {
        let parent = name.parent();
        let part = part_path(row);
        self.make_directory(parent.as_ref())?;
        match self.storage.rename_noreplace(&part, name) {
            // Somebody has moved or removed a directory that this run has made.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.exists(&part) => {
                self.directories().known.clear();
                self.make_directory(parent.as_ref())?;
                self.storage.rename_noreplace(&part, name)?;
            }
            renamed => renamed?,
        }
        self.note_unsynced(parent);
        Ok(())
    }

    /// Notes that a directory holds a name that is not durable. A new directory is durable when its own parent is.
    fn note_unsynced(&self, directory: Option<RelativePath>) {
        let mut directories = self.directories();
        let mut level = directory;
        while directories.unsynced.insert(level.clone()) {
            level = match level {
                Some(directory) => directory.parent(),
                None => return,
            };
        }
    }

    fn exists(&self, path: &RelativePath) -> bool {
        self.storage.metadata(path).is_ok_and(|metadata| metadata.is_some())
    }

    /// Syncs the file at a path if it has this content; false if it has not.
    fn sync_if_equal(&self, path: &RelativePath, content: &Content) -> io::Result<bool> {
        let mut file = match self.storage.open_read(path) {
            Ok(file) => file,
            // Permission to read it is that file's own affair. Any other error on a file that may be ours is no answer: the row
            // would be fetched again, and find its own file in its way.
            Err(error)
                if error.kind() != io::ErrorKind::PermissionDenied && self.may_be_equal(path, content) =>
            {
                return Err(error);
            }
            Err(_) => return Ok(false),
        };
        if !file_content::is_equal(&*file, content, &mut Vec::new())? {
            return Ok(false);
        }
        file.sync()?;
        Ok(true)
    }

    fn may_be_equal(&self, path: &RelativePath, content: &Content) -> bool {
        match self.storage.metadata(path) {
            Ok(metadata) => metadata
                .is_some_and(|metadata| metadata.kind == FileKind::File && metadata.len == content.size),
            // An error about the name says that no file of ours is there; one about the disk does not.
            Err(error) => !is_of_one_name(&error),
        }
    }
}

impl Store for FileStore {
    fn begin(&self, row: RowId, _meta: &ResponseMeta) -> io::Result<Box<dyn BodyWriter>> {
        Ok(Box::new(PartFile::begin(&self.storage, part_path(row))?))
    }

    fn reopen(&self, row: RowId, len: u64, state: &Metadata) -> io::Result<Option<Box<dyn BodyWriter>>> {
        let part = found(PartFile::reopen(&self.storage, part_path(row), len, state))?.flatten();
        Ok(part.map(|part| Box::new(part) as Box<dyn BodyWriter>))
    }

    fn discard(&self, row: RowId) -> io::Result<()> {
        match found(self.storage.remove(&part_path(row))) {
            // It is none of ours.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(()),
            removed => removed.map(drop),
        }
    }

    fn unfinished(&self, row: RowId) -> io::Result<Option<Metadata>> {
        self.storage.metadata(&part_path(row))
    }

    fn unfinished_place(&self, row: RowId) -> String {
        part_path(row).to_string()
    }

    fn read_unfinished(&self, row: RowId) -> io::Result<Option<Box<dyn File>>> {
        found(self.storage.open_read(&part_path(row)))
    }

    fn sync_begun(&self) -> io::Result<()> {
        self.storage.sync_dir(Some(&parts_directory()))
    }

    fn publish(&self, staged: &Staged, name: &RelativePath) -> io::Result<Location> {
        self.rename(staged.row, name).map(|()| Location::File)
    }

    fn sync_published(&self) -> io::Result<()> {
        loop {
            // Taken out before the sync: a name that comes during it is noted anew.
            let Some(directory) = self.directories().unsynced.pop_first() else { return Ok(()) };
            if let Err(error) = self.storage.sync_dir(directory.as_ref()) {
                if directory.is_none() || !is_of_one_name(&error) {
                    self.directories().unsynced.insert(directory);
                } else {
                    // It has gone, and with it what could be synced.
                    self.directories().known.clear();
                }
                return Err(error);
            }
        }
    }

    fn verify(&self, location: &Location, name: &RelativePath, content: &Content) -> io::Result<bool> {
        if *location != Location::File {
            return Ok(false);
        }
        let file = found(self.storage.open_read(name))?;
        file.map_or(Ok(false), |file| file_content::is_equal(&*file, content, &mut Vec::new()))
    }

    fn recover(&self, row: RowId, name: &RelativePath, content: &Content) -> io::Result<Option<Location>> {
        if !self.sync_if_equal(name, content)? {
            if !self.sync_if_equal(&part_path(row), content)? {
                return Ok(None);
            }
            match self.rename(row, name) {
                // Something else stands at the name, or in place of a folder above it: the row's trouble, as at a commit.
                Err(error) if is_of_one_name(&error) => return Ok(None),
                renamed => renamed?,
            }
        }
        self.note_unsynced(name.parent());
        self.sync_published()?;
        Ok(Some(Location::File))
    }

    fn is_occupied(&self, name: &RelativePath) -> bool {
        let Some(directory) = name.parent() else { return self.exists(name) };
        if self.directories().new.contains(&directory) {
            return false;
        }
        if self.exists(&directory) {
            return self.exists(name);
        }
        remember(&mut self.directories().new, directory);
        false
    }

    fn open_occupant(&self, name: &RelativePath) -> io::Result<Option<Box<dyn File>>> {
        let file = found(self.storage.open_read(name))?;
        if file.is_some() {
            self.note_unsynced(name.parent());
        }
        Ok(file)
    }
}

/// Whether an error says that a file system does not know an operation: EINVAL, EPERM, ENOSYS, EOPNOTSUPP or EMLINK.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | TooManyLinks | Unsupported)
}

/// The path of a row's unfinished body.
fn part_path(row: RowId) -> RelativePath {
    format!("{PARTS_DIRECTORY}/{}", row.0).parse().expect("a directory's name and a number make a valid path")
}

fn parts_directory() -> RelativePath {
    fixed(PARTS_DIRECTORY)
}

/// A path that is spelled in this program.
fn fixed(path: &str) -> RelativePath {
    path.parse().expect("names spelled here are valid paths")
}

fn remember(directories: &mut BTreeSet<RelativePath>, directory: RelativePath) {
    if directories.len() >= DIRECTORIES_MAX {
        directories.clear();
    }
    directories.insert(directory);
}

/// `None` for `NotFound`.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
