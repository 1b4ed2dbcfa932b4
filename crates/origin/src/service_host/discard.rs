//! Reading from a peer without keeping what it sends.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longhaul_socket::Deadline;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// The most that one read receives. The buffer is on the stack and in use for the length of one call only, so a silent peer
/// costs no memory.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// How long a peer may still send after its last response. Closing a socket with unread bytes sends RST, which can overtake
/// the response (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// The next bytes, in a buffer of their own size; empty at the end of the stream. Cancel safe.
pub(crate) async fn chunk(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    poll_fn(|cx| poll_chunk(stream, cx, <[u8]>::to_vec)).await
}

/// Discards the next bytes. The result is their number, 0 at the end of the stream.
pub(crate) fn poll_discard(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    poll_chunk(stream, cx, <[u8]>::len)
}

/// The next bytes, as `take` makes of them; an empty slice is the end of the stream.
pub(crate) fn poll_chunk<T>(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let mut room = [const { MaybeUninit::uninit() }; CHUNK_BYTES_MAX];
    let mut buffer = ReadBuf::uninit(&mut room);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(take(buffer.filled())))
}

/// Ends our direction, and discards what the peer sends until it has ended its own, [`LINGER`] has passed, or more than
/// `bytes_max` have come.
///
/// # Errors
/// When our direction cannot be ended, or reading fails.
pub(crate) async fn close_after_peer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    bytes_max: usize,
) -> io::Result<()> {
    stream.shutdown().await?;
    let to_end = async {
        let mut discarded = 0;
        while discarded < bytes_max {
            match poll_fn(|cx| poll_discard(stream, cx)).await? {
                0 => break,
                count => discarded += count,
            }
        }
        io::Result::Ok(())
    };
    Deadline::after(LINGER).bound(to_end).await.unwrap_or(Ok(()))
}
