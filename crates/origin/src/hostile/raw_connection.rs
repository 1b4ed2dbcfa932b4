//! A connection of a server that breaks rules on purpose: requests come in by the common reader, raw bytes go out, and the
//! end can be FIN or RST. Every wait has a deadline.

use std::io;
use std::time::Duration;

use longhaul_socket::{Deadline, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::options::Options;
use crate::http1::{ReceiveError, RequestHead, RequestReader, Status};

/// How long a closed connection still receives. Without it, bytes that nobody has read would turn our FIN into a reset
/// (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What is received and discarded in the course of one wait; a peer that sends more is treated as gone.
const DISCARDED_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct RawConnection {
    transport: Box<dyn Transport>,
    reader: RequestReader,
    head_time: Duration,
    write_time: Duration,
}

/// What a client sent.
pub(crate) enum Received {
    Request(Box<RequestHead>),
    /// Something that has to be refused with this status; the connection cannot be used further.
    Refused(Status),
    /// Nothing: the client has left, or asked for nothing in time.
    Nothing,
}

/// What a client did while it was kept waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientWait {
    Stayed,
    Left,
}

/// What happens to a connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterResponse {
    NextRequest,
    Fin,
    Reset,
}

impl RawConnection {
    pub(crate) fn new(transport: Box<dyn Transport>, options: &Options) -> Self {
        let Options { head_bytes_max, head_time, write_time, .. } = *options;
        Self { transport, reader: RequestReader::strict(head_bytes_max), head_time, write_time }
    }

    /// The next request. One deadline covers the silence before it and the whole of its head.
    pub(crate) async fn receive(&mut self) -> Received {
        let deadline = Deadline::after(self.head_time);
        match deadline.bound(self.reader.receive(&mut self.transport)).await {
            Ok(Ok(Some(request))) => Received::Request(Box::new(request)),
            Ok(Err(ReceiveError::Malformed(error))) => Received::Refused(error.status()),
            Ok(Ok(None) | Err(_)) => Received::Nothing,
            Err(_) if self.reader.is_empty() => Received::Nothing,
            Err(_) => Received::Refused(Status::RequestTimeout),
        }
    }

    /// Writes all of `bytes` within the time for a write.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.transport.write_all(bytes).await?;
            self.transport.flush().await
        };
        Deadline::after(self.write_time).bound(write).await?
    }

    /// Sends nothing for `time`, or until the client has ended its side. What it sends meanwhile is discarded.
    pub(crate) async fn hold(&mut self, time: Duration) -> ClientWait {
        let deadline = Deadline::after(time);
        let mut discarded = 0;
        let mut scratch = [0; 1024];
        while discarded < DISCARDED_BYTES_MAX {
            match deadline.bound(self.transport.read(&mut scratch)).await {
                Ok(Ok(0) | Err(_)) => return ClientWait::Left,
                Ok(Ok(count)) => discarded += count,
                Err(_) => return ClientWait::Stayed,
            }
        }
        ClientWait::Left
    }

    /// Closes in order: FIN, and then the client has a moment to do the same.
    pub(crate) async fn finish(mut self) {
        let shutdown = Deadline::after(self.write_time).bound(self.transport.shutdown()).await;
        if matches!(shutdown, Ok(Ok(()))) {
            self.hold(LINGER).await;
        }
    }

    /// Closes with RST.
    pub(crate) fn reset(self) {
        self.transport.reset();
    }
}
