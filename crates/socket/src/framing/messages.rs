//! The messages of the async flavour.

use bytes::Bytes;

use super::{CHUNK_BYTES, Framing, Unpacker};
use crate::faults::{Fault, Phase, fault};
use crate::stream::Stream;
use crate::time::{Deadline, clock};

/// A [`Stream`] on which messages are sent and received instead of bytes.
#[derive(Debug)]
pub struct Messages {
    stream: Stream,
    framing: Framing,
    unpacker: Unpacker,
    chunk: Box<[u8]>,
}

impl Messages {
    /// Messages over `stream`, whose timeouts hold for each of them.
    pub fn new(stream: Stream, framing: Framing) -> Self {
        let unpacker = Unpacker::new(framing);
        Self { stream, framing, unpacker, chunk: vec![0; CHUNK_BYTES].into() }
    }

    /// Sends one message, within [`Timeouts::write`](crate::Timeouts::write). Not cancel safe.
    ///
    /// # Errors
    /// In phase `Send`. A message that is `TooLong`, or no line and so `Misuse`, has not been sent, not even in part.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), Fault> {
        let deadline = Deadline::after(self.stream.timeouts().write);
        self.send_within(message, deadline).await
    }

    /// The same before `deadline`.
    pub async fn send_within(&mut self, message: &[u8], deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let packed = self.framing.pack(message);
        let packed = packed.map_err(|error| error.at(Phase::Send, start, self.stream.remote()))?;
        self.stream.send_within(&packed, deadline).await
    }

    /// The next message, within [`Timeouts::read`](crate::Timeouts::read), however many pieces it comes in; `None` at the
    /// end of the stream. Cancel safe: what has come of it is kept.
    ///
    /// # Errors
    /// In phase `Receive`; `ClosedEarly` when the stream ends within a message, `TooLong`, or `Other` for a line
    /// that is no text.
    pub async fn receive(&mut self) -> Result<Option<Bytes>, Fault> {
        let deadline = Deadline::after(self.stream.timeouts().read);
        self.receive_within(deadline).await
    }

    /// The same before `deadline`.
    pub async fn receive_within(&mut self, deadline: Deadline) -> Result<Option<Bytes>, Fault> {
        let start = clock::now();
        loop {
            let remote = || self.stream.remote();
            if let Some(message) = self.unpacker.next().map_err(|e| e.at(Phase::Receive, start, remote()))? {
                return Ok(Some(message));
            }
            // A peer that sends a byte now and then must not outlive the deadline by always having one ready.
            if deadline.has_passed() && start < deadline.instant() {
                return Err(fault(Phase::Receive, crate::DeadlinePassed.into(), start, remote()));
            }
            let received = self.stream.receive_since(start, &mut self.chunk, deadline).await?;
            if received == 0 {
                let remote = self.stream.remote();
                return self.unpacker.finish().map_err(|error| error.at(Phase::Receive, start, remote));
            }
            self.unpacker.push(&self.chunk[..received]);
        }
    }

    /// The next message if it has come as a whole by now, `None` at the end of the stream; otherwise the fault is
    /// `WouldBlock`, and what has come of it is kept for the next call of either kind.
    pub fn try_receive(&mut self) -> Result<Option<Bytes>, Fault> {
        let start = clock::now();
        loop {
            let remote = || self.stream.remote();
            if let Some(message) = self.unpacker.next().map_err(|e| e.at(Phase::Receive, start, remote()))? {
                return Ok(Some(message));
            }
            let received = self.stream.try_receive(&mut self.chunk)?;
            if received == 0 {
                let remote = self.stream.remote();
                return self.unpacker.finish().map_err(|error| error.at(Phase::Receive, start, remote));
            }
            self.unpacker.push(&self.chunk[..received]);
        }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The stream inside, for its timeouts and for closing; bytes that are received from it directly are lost here.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Back to the stream alone. What has been received of the next message is lost.
    pub fn into_inner(self) -> Stream {
        self.stream
    }
}
