//! The file of an unfinished body, which is written to only while no other name leads to it.
//!
//! A snapshot made of hard links (`cp -al`) gives every file of a haul a second name, and whoever may write to the haul's directory
//! can give a foreign file a name in it. Before such a file is written to, it is replaced by a copy of its own.

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, FileKind, Metadata, RelativePath, Storage};

use super::{BodyWriter, StagedBody, file_content};

/// The suffix of a copy until it has its name. The next copy of the same file replaces one that a crash has left.
const COPY_SUFFIX: &str = ".new";

/// An unfinished body in a file.
pub(super) struct PartFile {
    storage: Arc<dyn Storage>,
    path: RelativePath,
    file: Box<dyn File>,
}

impl PartFile {
    /// An empty file in place of whatever file or link stands there.
    pub(super) fn begin(storage: &Arc<dyn Storage>, path: RelativePath) -> io::Result<Self> {
        let file = match storage.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => empty(&**storage, &path)?,
            created => created?,
        };
        Ok(Self { storage: Arc::clone(storage), path, file })
    }

    /// The first `len` bytes of the file, if its state is `state`.
    ///
    /// # Errors
    /// `NotFound`, if there is none, and the system's errors.
    pub(super) fn reopen(
        storage: &Arc<dyn Storage>,
        path: RelativePath,
        len: u64,
        state: &Metadata,
    ) -> io::Result<Option<Self>> {
        let file = storage.open(&path)?;
        if file.metadata()? != *state {
            return Ok(None);
        }
        let mut part = Self { storage: Arc::clone(storage), path, file };
        part.make_private(len)?;
        part.file.truncate(len)?;
        Ok(Some(part))
    }

    /// Replaces a file that has other names by a copy of its first `len` bytes.
    fn make_private(&mut self, len: u64) -> io::Result<()> {
        if !self.file.is_shared()? {
            return Ok(());
        }
        let copy_path: RelativePath = format!("{}{COPY_SUFFIX}", self.path)
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        remove_if_there(&*self.storage, &copy_path)?;
        let mut copy = self.storage.create(&copy_path)?;
        let (mut offset, mut written) = (0, Ok(()));
        let is_whole = file_content::read(&*self.file, len, &mut Vec::new(), |bytes| {
            written = copy.write_all_at(bytes, offset);
            offset += bytes.len() as u64;
            written.is_ok()
        });
        let copied = written
            .and(is_whole)
            .and_then(|is_whole| if is_whole { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
        if let Err(error) = copied.and_then(|()| self.storage.rename(&copy_path, &self.path)) {
            // It is removed at the next attempt otherwise.
            let _ = self.storage.remove(&copy_path);
            return Err(error);
        }
        self.file = copy;
        Ok(())
    }
}

impl BodyWriter for PartFile {
    fn append(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // A file in one piece has no other name yet, so it costs no further system call.
        if offset > 0 {
            self.make_private(offset)?;
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn state(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    fn finish(self: Box<Self>) -> Box<dyn StagedBody> {
        self
    }
}

impl StagedBody for PartFile {
    fn start_writeback(&mut self) {
        self.file.start_writeback();
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

/// An empty file at a path where something stands.
fn empty(storage: &dyn Storage, path: &RelativePath) -> io::Result<Box<dyn File>> {
    let is_link = storage.metadata(path)?.is_some_and(|found| found.kind == FileKind::Symlink);
    if !is_link {
        let mut file = storage.open(path)?;
        if !file.is_shared()? {
            file.truncate(0)?;
            return Ok(file);
        }
    }
    remove_if_there(storage, path)?;
    storage.create(path)
}

fn remove_if_there(storage: &dyn Storage, path: &RelativePath) -> io::Result<()> {
    match storage.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
