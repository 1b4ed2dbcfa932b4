//! The bytes of a file as the body of a response.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use longhaul_socket::BoxFuture;

use super::file::File;
use crate::http_service::BodySource;

/// The most that is read from a file at a time: large enough that system calls do not matter, small enough that thousands of
/// slow downloads fit into memory. A part of a file that is no longer is read whole before its response begins.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// A range of a file, read as the client takes it.
pub(super) struct FileSource {
    file: Arc<File>,
    offset: u64,
    end: u64,
}

impl FileSource {
    /// The bytes from `begin` to `end` of a file; `begin` is below `end`.
    pub(super) fn new(file: File, begin: u64, end: u64) -> Self {
        Self { file: Arc::new(file), offset: begin, end }
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        let len = usize::try_from(self.len()).map_or(CHUNK_BYTES_MAX, |left| left.min(CHUNK_BYTES_MAX));
        let chunk = if let Some(chunk) = self.file.read_now(self.offset, len) {
            chunk?
        } else {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let read = tokio::task::spawn_blocking(move || file.read(offset, len));
            read.await.map_err(io::Error::other)??
        };
        self.offset += chunk.len() as u64;
        if self.offset == self.end && !self.file.is_unchanged() {
            return Err(io::Error::other("the file has changed while it was sent"));
        }
        Ok(chunk)
    }
}

impl BodySource for FileSource {
    fn len(&self) -> u64 {
        self.end - self.offset
    }

    fn next(&mut self) -> BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(self.read())
    }
}
