//! One end of a connection in memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::condition::SharedCondition;
use super::pipe::{Ending, Pipe};
use crate::addressing::{Address, Endpoint};
use crate::network::Transport;

/// Dropping it closes as Linux does: with FIN, or with RST if bytes are unread.
pub(super) struct MemoryTransport {
    local: Endpoint,
    remote: Endpoint,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    arrival: Option<Pin<Box<Sleep>>>,
}

impl MemoryTransport {
    /// The two ends of a connection: the client's at `local`, and the server's at `remote`.
    pub(super) fn pair(
        local: Endpoint,
        remote: Endpoint,
        latency: Duration,
        condition: &SharedCondition,
    ) -> (Self, Self) {
        let up = Arc::new(Pipe::new(latency, condition.clone()));
        let down = Arc::new(Pipe::new(latency, condition.clone()));
        let client =
            Self { local, remote, incoming: Arc::clone(&down), outgoing: Arc::clone(&up), arrival: None };
        let server = Self { local: remote, remote: local, incoming: up, outgoing: down, arrival: None };
        (client, server)
    }

    /// The endpoint of the peer.
    pub(super) fn peer(&self) -> Endpoint {
        self.remote
    }
}

impl Transport for MemoryTransport {
    fn local(&self) -> Address {
        self.local.into()
    }

    fn remote(&self) -> Address {
        self.remote.into()
    }

    fn reset(self: Box<Self>) {
        self.outgoing.end(self.incoming.abandon(true));
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.outgoing.end(self.incoming.abandon(false));
    }
}

impl AsyncRead for MemoryTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.incoming.poll_read(cx, buf, &mut this.arrival)
    }
}

impl AsyncWrite for MemoryTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end(Ending::Fin);
        Poll::Ready(Ok(()))
    }
}
