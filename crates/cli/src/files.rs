//! The one module of this crate that touches the file system: files outside of hauls, and scratch directories.
#![expect(clippy::disallowed_methods, reason = "these files are not part of a haul")]

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use longhaul_journal::{LOCK_FILE, PARTS_DIRECTORY, STATE_DIRECTORY};

/// The bits of a mode that let the group and everybody else write.
const OTHERS_WRITE: u32 = 0o022;

/// How many names are tried for a scratch directory: each can be taken by an earlier process with the same id.
const SCRATCH_NAMES_MAX: u32 = 100;

/// The name that a haul has for this list, or for standard input.
pub(crate) fn list_label(list: &Path) -> String {
    if list == Path::new("-") {
        return "-".to_owned();
    }
    longhaul::list_label(list)
}

/// Why other users could read or change the records of the haul in this directory, if they could.
pub(crate) fn exposure(directory: &Path) -> Option<String> {
    let path = directory.join(STATE_DIRECTORY);
    let metadata = fs::symlink_metadata(&path).ok()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        Some(format!(
            "{} belongs to the user {}, who can read and change the records of the haul and the passwords in its URLs",
            path.display(),
            metadata.uid()
        ))
    } else if metadata.mode() & OTHERS_WRITE != 0 {
        Some(format!(
            "other users may write to {}, and so decide what is downloaded; `chmod go-w` forbids it",
            path.display()
        ))
    } else {
        None
    }
}

/// A working directory. Dropping it removes it with its contents, unless it is [kept](Self::keep).
#[derive(Debug)]
pub(crate) struct ScratchDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl ScratchDirectory {
    /// Creates a directory below the system's directory for temporary files. An existing one is never used: another
    /// user could have prepared it.
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

    /// Uses the directory that the user named. It is created if it is missing, must be empty, and is kept.
    pub(crate) fn at(path: PathBuf) -> io::Result<Self> {
        create_empty_directory(&path)?;
        Ok(Self { path, is_kept: true })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the directory when this value is dropped.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        if !self.is_kept {
            // If it cannot be removed, the system cleans temporary files up.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// True if the directory holds a haul.
pub(crate) fn holds_haul(directory: &Path) -> bool {
    directory.join(STATE_DIRECTORY).is_dir()
}

/// True if there is a file at this path.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Creates the file that the user named, or truncates it.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// Creates a directory that the user named. It may be there, and must be empty.
pub(crate) fn create_empty_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    if fs::read_dir(path)?.next().is_some() {
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    Ok(())
}

/// Gives a file another name, in directories that are created, or copies it where its file system has no hard links or is another one.
/// Replaces nothing.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut copy = File::create_new(to)?;
            io::copy(&mut File::open(from)?, &mut copy).map(drop)
        }
        linked => linked,
    }
}

/// A file that takes the place of another one when it is complete; until then it has a name beside it. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    /// The name for now, and the name that it will get; `None` for what cannot be replaced, such as a pipe or a device.
    names: Option<(PathBuf, PathBuf)>,
}

impl NewFile {
    /// Creates it. A link is followed: what it leads to is replaced.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&place).ok();
        if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            return Ok(Self { file: create(path)?, names: None });
        }
        let mut name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let new = place.with_file_name(name);
        let file = create(&new)?;
        let created = Self { file, names: Some((new, place)) };
        if let Some(existing) = existing {
            created.file.set_permissions(existing.permissions())?;
        }
        Ok(created)
    }

    /// Gives it its name.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        if let Some((new, place)) = &self.names {
            self.file.sync_all()?;
            fs::rename(new, place)?;
        }
        self.names = None;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((new, _)) = &self.names {
            // If it cannot be removed, its name says what it is.
            let _ = fs::remove_file(new);
        }
    }
}

/// Creates a directory inside a directory of this program.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Reads a file that the user named.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

/// Removes a file that this program created.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Opens a log file for appending; creates it if it is missing.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Renames a file that this program created.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Whether the last byte of a file is a line feed.
pub(crate) fn ends_in_newline(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Copies the state of a haul, except the parts of unfinished files and the lock.
pub(crate) fn copy_state(from: &Path, to: &Path) -> io::Result<()> {
    copy_directory(&from.join(STATE_DIRECTORY), &to.join(STATE_DIRECTORY), &|path| {
        let path = path.strip_prefix(from).unwrap_or(path);
        path == Path::new(PARTS_DIRECTORY) || path == Path::new(LOCK_FILE)
    })
}

fn copy_directory(from: &Path, to: &Path, is_excluded: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if is_excluded(&entry.path()) {
            continue;
        }
        if kind.is_dir() {
            copy_directory(&entry.path(), &to.join(entry.file_name()), is_excluded)?;
        } else if kind.is_file() {
            match fs::copy(entry.path(), to.join(entry.file_name())) {
                // A running haul can replace a file after the directory was listed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Lists every file below a directory, as relative paths with `/` as separator, except the state of the haul.
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

/// The set of ignored signals; bit n - 1 stands for signal n. nohup(1) and shells ignore signals before they start a
/// program. The set comes from proc(5); on systems without it, it is empty.
pub(crate) fn ignored_signals() -> u64 {
    let mut status = String::new();
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
