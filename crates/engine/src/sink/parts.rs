//! The bodies under way, by row: their writers in the store, their lengths and their running digests.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use longhaul_journal::storage::Metadata;
use longhaul_journal::{Checkpoint, RowId};

use super::store::{BodyWriter, Content, ResponseMeta, ResponseRecord, Staged, Store};
use super::{Piece, trace};

/// A body that is being written.
pub(super) struct OpenPart {
    writer: Box<dyn BodyWriter>,
    len: u64,
    hasher: blake3::Hasher,
    /// Of `len`, the bytes that are on stable storage.
    synced_len: u64,
    /// The response that the last bytes came from, as far as the store has been told.
    response: Option<Arc<ResponseRecord>>,
}

/// An unfinished body between two attempts. Its content is known, and need not be read again as long as its state is the same.
#[derive(Debug)]
pub(crate) struct VerifiedPart {
    pub(crate) len: u64,
    /// Over the first `len` bytes.
    pub(crate) hasher: blake3::Hasher,
    /// The state of the body when that was known.
    pub(crate) state: Metadata,
}

/// The unfinished bodies of this run.
pub(super) struct Parts {
    store: Arc<dyn Store>,
    open: BTreeMap<RowId, OpenPart>,
    /// One for each row that waits for its next attempt with an unfinished body: no more than there are rows in memory, at two
    /// kilobytes each.
    closed: BTreeMap<RowId, VerifiedPart>,
}

/// Why a piece was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The piece does not continue the body in the store: somebody else has changed that, or it was lost.
    Discontinuous,
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Parts {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, open: BTreeMap::new(), closed: BTreeMap::new() }
    }

    /// Begins the row's body anew; nothing that was kept of it is left.
    pub(super) fn begin(&mut self, row: RowId, meta: &ResponseMeta) -> io::Result<()> {
        self.close_for_good(row);
        let part = OpenPart::new(self.store.begin(row, meta)?, meta.response.clone());
        self.open.insert(row, part);
        Ok(())
    }

    /// Writes a piece at its offset; one at offset 0 begins the body, unless that was announced. May be called again with the same
    /// piece after an I/O error.
    pub(super) fn write(&mut self, row: RowId, piece: &Piece, meta: &ResponseMeta) -> Result<(), WriteError> {
        if piece.offset == 0 && self.open.get(&row).is_none_or(|part| part.len > 0) {
            self.begin(row, meta)?;
        }
        if !self.open.contains_key(&row) {
            let part = self.reopen(row, piece.offset)?;
            self.closed.remove(&row);
            trace::body_resumed(row, piece.offset);
            self.open.insert(row, part);
        }
        let Some(part) = self.open.get_mut(&row) else { return Err(WriteError::Discontinuous) };
        if part.len != piece.offset {
            return Err(WriteError::Discontinuous);
        }
        if let Some(response) = &piece.response
            && part.response.as_ref().is_none_or(|known| !Arc::ptr_eq(known, response))
        {
            part.writer.continue_with(response)?;
            part.response = Some(Arc::clone(response));
        }
        let mut offset = piece.offset;
        for chunk in &piece.chunks {
            part.writer.append(offset, chunk)?;
            offset += chunk.len() as u64;
        }
        for chunk in &piece.chunks {
            part.hasher.update(chunk);
        }
        part.len = offset;
        Ok(())
    }

    /// The length of the row's body, written now or between two attempts.
    pub(super) fn len(&self, row: RowId) -> Option<u64> {
        let open = self.open.get(&row).map(|part| part.len);
        open.or_else(|| self.closed.get(&row).map(|part| part.len))
    }

    /// The checkpoint of the row's body, if it is being written.
    pub(super) fn checkpoint(&self, row: RowId) -> Option<Checkpoint> {
        self.open.get(&row).map(|part| checkpoint(&part.hasher, part.len))
    }

    /// Closes the row's body until its next attempt. One whose state cannot be read stays open: closed, it could not be told
    /// from one that somebody has changed, and would be lost.
    pub(super) fn close(&mut self, row: RowId) {
        let Some(Ok(state)) = self.open.get(&row).map(|part| part.writer.state()) else { return };
        if let Some(OpenPart { len, hasher, .. }) = self.open.remove(&row) {
            self.closed.insert(row, VerifiedPart { len, hasher, state });
        }
    }

    /// Takes the verified body that an earlier run left.
    pub(super) fn resume(&mut self, row: RowId, verified: VerifiedPart) {
        self.closed.insert(row, verified);
    }

    /// Closes the row's body for the rest of this run; the store keeps it.
    pub(super) fn close_for_good(&mut self, row: RowId) {
        self.open.remove(&row);
        self.closed.remove(&row);
    }

    /// Discards the row's body.
    pub(super) fn discard(&mut self, row: RowId) -> io::Result<()> {
        self.close_for_good(row);
        self.store.discard(row)
    }

    /// Takes the row's body, which is complete if it has `size` bytes; `None` if it has not.
    pub(super) fn finish(&mut self, row: RowId, size: u64) -> Option<Staged> {
        let OpenPart { writer, len, hasher, .. } = self.open.remove(&row)?;
        let content = Content { size, blake3: hasher.finalize().into() };
        let modified_unix_ms = writer.state().ok().map(|state| state.modified_unix_ms);
        (len == size).then(|| Staged::new(row, content, modified_unix_ms, writer.finish()))
    }

    /// Syncs every body that has grown by `bytes_min` since its last sync. Calls `synced` with the row and with its length, or
    /// the error. Returns whether a body was among them whose begin is not durable.
    pub(super) fn sync_grown(
        &mut self,
        bytes_min: u64,
        mut synced: impl FnMut(RowId, io::Result<u64>),
    ) -> bool {
        let mut has_new = false;
        for (&row, part) in &mut self.open {
            if part.len - part.synced_len >= bytes_min {
                has_new |= part.synced_len == 0;
                synced(row, part.writer.sync().map(|()| part.len));
                part.synced_len = part.len;
            }
        }
        has_new
    }

    /// Opens a body of an earlier attempt, if nobody has changed it and its length is known to be `len`.
    fn reopen(&self, row: RowId, len: u64) -> Result<OpenPart, WriteError> {
        let verified = self.closed.get(&row).filter(|verified| verified.len == len);
        let Some(VerifiedPart { hasher, state, .. }) = verified else {
            return Err(WriteError::Discontinuous);
        };
        let writer = self.store.reopen(row, len, state)?.ok_or(WriteError::Discontinuous)?;
        Ok(OpenPart { writer, len, hasher: hasher.clone(), synced_len: 0, response: None })
    }
}

impl OpenPart {
    fn new(writer: Box<dyn BodyWriter>, response: Option<Arc<ResponseRecord>>) -> Self {
        Self { writer, len: 0, hasher: blake3::Hasher::new(), synced_len: 0, response }
    }
}

/// The checkpoint of a body whose first `len` bytes `hasher` has taken.
pub(crate) fn checkpoint(hasher: &blake3::Hasher, len: u64) -> Checkpoint {
    let hash = hasher.finalize();
    let (digest, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    Checkpoint { len, digest: *digest }
}
