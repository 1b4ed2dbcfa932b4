//! Where the bytes of bodies are kept: while they arrive, and once they are complete.
//!
//! A [`Store`] knows bytes and nothing else. It does not know the journal, and it decides nothing about the order in which
//! things become durable: the committer calls it in the order of the promises (bytes synced, record durable, body published,
//! publication durable, outcome recorded). [`FileStore`] keeps every body in a file of its own. An archive or an object store is
//! another implementation of the same trait.
//!
//! Every body under way has a [`BodyWriter`] of its own, and every complete one a [`StagedBody`]; both are `Send` and share
//! nothing but what their store shares. So bodies can be written, hashed and synced by more than one thread.

pub(crate) mod file_content;
mod files;
mod part_file;
mod response;

pub use files::FileStore;
pub use response::{ResponseMeta, ResponseRecord};

use std::io;
use std::sync::Arc;

use longhaul_journal::storage::{File, Metadata, RelativePath};
use longhaul_journal::{Location, RowId};

/// Keeps the bodies of a haul. Every call may block.
///
/// The way of a body: [`begin`](Self::begin), or [`reopen`](Self::reopen) for one that an earlier attempt left;
/// [`BodyWriter::append`] until it is complete; [`BodyWriter::finish`]; [`StagedBody::sync`]; [`publish`](Self::publish);
/// [`sync_published`](Self::sync_published). [`discard`](Self::discard) ends it at any point before its publication.
///
/// # Errors
/// An operation that fails with [`StorageFull`](io::ErrorKind::StorageFull), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) or
/// for want of descriptors is called again with the same arguments, until it succeeds or the haul is stopped. Other errors end
/// the haul, unless the operation says otherwise.
pub trait Store: Send + Sync + 'static {
    /// Whether the store keeps what an archive has to know of each response ([`ResponseRecord`]). Asked once, before the first request.
    /// A record holds both heads of an exchange in memory, from the head of the response to the end of its body.
    fn records_responses(&self) -> bool {
        false
    }

    /// Begins the body of a row. Nothing that was kept of the row before is left when this returns.
    fn begin(&self, row: RowId, meta: &ResponseMeta) -> io::Result<Box<dyn BodyWriter>>;

    /// Opens the unfinished body of a row and cuts it to its first `len` bytes. `None` if there is none, or if its state is
    /// not `state`: somebody else has changed it since.
    fn reopen(&self, row: RowId, len: u64, state: &Metadata) -> io::Result<Option<Box<dyn BodyWriter>>>;

    /// Removes the unfinished body of a row, if there is one.
    fn discard(&self, row: RowId) -> io::Result<()>;

    /// The state of the unfinished body of a row; `None` if there is none.
    fn unfinished(&self, row: RowId) -> io::Result<Option<Metadata>>;

    /// Where the unfinished body of a row is kept, in words for people.
    fn unfinished_place(&self, row: RowId) -> String;

    /// Opens the unfinished body of a row for reading; `None` if there is none.
    fn read_unfinished(&self, row: RowId) -> io::Result<Option<Box<dyn File>>>;

    /// Returns when a loss of power cannot make the store lose track of the bodies that were begun before this call. Their
    /// bytes are as durable as [`BodyWriter::sync`] has made them.
    fn sync_begun(&self) -> io::Result<()>;

    /// Publishes a complete body under a name: readers of the haul find it there from now on. Replaces nothing. The
    /// publication is durable after the next [`sync_published`](Self::sync_published).
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the name is taken. [`NotFound`](io::ErrorKind::NotFound) if the staged
    /// body has disappeared. [`PermissionDenied`](io::ErrorKind::PermissionDenied) or
    /// [`ReadOnlyFilesystem`](io::ErrorKind::ReadOnlyFilesystem) if nothing may be written at this name, while other names are well.
    /// These, and any other error that concerns this name alone, fail the row and not the haul.
    fn publish(&self, staged: &Staged, name: &RelativePath) -> io::Result<Location>;

    /// Returns when every publication so far survives a loss of power.
    ///
    /// # Errors
    /// An error that concerns names, such as [`NotFound`](io::ErrorKind::NotFound), says that somebody has moved, removed or closed
    /// a place where bodies were published. It is returned once for each such place; then each body of the group is looked for
    /// ([`verify`](Self::verify)), and its row is fetched again if it has gone.
    fn sync_published(&self) -> io::Result<()>;

    /// Whether the published body at this location has this content. Reads all of it.
    fn verify(&self, location: &Location, name: &RelativePath, content: &Content) -> io::Result<bool>;

    /// Ends a publication that a crash interrupted. Looks for a body of this content, staged or published; publishes it if
    /// that has not happened; and returns its location once bytes and publication are durable. `None` if there is no such body:
    /// the row is then fetched again.
    fn recover(&self, row: RowId, name: &RelativePath, content: &Content) -> io::Result<Option<Location>>;

    /// Whether something that is not of this haul stands where a body of this name would be published. A hint that saves a
    /// download: [`publish`](Self::publish) decides.
    fn is_occupied(&self, name: &RelativePath) -> bool;

    /// Opens what stands where a body of this name would be published, so that it can be adopted as that body. Its name is durable
    /// after the next [`sync_published`](Self::sync_published). `None` if nothing stands there, or if the store adopts nothing, which
    /// is the default.
    ///
    /// # Errors
    /// It is no regular file, or cannot be read.
    fn open_occupant(&self, name: &RelativePath) -> io::Result<Option<Box<dyn File>>> {
        let _ = name;
        Ok(None)
    }
}

