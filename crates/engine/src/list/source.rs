//! The sources of lists that a user can name, and the only place that recognises the format of a list.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checksum_line::{BaseUrl, ChecksumFormat};
use super::content_digest::ListContent;
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
    pub(crate) fn open(self, formats: &[Arc<dyn ListFormat>], base: Option<&BaseUrl>) -> io::Result<List> {
        Ok(match self {
            Self::Reader { label, reader } => {
                let content = ListContent::Unknown;
                let checksums = ChecksumFormat { base: base.cloned(), is_blake3: false };
                let reader = Box::new(TextList::new(reader).with_checksums(checksums));
                List { label, reader, identity: None, content }
            }
            Self::Items { label, reader } => {
                let identity = reader.identity().map(ListIdentity::stored);
                let content = identity.map_or(ListContent::Unknown, ListContent::identified);
                List { label, reader, identity, content }
            }
            Self::File(path) => open_file(&path, formats, base)?,
        })
    }
}

/// Opens a list file with the reader of its format: of the first of `formats` that recognises it, or of text.
fn open_file(path: &Path, formats: &[Arc<dyn ListFormat>], base: Option<&BaseUrl>) -> io::Result<List> {
    let (file, label) = (machine::open_list(path)?, list_label(path));
    let of_file = ListIdentity::of_file(&file.metadata()?).map(ListIdentity::stored);
    for format in formats {
        if let Some(reader) = format.open(path)? {
            let own = reader.identity().map(ListIdentity::stored);
            let content = own.map_or(ListContent::Unknown, ListContent::identified);
            return Ok(List { label, reader, identity: own.or(of_file), content });
        }
    }
    let checksums = ChecksumFormat { base: base.cloned(), is_blake3: is_of_blake3(path) };
    if let Some(base) = base {
        // With another base the same file is another list, so its content alone does not identify it.
        let identity = of_file.map(|of_file| ListIdentity::read_with(of_file, base.as_bytes()));
        let reader = Box::new(TextList::new(file).with_checksums(checksums));
        return Ok(List { label, reader, identity, content: ListContent::Unknown });
    }
    if of_file.is_none() {
        let reader = Box::new(TextList::new(file).with_checksums(checksums));
        return Ok(List { label, reader, identity: None, content: ListContent::Unknown });
    }
    let (content, file) = ListContent::of_file(path, file);
    let reader = Box::new(TextList::new(file).with_checksums(checksums));
    Ok(List { label, reader, identity: of_file, content })
}

/// Whether the name of a checksum file says that its digests are of BLAKE3, as `B3SUMS` and `manifest-blake3.txt` do.
fn is_of_blake3(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    name.is_some_and(|name| {
        name.contains("b3sum")
            || name.contains("blake3")
            || name.rsplit_once('.').is_some_and(|(_, end)| end == "b3")
    })
}

/// The name by which a haul knows the list at this path: its full path, as far as it can still be found out, wherever the program is
/// started from.
#[must_use]
pub fn list_label(path: &Path) -> String {
    let full = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    full.to_string_lossy().into_owned()
}
