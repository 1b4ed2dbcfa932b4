//! Services that send one reply and close.

use std::io;

use longhaul_socket::Stream;
use tokio::io::AsyncWriteExt;

use crate::service_host::close_after_peer;

/// Sends `reply`, and closes in order.
pub(super) async fn send_and_close(stream: &mut Stream, reply: &[u8]) -> io::Result<()> {
    stream.write_all(reply).await?;
    close_after_peer(stream, usize::MAX).await
}
