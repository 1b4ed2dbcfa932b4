//! One file against its record.

use std::io;

use longhaul_journal::storage::{FileKind, Metadata, RelativePath, Storage};
use longhaul_journal::{Done, RowId};

use crate::sink::is_symbolic_link;
use crate::sink::store::{Content, file_content};

/// A file as the journal knows it.
pub(super) struct RecordedFile {
    pub(super) row: RowId,
    pub(super) url: String,
    pub(super) name: String,
    content: Content,
    modified_unix_ms: Option<u64>,
}

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Intact,
    Missing,
    /// How the file differs.
    Changed(String),
    /// Why nobody knows.
    Unreadable(String),
}

impl RecordedFile {
    pub(super) fn new(row: RowId, url: String, name: String, done: &Done) -> Self {
        let content = Content { size: done.size, blake3: done.blake3 };
        Self { row, url, name, content, modified_unix_ms: done.modified_unix_ms }
    }

    /// Compares the file with what is recorded. With `is_quick`, a file of the recorded size and modification time is not read.
    pub(super) fn compare(
        &self,
        storage: &dyn Storage,
        is_quick: bool,
        buffer: &mut Vec<u8>,
        bytes_read: &mut u64,
    ) -> Compared {
        let Ok(path) = self.name.parse::<RelativePath>() else { return Compared::Missing };
        match self.try_compare(storage, &path, is_quick, buffer, bytes_read) {
            Ok(compared) => compared,
            // A directory on the way is missing, or another file stands in its place.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Compared::Missing
            }
            Err(error) if is_symbolic_link(&error) => Compared::Unreadable(
                "a directory above it is a symbolic link, which is not followed".to_owned(),
            ),
            Err(error) => Compared::Unreadable(error.to_string()),
        }
    }

    fn try_compare(
        &self,
        storage: &dyn Storage,
        path: &RelativePath,
        is_quick: bool,
        buffer: &mut Vec<u8>,
        bytes_read: &mut u64,
    ) -> io::Result<Compared> {
        if is_quick {
            let Some(metadata) = storage.metadata(path)? else { return Ok(Compared::Missing) };
            let is_time_known =
                self.modified_unix_ms.is_none_or(|recorded| recorded == metadata.modified_unix_ms);
            let difference = self.difference(&metadata);
            if is_time_known || difference.is_some() {
                return Ok(difference.map_or(Compared::Intact, Compared::Changed));
            }
        }
        let file = match storage.open_read(path) {
            Ok(file) => file,
            // A link, a directory or a device has taken its place.
            Err(error) => {
                let other = storage.metadata(path)?.filter(|metadata| metadata.kind != FileKind::File);
                return other.and_then(|other| self.difference(&other)).map(Compared::Changed).ok_or(error);
            }
        };
        if let Some(difference) = self.difference(&file.metadata()?) {
            return Ok(Compared::Changed(difference));
        }
        *bytes_read += self.content.size;
        Ok(if file_content::is_equal(&*file, &self.content, buffer)? {
            Compared::Intact
        } else {
            Compared::Changed("its digest is not the recorded one".to_owned())
        })
    }

    /// How the kind or the size differs.
    fn difference(&self, metadata: &Metadata) -> Option<String> {
        match metadata.kind {
            FileKind::File => {
                let (len, recorded) = (metadata.len, self.content.size);
                (len != recorded).then(|| format!("it has {len} bytes and not {recorded}"))
            }
            FileKind::Directory => Some("it is a directory".to_owned()),
            FileKind::Symlink => Some("it is a symbolic link".to_owned()),
            FileKind::Other => Some("it is neither a file nor a directory".to_owned()),
        }
    }
}
