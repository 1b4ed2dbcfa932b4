//! The body of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::file::File;
use crate::service::guard::Answering;

/// What is read from a file at a time: large enough that system calls do not count, small enough that thousands of slow
/// downloads fit into memory. A file that is no larger is read whole before its answer begins.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// Bytes that are there, or a file that is read as the peer takes it.
pub(super) struct Body {
    content: Content,
    /// Ends when the answer has.
    _answering: Answering,
}

enum Content {
    Bytes(Bytes),
    File(Box<FileRest>),
}

/// What is still to be read of a file.
struct FileRest {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// A read that had to wait for the disk, on a thread where that disturbs nobody.
    read: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body {
    pub(super) fn bytes(bytes: Bytes, answering: Answering) -> Self {
        Self { content: Content::Bytes(bytes), _answering: answering }
    }

    /// Those bytes of a file; `begin` is below `end`.
    pub(super) fn file(file: File, begin: u64, end: u64, answering: Answering) -> Self {
        let rest = FileRest { file: Arc::new(file), at: begin, end, read: None };
        Self { content: Content::File(Box::new(rest)), _answering: answering }
    }
}

impl FileRest {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let len =
            usize::try_from(self.end - self.at).map_or(CHUNK_BYTES_MAX, |left| left.min(CHUNK_BYTES_MAX));
        let chunk = match &mut self.read {
            Some(read) => {
                let read = ready!(Pin::new(read).poll(cx));
                self.read = None;
                read.map_err(io::Error::other)??
            }
            None => {
                if let Some(chunk) = self.file.read_now(self.at, len) {
                    chunk?
                } else {
                    let (file, at) = (Arc::clone(&self.file), self.at);
                    self.read = Some(tokio::task::spawn_blocking(move || Ok(file.read(at, len)?)));
                    return self.poll_chunk(cx);
                }
            }
        };
        self.at += chunk.len() as u64;
        if self.at == self.end && !self.file.is_unchanged() {
            return Poll::Ready(Err(io::Error::other("the file has changed while it was sent")));
        }
        Poll::Ready(Ok(chunk))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = match &mut self.get_mut().content {
            Content::Bytes(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Bytes(bytes) => Ok(std::mem::take(bytes)),
            Content::File(rest) if rest.at == rest.end => return Poll::Ready(None),
            Content::File(rest) => ready!(rest.poll_chunk(cx)),
        };
        Poll::Ready(Some(chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::File(rest) => rest.at == rest.end,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(rest) => rest.end - rest.at,
        })
    }
}
