//! Echo: sends back what it receives (RFC 862).

use std::io;

use longhaul_socket::Stream;
use tokio::io::AsyncWriteExt;

use crate::service_host::chunk;

/// While the client does not take what it has sent, nothing more is received from it.
pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    loop {
        let chunk = chunk(stream).await?;
        if chunk.is_empty() {
            return stream.shutdown().await;
        }
        stream.write_all(&chunk).await?;
    }
}
