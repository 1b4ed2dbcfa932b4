//! The sources of lists that a user can name, and the only place that recognises the format of a list.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::ListIdentity;
use super::reader::{ListFormat, ListReader};
use super::text::TextList;
use crate::haul::machine;
use crate::list::intake::List;

/// A list of URLs. In text there is one a line; blank lines, comments (`#`), CRLF and a byte order mark are accepted.
#[non_exhaustive]
pub enum Source {
    /// A file: of a format that the haul was given ([`Builder::list_format`](crate::Builder::list_format)), or text.
    File(PathBuf),
    /// Lines from any reader, known by a label: the same label in a later run stands for the same list.
    Reader {
        /// What it is called in reports.
        label: String,
        /// Read on a thread of its own; may block.
        reader: Box<dyn Read + Send>,
    },
    /// Items from a reader of another format, known by a label as above and by its [identity](ListReader::identity).
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
    pub(crate) fn open(self, formats: &[Arc<dyn ListFormat>]) -> io::Result<List> {
        Ok(match self {
            Self::Reader { label, reader } => {
                List { label, reader: Box::new(TextList::new(reader)), identity: None }
            }
            Self::Items { label, reader } => {
                let identity = reader.identity().map(ListIdentity::stored);
                List { label, reader, identity }
            }
            Self::File(path) => {
                let (reader, identity) = open_file(&path, formats)?;
                List { label: label(&path), reader, identity: identity.map(ListIdentity::stored) }
            }
        })
    }
}

/// Opens a list file with the reader of its format: of the first of `formats` that recognises it, or of text.
fn open_file(
    path: &Path,
    formats: &[Arc<dyn ListFormat>],
) -> io::Result<(Box<dyn ListReader>, Option<ListIdentity>)> {
    let file = machine::open_list(path)?;
    let of_file = ListIdentity::of_file(&file.metadata()?);
    for format in formats {
        if let Some(reader) = format.open(path)? {
            let identity = reader.identity().or(of_file);
            return Ok((reader, identity));
        }
    }
    Ok((Box::new(TextList::new(file)), of_file))
}

fn label(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.to_string_lossy().into_owned()
}
