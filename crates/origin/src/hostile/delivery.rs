//! Sends a response, correctly or with a fault.

use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;

use super::injected_fault::InjectedFault;
use super::raw_connection::{AfterResponse, ClientWait, RawConnection};
use super::response::{Body, SeededResponse};
use super::stats::{PathKey, StatsCollector};
use crate::http1::ResponseFraming;
use crate::random::scale;

/// Body bytes in one write: few system calls, and little memory per connection.
const PIECE_BYTES: u64 = 64 * 1024;

/// The most bytes that [`InjectedFault::BadLength`] announces beyond the body.
const EXCESS_BYTES_MAX: u64 = 64 * 1024;

/// [`InjectedFault::Drip`] sends one byte in each of these periods.
const DRIP_PERIOD: Duration = Duration::from_secs(1);

/// A response that is sent, and everything that sending it depends on.
pub(crate) struct Delivery<'a> {
    pub(crate) response: SeededResponse,
    pub(crate) fault: Option<InjectedFault>,
    /// Decides where in the body the fault strikes.
    pub(crate) drawn: u64,
    /// Whether the connection ends with this response anyway.
    pub(crate) closes: bool,
    /// How long a fault may keep the client waiting.
    pub(crate) stall: Duration,
    pub(crate) path: PathKey,
    pub(crate) stats: &'a StatsCollector,
    pub(crate) connection: &'a mut RawConnection,
    /// What is to be written next; begins with the head.
    pub(crate) buffer: &'a mut Vec<u8>,
}

impl SeededResponse {
    /// Changes the framing that the head announces to the one that `fault` needs.
    pub(crate) fn misframe(&mut self, fault: Option<InjectedFault>, drawn: u64) {
        match fault {
            Some(InjectedFault::CutChunkedBody) => self.framing = ResponseFraming::Chunked,
            Some(InjectedFault::BadLength) => {
                self.framing = ResponseFraming::Length(self.body.len() + 1 + scale(drawn, EXCESS_BYTES_MAX));
            }
            _ => {}
        }
    }
}

impl Delivery<'_> {
    /// Sends as much as the fault allows. After an error nothing more can be sent on the connection.
    pub(crate) async fn run(mut self) -> io::Result<AfterResponse> {
        let len = self.response.body.len();
        match self.fault {
            Some(InjectedFault::ResetBeforeHead) => return Ok(AfterResponse::Reset),
            Some(InjectedFault::StallBeforeHead) => {
                self.connection.hold(self.stall).await;
                return Ok(AfterResponse::Fin);
            }
            _ => self.stats.status(self.response.status),
        }
        match self.fault {
            Some(InjectedFault::ResetInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                Ok(AfterResponse::Reset)
            }
            Some(InjectedFault::FinInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                Ok(AfterResponse::Fin)
            }
            Some(InjectedFault::StallInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                self.connection.hold(self.stall).await;
                Ok(AfterResponse::Fin)
            }
            Some(InjectedFault::CutChunkedBody | InjectedFault::BadLength) => {
                self.send_pieces(len).await?;
                Ok(AfterResponse::Fin)
            }
            Some(InjectedFault::Drip) => self.drip(len).await,
            // A fault of the status is the response itself, which is sent correctly.
            _ => self.send_correctly(len).await,
        }
    }

    async fn send_correctly(mut self, len: u64) -> io::Result<AfterResponse> {
        // The last piece goes out with the end of its coding: a small file is one write in all.
        let last_piece = len.saturating_sub(1) / PIECE_BYTES * PIECE_BYTES;
        if last_piece > 0 {
            self.send_pieces(last_piece).await?;
        }
        self.append_piece(last_piece..len);
        self.append_end();
        self.write(last_piece..len).await?;
        self.stats.complete();
        Ok(if self.closes { AfterResponse::Fin } else { AfterResponse::NextRequest })
    }

    /// Sends the head and the body up to `end`, without the end of its coding.
    async fn send_pieces(&mut self, end: u64) -> io::Result<()> {
        let mut begin = 0;
        loop {
            let piece = begin..end.min(begin + PIECE_BYTES);
            begin = piece.end;
            self.append_piece(piece.clone());
            self.write(piece).await?;
            if begin == end {
                return Ok(());
            }
        }
    }

    async fn drip(mut self, len: u64) -> io::Result<AfterResponse> {
        let drops_max = self.stall.as_secs() / DRIP_PERIOD.as_secs();
        self.send_pieces(0).await?;
        for drop in 0..len.min(drops_max) {
            if self.connection.hold(DRIP_PERIOD).await == ClientWait::Left {
                return Ok(AfterResponse::Fin);
            }
            self.append_piece(drop..drop + 1);
            self.write(drop..drop + 1).await?;
        }
        if len <= drops_max {
            self.append_end();
            self.write(len..len).await?;
            self.stats.complete();
        }
        // Complete or not: a next request may have been discarded while the client was kept waiting.
        Ok(AfterResponse::Fin)
    }

    fn append_piece(&mut self, piece: Range<u64>) {
        let is_chunk = self.response.framing == ResponseFraming::Chunked && !piece.is_empty();
        if is_chunk {
            write!(self.buffer, "{:x}\r\n", piece.end - piece.start).expect("writing to a Vec does not fail");
        }
        self.response.body.append(piece, self.buffer);
        if is_chunk {
            self.buffer.extend_from_slice(b"\r\n");
        }
    }

    fn append_end(&mut self) {
        // A response to HEAD announces the coding of the body, and has none.
        if self.response.framing == ResponseFraming::Chunked && !matches!(self.response.body, Body::Nothing) {
            self.buffer.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Writes the buffer, which ends with `piece` of the body, and counts the piece once it is written.
    async fn write(&mut self, piece: Range<u64>) -> io::Result<()> {
        self.connection.write(self.buffer).await?;
        self.buffer.clear();
        if let Body::Part(content, part) = &self.response.body {
            self.stats.served(self.path, content.key(), part.start + piece.start..part.start + piece.end);
        }
        Ok(())
    }
}
