//! The one module of this crate that touches the file system: what lies outside every haul, and scratch directories.
#![expect(clippy::disallowed_methods, reason = "these files are not part of a haul")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use longhaul_journal::{LOCK_FILE, PARTS_DIRECTORY, STATE_DIRECTORY};

/// Names that are tried for a scratch directory before giving up.
const SCRATCH_NAMES_MAX: u32 = 100;

/// A directory for a short time. Removed with all it holds when dropped, unless [kept](Self::keep).
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// A new directory below the system's place for temporary files. A name that exists is never used, so nobody can
    /// prepare the place.
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        let process = std::process::id();
        for number in 0..SCRATCH_NAMES_MAX {
            let path = std::env::temp_dir().join(format!("longhaul-{purpose}-{process}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_kept: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The user's own directory, made where it is missing; it must be empty, and stays.
    pub(crate) fn at(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        if fs::read_dir(&path)?.next().is_some() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        Ok(Self { path, is_kept: true })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the directory where it is.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is left to the system's own cleaning of temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether there is a haul in this directory.
pub(crate) fn holds_haul(directory: &Path) -> bool {
    directory.join(STATE_DIRECTORY).is_dir()
}

/// Opens a list. A directory is refused here rather than at the first read.
pub(crate) fn open_list(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Creates a file of the user's, or empties the one that is there: the user named it.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// Creates a directory in a scratch directory of ours.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Reads a file of the user's.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

/// Removes a file that is ours.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Opens a log of ours at its end, creating it where it is missing.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Opens a file to be read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Copies the state of a haul, without what had arrived of unfinished files and without its lock.
pub(crate) fn copy_state(from: &Path, to: &Path) -> io::Result<()> {
    copy_directory(&from.join(STATE_DIRECTORY), &to.join(STATE_DIRECTORY), &|path| {
        let path = path.strip_prefix(from).unwrap_or(path);
        path == Path::new(PARTS_DIRECTORY) || path == Path::new(LOCK_FILE)
    })
}

fn copy_directory(from: &Path, to: &Path, is_left_out: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if is_left_out(&entry.path()) {
            continue;
        }
        if kind.is_dir() {
            copy_directory(&entry.path(), &to.join(entry.file_name()), is_left_out)?;
        } else if kind.is_file() {
            match fs::copy(entry.path(), to.join(entry.file_name())) {
                // A running haul may have replaced it since it was listed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Every file below a directory, as paths relative to it with `/` between, except below the haul's own state.
pub(crate) fn all_files(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut to_read = vec![directory.to_owned()];
    while let Some(place) = to_read.pop() {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            let path = entry.path();
            let name = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
            if !entry.file_type()?.is_dir() {
                found.push(name);
            } else if name != STATE_DIRECTORY {
                to_read.push(path);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The set of signals that are ignored, bit n - 1 for signal n: what nohup(1) and shells ask for. Linux tells it in
/// proc(5); elsewhere none is taken to be ignored.
pub(crate) fn ignored_signals() -> u64 {
    let mut status = String::new();
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
