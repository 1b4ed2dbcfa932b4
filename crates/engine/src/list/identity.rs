//! What tells one content of a list from another, so that a list that has been read to its end need not be read again.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use longhaul_journal::FileIdentity;

/// The identity of a list's content. For a file it says whether the one at this path has changed since; the same content at another
/// path is recognised by a digest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListIdentity(FileIdentity);

impl ListIdentity {
    /// The identity of a file: its length, its time of change and, on Unix, its inode. `None` for anything but a regular file: a pipe can say
    /// something else each time.
    #[must_use]
    pub fn of_file(metadata: &Metadata) -> Option<Self> {
        if !metadata.is_file() {
            return None;
        }
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(FileIdentity {
            len: metadata.len(),
            modified_unix_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
            inode: inode(metadata),
        }))
    }

    /// The identity of what these bytes identify: a digest of the content, an entity tag, a version and a length.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        let number =
            |at: usize| hash.as_bytes()[at..at + 8].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        Self(FileIdentity { len: number(0), modified_unix_ms: number(8), inode: number(16) })
    }

    /// The identity of the same file, read in this way.
    pub(super) fn read_with(file: FileIdentity, way: &[u8]) -> FileIdentity {
        let FileIdentity { len, modified_unix_ms, inode } = file;
        let numbers = [len, modified_unix_ms, inode].map(u64::to_le_bytes);
        Self::of_bytes(&[numbers.as_flattened(), way].concat()).stored()
    }

    /// The identity as the journal keeps it.
    pub(super) fn stored(self) -> FileIdentity {
        self.0
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino()
}

/// There the length and the time have to do.
#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
