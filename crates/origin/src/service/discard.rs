//! Discard: discards what it receives (RFC 863).

use std::future::poll_fn;
use std::io;

use longhaul_socket::Stream;
use tokio::io::AsyncWriteExt;

use crate::service_host::poll_discard;

pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    while poll_fn(|cx| poll_discard(stream, cx)).await? > 0 {}
    stream.shutdown().await
}
