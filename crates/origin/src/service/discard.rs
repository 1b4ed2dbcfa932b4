//! Discard: what comes is thrown away (RFC 863).

use std::future::poll_fn;
use std::io;

use longhaul_socket::Stream;
use tokio::io::AsyncWriteExt;

use super::stream::poll_discard;

pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    while poll_fn(|cx| poll_discard(stream, cx)).await? > 0 {}
    stream.shutdown().await
}
