//! HTTP/1.1 for services that speak it: hyper between the stream and what answers. The deadlines are those of the guard
//! underneath.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use longhaul_socket::clock::WallClock;
use longhaul_socket::{FaultKind, Phase, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::Ending;
use super::guard::Traffic;
use super::stream::{LINGER, poll_discard};

/// What hyper needs at least.
const HEAD_BYTES_MIN: usize = 8 * 1024;

/// The most that is read at once: most heads come in one.
const READ_BYTES_MAX: usize = 8 * 1024;

/// What a client that has got its last answer may still send. It is thrown away: the rest of an upload that was refused, on
/// which a reset would be the answer, and the one that was sent be lost (RFC 9112 section 9.6).
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What holds for every connection of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) head_bytes_max: usize,
    pub(crate) clock: WallClock,
}

/// Has `service` answer what comes over `stream` until either side ends it. Each answer is under way for as long as its
/// [`Answering`](super::guard::Answering) lives; when the service stops, it comes to its end.
pub(crate) async fn serve<S, B>(
    service: S,
    stream: Stream,
    traffic: &Traffic,
    settings: Settings,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Ending>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .max_buf_size(settings.head_bytes_max.max(HEAD_BYTES_MIN))
        // Who has sent its last request may end its direction and is answered all the same (RFC 9112 section 9.6). Who
        // has gone for good is noticed when it does not take the answer.
        .half_close(true)
        // The guard counts the time of a head.
        .header_read_timeout(None)
        .serve_connection(Wire::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            if !traffic.is_answering() {
                return Err(Ending::Stopped);
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(|error| ending_of(&error))
}

fn ending_of(error: &hyper::Error) -> Ending {
    if error.is_incomplete_message() {
        Ending::Failed(Phase::Receive, FaultKind::ClosedEarly)
    } else if error.is_parse() {
        Ending::MalformedRequest
    } else {
        Ending::Broken
    }
}

/// The stream as hyper wants it. Handing hyper's own, uninitialised buffer to the stream would take unsafe code; a head
/// that is copied within the cache costs nothing.
struct Wire {
    stream: Stream,
    /// Our direction has ended: until when the other one is listened to, and how much has come since.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Wire {
    fn new(stream: Stream) -> Self {
        Self { stream, lingering: None }
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES_MAX];
        let bytes_max = READ_BYTES_MAX.min(into.remaining());
        let mut buffer = ReadBuf::uninit(&mut room[..bytes_max]);
        ready!(Pin::new(&mut self.get_mut().stream).poll_read(cx, &mut buffer))?;
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let (end, discarded) = this.lingering.get_or_insert_with(|| (Box::pin(sleep(LINGER)), 0));
        while *discarded < DISCARDED_BYTES_MAX {
            match poll_discard(&mut this.stream, cx) {
                // The end, or a reset: nothing is to be said to whoever is gone.
                Poll::Ready(Ok(0) | Err(_)) => break,
                Poll::Ready(Ok(count)) => *discarded += count,
                Poll::Pending if end.as_mut().poll(cx).is_ready() => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}
