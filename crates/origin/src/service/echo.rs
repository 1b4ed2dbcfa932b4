//! Echo: what comes goes back (RFC 862).

use std::io;

use longhaul_socket::Stream;
use tokio::io::AsyncWriteExt;

use super::stream::chunk;

/// While the peer does not take what it has sent, nothing more is received from it.
pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    loop {
        let chunk = chunk(stream).await?;
        if chunk.is_empty() {
            return stream.shutdown().await;
        }
        stream.write_all(&chunk).await?;
    }
}

/// The answer to a datagram is the datagram.
pub(super) fn answer(datagram: &[u8]) -> Vec<u8> {
    datagram.to_vec()
}
