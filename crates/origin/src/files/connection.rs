//! One connection: hyper between the stream and the folder.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use longhaul_socket::clock::WallClock;
use longhaul_socket::{FaultKind, Phase, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

use super::answer::answer;
use super::folder::Folder;
use crate::service::Ending;
use crate::service::guard::{Answering, Traffic};

/// What hyper needs at least.
const HEAD_BYTES_MIN: usize = 8 * 1024;

/// The most that is read at once: most heads come in one.
const READ_BYTES_MAX: usize = 8 * 1024;

/// What holds for every connection of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) head_bytes_max: usize,
    pub(crate) clock: WallClock,
}

/// Serves `stream`, whose deadlines are those of the guard underneath, until either side ends it. When the service stops,
/// an answer that is under way comes to its end.
pub(crate) async fn serve(
    folder: &Arc<Folder>,
    stream: Stream,
    traffic: Arc<Traffic>,
    settings: Settings,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Ending> {
    let service = service_fn(|request: Request<Incoming>| {
        let answering = Answering::begin(&traffic);
        async move { Ok::<_, Infallible>(answer(folder, settings.clock, &request, answering).await) }
    });
    let connection = http1::Builder::new()
        .max_buf_size(settings.head_bytes_max.max(HEAD_BYTES_MIN))
        // The guard counts the time of a head.
        .header_read_timeout(None)
        .serve_connection(Wire(stream), service);
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
        Ending::Misspoken
    } else {
        Ending::Broken
    }
}

/// The stream as hyper wants it. Handing hyper's own, uninitialised buffer to the stream would take unsafe code; a head
/// that is copied within the cache costs nothing.
struct Wire(Stream);

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES_MAX];
        let bytes_max = READ_BYTES_MAX.min(into.remaining());
        let mut buffer = ReadBuf::uninit(&mut room[..bytes_max]);
        ready!(Pin::new(&mut self.get_mut().0).poll_read(cx, &mut buffer))?;
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
