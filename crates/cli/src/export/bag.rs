//! A BagIt bag (RFC 8493) of the finished files: the files below `data/`, their SHA-256 digests, and where each came from.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use longhaul::digest::{Digest, DigestAlgorithm, Hasher};
use longhaul::{Location, Row, RowOutcome, Status};
use longhaul_socket::clock::WallClock;

use crate::files;
use crate::render::rfc3339;

/// The directory of a bag's files.
const PAYLOAD: &str = "data";
const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
/// The characters of a date at the beginning of a time of RFC 3339.
const DATE_CHARACTERS: usize = 10;

/// A bag that is being filled.
pub(crate) struct BagWriter {
    /// The haul's directory.
    haul: PathBuf,
    bag: PathBuf,
    manifest: TagFile,
    fetch: TagFile,
    bytes: u64,
    files: u64,
}

impl BagWriter {
    /// Begins a bag in a directory that is empty or does not exist.
    pub(crate) fn create(haul: &Path, bag: &Path) -> io::Result<Self> {
        files::create_empty_directory(bag)?;
        files::create_directory(&bag.join(PAYLOAD))?;
        Ok(Self {
            haul: haul.to_owned(),
            bag: bag.to_owned(),
            manifest: TagFile::create(bag, "manifest-sha256.txt")?,
            fetch: TagFile::create(bag, "fetch.txt")?,
            bytes: 0,
            files: 0,
        })
    }

    /// Adds the file of a row that is done, after comparing it with its record: as a hard link, or as a copy where none is possible.
    /// False for any other row, and for a body that is not in a file of its own.
    pub(crate) fn add(&mut self, status: &Status, row: &Row<'_>) -> io::Result<bool> {
        let (RowOutcome::Done(done), Some(name)) = (row.outcome, &row.name) else { return Ok(false) };
        if done.location != Location::File {
            return Ok(false);
        }
        let digest = status.file_digest(row, DigestAlgorithm::Sha256)?;
        // Manifests encode a percent sign, and not every reader of bags decodes it: names in a bag have none.
        let mut path = format!("{PAYLOAD}/{}", name.replace('%', "="));
        let from = self.haul.join(name);
        if let Err(error) = files::link_or_copy(&from, &self.bag.join(&path)) {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Another name differs from this one in a percent sign only.
            path = format!("{path}~{}", row.id.0);
            files::link_or_copy(&from, &self.bag.join(&path))?;
        }
        self.manifest.line(&format!("{digest}  {path}"))?;
        self.fetch.line(&format!("{} {} {path}", row.url, done.size))?;
        self.bytes += done.size;
        self.files += 1;
        Ok(true)
    }

    /// Ends the bag. Returns the number of its files.
    pub(crate) fn finish(self) -> io::Result<u64> {
        let Self { bag, manifest, fetch, bytes, files, haul: _ } = self;
        let mut declaration = TagFile::create(&bag, "bagit.txt")?;
        declaration.write(DECLARATION)?;
        let mut info = TagFile::create(&bag, "bag-info.txt")?;
        let date = &rfc3339(WallClock::system().unix_ms())[..DATE_CHARACTERS];
        let agent = concat!("longhaul/", env!("CARGO_PKG_VERSION"));
        info.write(&format!(
            "Bag-Software-Agent: {agent}\nBagging-Date: {date}\nPayload-Oxum: {bytes}.{files}\n"
        ))?;
        let mut tags = TagFile::create(&bag, "tagmanifest-sha256.txt")?;
        for tag in [declaration, info, fetch, manifest] {
            let (name, digest) = tag.finish()?;
            tags.line(&format!("{digest}  {name}"))?;
        }
        tags.finish()?;
        Ok(files)
    }
}

/// A file of a bag that describes it, hashed as it is written.
struct TagFile {
    name: &'static str,
    file: BufWriter<File>,
    hasher: Hasher,
}

impl TagFile {
    fn create(bag: &Path, name: &'static str) -> io::Result<Self> {
        let file = BufWriter::new(files::create(&bag.join(name))?);
        Ok(Self { name, file, hasher: Hasher::new(DigestAlgorithm::Sha256) })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.write(line)?;
        self.write("\n")
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.hasher.update(text.as_bytes());
        self.file.write_all(text.as_bytes())
    }

    fn finish(mut self) -> io::Result<(&'static str, Digest)> {
        self.file.flush()?;
        Ok((self.name, self.hasher.digest()))
    }
}
