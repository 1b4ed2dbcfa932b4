//! The sources of lists that a user can name.

use std::fmt;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use longhaul_journal::FileIdentity;

use super::reader::ListReader;
use super::text::TextList;
use crate::haul::machine;
use crate::list::intake::List;

/// A list of URLs: one a line; blank lines, comments (`#`), CRLF and a byte order mark are accepted.
#[non_exhaustive]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Lines from any reader, known by a label: the same label in a later run stands for the same list.
    Reader {
        /// What it is called in reports.
        label: String,
        /// Read on a thread of its own; may block.
        reader: Box<dyn Read + Send>,
    },
    /// Items from a reader of another format, known by a label as above.
    Items {
        /// What it is called in reports.
        label: String,
        /// Read on a thread of its own; may block.
        reader: Box<dyn ListReader>,
    },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Reader { label, .. } => {
                f.debug_struct("Reader").field("label", label).finish_non_exhaustive()
            }
            Self::Items { label, .. } => {
                f.debug_struct("Items").field("label", label).finish_non_exhaustive()
            }
        }
    }
}

impl Source {
    /// Opens it. A file is known by its full path, wherever the program is started from.
    pub(crate) fn open(self) -> io::Result<List> {
        match self {
            Self::Reader { label, reader } => {
                Ok(List { label, reader: Box::new(TextList::new(reader)), identity: None })
            }
            Self::Items { label, reader } => Ok(List { label, reader, identity: None }),
            Self::File(path) => {
                let file = machine::open_list(&path)?;
                let identity = identity(&file.metadata()?);
                Ok(List { label: label(&path), reader: Box::new(TextList::new(file)), identity })
            }
        }
    }
}

fn label(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.to_string_lossy().into_owned()
}

/// None for what is no regular file: a pipe can say something else each time.
fn identity(metadata: &Metadata) -> Option<FileIdentity> {
    if !metadata.is_file() {
        return None;
    }
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(FileIdentity {
        len: metadata.len(),
        modified_unix_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
        inode: inode(metadata),
    })
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino()
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
