//! Bodies: of requests, which are read whole or refused, and of answers.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use longhaul_socket::Deadline;

use crate::service::guard::Answering;

/// A thousand proxies are described in less.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no body. The connection cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    TooSlow,
    BrokenOff,
}

/// The whole body of a request.
pub(super) async fn read(mut body: Incoming, time: Duration) -> Result<Vec<u8>, Unread> {
    let whole = async {
        let mut whole = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|_| Unread::BrokenOff)?;
            // Trailers say nothing here.
            if let Ok(bytes) = frame.into_data() {
                if whole.len() + bytes.len() > BODY_BYTES_MAX {
                    return Err(Unread::TooLarge);
                }
                whole.extend_from_slice(&bytes);
            }
        }
        Ok(whole)
    };
    Deadline::after(time).bound(whole).await.unwrap_or(Err(Unread::TooSlow))
}

/// The body of an answer; the request is being answered for as long as it lives.
pub(super) struct Body {
    bytes: Bytes,
    _answering: Answering,
}

impl Body {
    pub(super) fn new(bytes: impl Into<Bytes>, answering: Answering) -> Self {
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
