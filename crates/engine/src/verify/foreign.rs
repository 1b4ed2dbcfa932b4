//! Files in the directories of a haul that are of no row.

use std::collections::BTreeSet;
use std::io;

use longhaul_journal::storage::{FileKind, RelativePath, Storage};

/// The names of a haul's files, as fingerprints of eight bytes: two names of a million have the same one with a probability of one
/// in ten million.
#[derive(Default)]
pub(super) struct OwnedNames {
    fingerprints: Vec<u64>,
    /// The directories of hosts, in which all names lie.
    tops: BTreeSet<String>,
}

/// What a search finds.
pub(super) enum Foreign<'a> {
    /// Something that is of no row.
    File(&'a str),
    /// Nobody knows what is in this directory.
    Unlisted { directory: &'a str, error: &'a io::Error },
}

impl OwnedNames {
    pub(super) fn add(&mut self, name: &str) {
        self.fingerprints.push(fingerprint(name));
        if let Some((top, _)) = name.split_once('/')
            && !self.tops.contains(top)
        {
            self.tops.insert(top.to_owned());
        }
    }

    /// Calls `visit` with each file, link or device beneath the directories of these names that is none of them, and with each
    /// directory that cannot be listed. What lies beside those directories is nobody's business here.
    pub(super) fn find_foreign(mut self, storage: &dyn Storage, mut visit: impl FnMut(&Foreign<'_>)) {
        self.fingerprints.sort_unstable();
        let mut directories: Vec<RelativePath> = Vec::new();
        for top in self.tops.iter().rev() {
            let Ok(top) = top.parse() else { continue };
            directories.push(top);
        }
        while let Some(directory) = directories.pop() {
            let names = match storage.list(&directory) {
                Ok(names) => names,
                // It has gone since, or is no directory: its files are reported as missing.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    visit(&Foreign::Unlisted { directory: directory.as_str(), error: &error });
                    continue;
                }
            };
            let mut beneath = Vec::new();
            for name in names {
                let Ok(path) = directory.join(&name) else { continue };
                if self.fingerprints.binary_search(&fingerprint(path.as_str())).is_ok() {
                    continue;
                }
                match storage.metadata(&path).map(|found| found.map(|metadata| metadata.kind)) {
                    Ok(Some(FileKind::Directory)) => beneath.push(path),
                    // A directory whose names may be listed, and nothing else: what has this name is no file of the haul.
                    Ok(Some(_)) | Err(_) => visit(&Foreign::File(path.as_str())),
                    Ok(None) => {}
                }
            }
            // Directories with such names too: nothing of ours is in them.
            for name in storage.list_not_utf8(&directory).unwrap_or_default() {
                visit(&Foreign::File(&format!("{directory}/{name}")));
            }
            directories.extend(beneath.into_iter().rev());
        }
    }
}

fn fingerprint(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let (bytes, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*bytes)
}
