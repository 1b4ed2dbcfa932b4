//! One connection as the origin uses it: heads come in, bytes go out, and it can end with FIN or with RST.
//! Every wait ends.

use std::io;
use std::time::Duration;

use longhaul_socket::{Deadline, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::request::{REQUEST_LINE_BYTES_MAX, Request};
use super::status::Status;
use crate::Options;

/// Room for a read: most heads come in one.
const READ_BYTES: usize = 2 * 1024;

/// How long a closed connection still takes what the peer sends. Without it the unread bytes would turn
/// our FIN into a reset (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What is taken and thrown away in the course of one wait; a peer that sends more is not waited for.
const DISCARDED_BYTES_MAX: usize = 64 * 1024;

const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

pub(crate) struct Wire {
    transport: Box<dyn Transport>,
    received: Vec<u8>,
    head_bytes_max: usize,
    head_time: Duration,
    write_time: Duration,
}

/// What came instead of silence.
pub(crate) enum Received {
    Request(Box<Request>),
    /// Something that is to be answered with this status and a close.
    Refused(Status),
    /// The peer has left, or has nothing to ask.
    Gone,
}

/// What the peer did while it was kept waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Waited,
    Left,
}

impl Wire {
    pub(crate) fn new(transport: Box<dyn Transport>, options: &Options) -> Self {
        let Options { head_bytes_max, head_time, write_time, .. } = *options;
        Self { transport, received: Vec::new(), head_bytes_max, head_time, write_time }
    }

    /// The next request. One deadline covers the idle time before it and the whole of its head.
    pub(crate) async fn receive(&mut self) -> Received {
        let deadline = Deadline::after(self.head_time);
        loop {
            if let Some(received) = self.take_request() {
                return received;
            }
            self.received.reserve(READ_BYTES);
            match deadline.bound(self.transport.read_buf(&mut self.received)).await {
                Ok(Ok(0) | Err(_)) => return Received::Gone,
                Ok(Ok(_)) => {}
                Err(_) if self.received.is_empty() => return Received::Gone,
                Err(_) => return Received::Refused(Status::RequestTimeout),
            }
        }
    }

    /// Takes a request off what was received; `None` while its head is unfinished and within the limits.
    fn take_request(&mut self) -> Option<Received> {
        // RFC 9112 section 2.2: an empty line before a request is ignored. One is enough.
        let head = self.received.strip_prefix(LINE_END).unwrap_or(&self.received);
        let skipped = self.received.len() - head.len();

        let end = find(head, HEAD_END);
        if end.unwrap_or(head.len()) > self.head_bytes_max {
            return Some(Received::Refused(Status::RequestHeaderFieldsTooLarge));
        }
        let Some(end) = end else {
            let line_len = find(head, LINE_END).unwrap_or(head.len());
            return (line_len > REQUEST_LINE_BYTES_MAX).then_some(Received::Refused(Status::UriTooLong));
        };
        let parsed = Request::parse(&head[..end]);
        self.received.drain(..skipped + end + HEAD_END.len());
        Some(parsed.map_or_else(Received::Refused, |request| Received::Request(Box::new(request))))
    }

    /// Writes all of `bytes` within the time for a write.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.transport.write_all(bytes).await?;
            self.transport.flush().await
        };
        Deadline::after(self.write_time).bound(write).await?
    }

    /// Sends nothing for so long, or until the peer has ended its side.
    /// What it sends meanwhile is thrown away.
    pub(crate) async fn hold(&mut self, time: Duration) -> Peer {
        let deadline = Deadline::after(time);
        let mut discarded = 0;
        let mut scratch = [0; 1024];
        while discarded < DISCARDED_BYTES_MAX {
            match deadline.bound(self.transport.read(&mut scratch)).await {
                Ok(Ok(0) | Err(_)) => return Peer::Left,
                Ok(Ok(count)) => discarded += count,
                Err(_) => return Peer::Waited,
            }
        }
        Peer::Left
    }

    /// Closes in order: FIN, then the peer has a moment to do the same.
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

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
