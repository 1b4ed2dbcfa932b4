//! The body of an answer that is all there when the answer begins.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::guard::Answering;

/// The body of an answer; the request is being answered for as long as it lives.
pub(crate) struct Body {
    bytes: Bytes,
    _answering: Answering,
}

impl Body {
    pub(crate) fn new(bytes: impl Into<Bytes>, answering: Answering) -> Self {
        Self { bytes: bytes.into(), _answering: answering }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.get_mut().bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
