//! A digest of what a list says, by which the same list is recognised at another place.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_journal::FileIdentity;

use crate::haul::machine;

/// Bytes of a list that are read at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// The first 16 bytes of the BLAKE3 hash of a list's bytes.
pub(super) type ContentDigest = [u8; 16];

/// How the digest of a list's content is found out.
pub(crate) enum ListContent {
    /// Not at all: a pipe says what it says once.
    Unknown,
    /// The reader has said what identifies its content.
    Identified(ContentDigest),
    /// From the bytes of a file, which are hashed as they are read.
    File { path: PathBuf, hasher: SharedHasher },
}

#[derive(Clone, Default)]
pub(crate) struct SharedHasher(Arc<Mutex<blake3::Hasher>>);

impl SharedHasher {
    fn with<T>(&self, use_it: impl FnOnce(&mut blake3::Hasher) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A file that is hashed as it is read.
pub(super) struct HashedFile {
    file: File,
    hasher: SharedHasher,
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.with(|hasher| _ = hasher.update(&buffer[..count]));
        Ok(count)
    }
}

impl ListContent {
    /// The content that has this identity, which its reader has made of the content itself.
    pub(super) fn identified(identity: FileIdentity) -> Self {
        let mut digest = ContentDigest::default();
        digest[..8].copy_from_slice(&identity.len.to_be_bytes());
        digest[8..].copy_from_slice(&identity.modified_unix_ms.to_be_bytes());
        Self::Identified(digest)
    }

    /// The content of a file, and the reader that hashes it.
    pub(super) fn of_file(path: &Path, file: File) -> (Self, HashedFile) {
        let hasher = SharedHasher::default();
        (Self::File { path: path.to_owned(), hasher: hasher.clone() }, HashedFile { file, hasher })
    }

    /// The digest of a list that is about to be read; `None` where nothing tells. Reads a file to its end.
    pub(super) fn ahead(&self) -> io::Result<Option<ContentDigest>> {
        match self {
            Self::Unknown => Ok(None),
            Self::Identified(digest) => Ok(Some(*digest)),
            Self::File { path, .. } => {
                let (mut file, mut hasher) = (machine::open_list(path)?, blake3::Hasher::new());
                let mut buffer = vec![0; BUFFER_BYTES];
                loop {
                    match file.read(&mut buffer) {
                        Ok(0) => return Ok(Some(first_bytes(&hasher))),
                        Ok(count) => _ = hasher.update(&buffer[..count]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// The digest of a list that has been read to its end.
    pub(super) fn at_end(&self) -> Option<ContentDigest> {
        match self {
            Self::Unknown => None,
            Self::Identified(digest) => Some(*digest),
            Self::File { hasher, .. } => Some(hasher.with(|hasher| first_bytes(hasher))),
        }
    }
}

fn first_bytes(hasher: &blake3::Hasher) -> ContentDigest {
    let hash = hasher.finalize();
    let (digest, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    *digest
}