/// Takes the bytes of one body.
pub trait BodyWriter: Send {
    /// The bytes that follow come from another response than those before: the rest of a body, requested by its range. Called
    /// before the first of them, and only if the store [records responses](Store::records_responses); again with the same
    /// response after an error.
    fn continue_with(&mut self, response: &Arc<ResponseRecord>) -> io::Result<()> {
        let _ = response;
        Ok(())
    }

    /// Writes the bytes that belong at this offset. The offset is where the last call ended, or the same as in a call that
    /// failed: the bytes of that one are void then.
    fn append(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything appended is on stable storage. After an error the body is discarded: what a failed sync leaves is
    /// unknown, so it is never repeated.
    fn sync(&mut self) -> io::Result<()>;

    /// The state of the unfinished body, by which [`Store::reopen`] tells whether anybody has changed it since.
    fn state(&self) -> io::Result<Metadata>;

    /// Takes the body for complete. What can fail is left to [`StagedBody::sync`].
    fn finish(self: Box<Self>) -> Box<dyn StagedBody>;
}

/// A complete body that has not been published.
pub trait StagedBody: Send {
    /// Has the system begin to write the bytes to disk, without waiting. A hint.
    fn start_writeback(&mut self) {}

    /// Returns when all bytes are on stable storage. Called once; after an error the body is discarded.
    fn sync(&mut self) -> io::Result<()>;
}

/// The identity of a complete body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its length in bytes.
    pub size: u64,
    /// Its BLAKE3 digest.
    pub blake3: [u8; 32],
}

/// A complete body on its way to publication.
pub struct Staged {
    /// The row that it belongs to.
    pub row: RowId,
    /// What it holds.
    pub content: Content,
    /// When its bytes were last modified, in unix milliseconds, as the file system says; `None` where it says nothing.
    pub(super) modified_unix_ms: Option<u64>,
    body: StagedState,
}

enum StagedState {
    Open(Box<dyn StagedBody>),
    /// It was synced with this result, and closed.
    Synced(io::Result<()>),
}

impl Staged {
    pub(super) fn new(
        row: RowId,
        content: Content,
        modified_unix_ms: Option<u64>,
        body: Box<dyn StagedBody>,
    ) -> Self {
        Self { row, content, modified_unix_ms, body: StagedState::Open(body) }
    }

    /// Has the system begin to write the bytes to disk.
    pub(super) fn start_writeback(&mut self) {
        if let StagedState::Open(body) = &mut self.body {
            body.start_writeback();
        }
    }

    /// Syncs and closes the body now, and keeps the result for [`sync`](Self::sync). False if that has been done before.
    pub(super) fn close(&mut self) -> bool {
        let is_open = matches!(self.body, StagedState::Open(_));
        if is_open {
            self.body = StagedState::Synced(self.sync());
        }
        is_open
    }

    /// Syncs and closes the body. If it is closed already, this is the result of that sync: a failed sync is not repeated.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.body, StagedState::Synced(Ok(()))) {
            StagedState::Open(mut body) => body.sync(),
            StagedState::Synced(result) => result,
        }
    }
}
