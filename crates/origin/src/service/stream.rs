//! What the small services do with a stream.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longhaul_socket::{Deadline, Stream};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

/// The most that is received at once. On the stack and in use for the length of a call only: a peer that is silent costs
/// no buffer.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// How long a peer that was answered may still talk before it is hung up on. A socket that is closed with something
/// unread sends RST, which can overtake the answer.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// What has come, in a buffer of its own size; empty at the end of the stream. Cancel safe.
pub(super) async fn chunk(stream: &mut Stream) -> io::Result<Vec<u8>> {
    poll_fn(|cx| poll_chunk(stream, cx, <[u8]>::to_vec)).await
}

/// Throws away what has come, and says how much it was; 0 at the end of the stream.
pub(crate) fn poll_discard(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    poll_chunk(stream, cx, <[u8]>::len)
}

/// Sends `answer`, and closes in order.
pub(super) async fn answer(stream: &mut Stream, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let end = Deadline::after(LINGER);
    let at_end = async {
        while poll_fn(|cx| poll_discard(stream, cx)).await? > 0 {}
        io::Result::Ok(())
    };
    match end.bound(at_end).await {
        Ok(ended) => ended,
        Err(_talks_on) => Ok(()),
    }
}

fn poll_chunk<T>(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let mut room = [const { MaybeUninit::uninit() }; CHUNK_BYTES_MAX];
    let mut buffer = ReadBuf::uninit(&mut room);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(take(buffer.filled())))
}
