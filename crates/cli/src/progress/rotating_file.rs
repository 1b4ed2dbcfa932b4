//! A log file of bounded size: a full one is renamed, and the oldest is removed.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::files;

/// Files that are kept: `FILE`, `FILE.1` and so on.
pub(crate) const FILES_MAX: u32 = 5;

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// A line was cut off by an error.
    is_torn: bool,
}

impl RotatingFile {
    /// Opens the file, or creates it. `bytes_max` is the size beyond which it is renamed.
    pub(super) fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = files::append(path)?;
        let bytes = file.metadata()?.len();
        // The last line of an earlier run may have been cut off.
        let is_torn = bytes > 0 && !files::ends_in_newline(path).unwrap_or(true);
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max, is_torn })
    }

    /// Appends a line; its end is added. After an error the line may be there in part, and the next one begins anew.
    pub(super) fn write_line(&mut self, line: &str) -> io::Result<()> {
        let needed = line.len() as u64 + 2;
        if self.bytes > 0 && self.bytes + needed > self.bytes_max {
            self.rotate()?;
        }
        let mut text = String::with_capacity(line.len() + 2);
        if self.is_torn {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
        self.is_torn = true;
        self.file.write_all(text.as_bytes())?;
        self.is_torn = false;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Renames the files, the oldest over the last name, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            if number > 0 {
                name.push(format!(".{number}"));
            }
            PathBuf::from(name)
        };
        for number in (0..FILES_MAX - 1).rev() {
            match files::rename(&numbered(number), &numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = files::append(&self.path)?;
        (self.bytes, self.is_torn) = (0, false);
        Ok(())
    }
}
