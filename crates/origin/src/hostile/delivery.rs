//! Sends an answer, rightly or with a fault.

use std::io::{self, Write};
use std::ops::Range;
use std::time::Duration;

use super::answer::{Answer, Body, Framing};
use super::draw::scale;
use super::stats::{PathKey, Tally};
use super::wire::{Peer, Wire};
use crate::InjectedFault;

/// Body bytes in one write: few system calls, and little memory per connection.
const PIECE_BYTES: u64 = 64 * 1024;

/// [`InjectedFault::BadLength`] promises at most so many bytes too many.
const EXCESS_BYTES_MAX: u64 = 64 * 1024;

/// One byte per period is what [`InjectedFault::Drip`] sends.
const DRIP_PERIOD: Duration = Duration::from_secs(1);

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    NextRequest,
    Fin,
    Reset,
}

/// An answer on its way, and all that the way depends on.
pub(crate) struct Delivery<'a> {
    pub(crate) answer: Answer,
    pub(crate) fault: Option<InjectedFault>,
    /// Decides where in the body the fault strikes.
    pub(crate) drawn: u64,
    /// Whether the connection ends with this answer anyway.
    pub(crate) closes: bool,
    /// How long a fault may keep the peer waiting.
    pub(crate) stall: Duration,
    pub(crate) path: PathKey,
    pub(crate) tally: &'a Tally,
    pub(crate) wire: &'a mut Wire,
    /// What is to be written next; begins with the head.
    pub(crate) buffer: &'a mut Vec<u8>,
}

impl Answer {
    /// Bends the framing, which stands in the head, to what `fault` is going to do.
    pub(crate) fn misframe(&mut self, fault: Option<InjectedFault>, drawn: u64) {
        match fault {
            Some(InjectedFault::CutChunkedBody) => self.framing = Framing::Chunked,
            Some(InjectedFault::BadLength) => {
                self.framing = Framing::Length(self.body.len() + 1 + scale(drawn, EXCESS_BYTES_MAX));
            }
            _ => {}
        }
    }
}

impl Delivery<'_> {
    /// Sends what the fault lets through. After an error nothing more can be sent on the connection.
    pub(crate) async fn run(mut self) -> io::Result<After> {
        let len = self.answer.body.len();
        match self.fault {
            Some(InjectedFault::ResetBeforeHead) => return Ok(After::Reset),
            Some(InjectedFault::StallBeforeHead) => {
                self.wire.hold(self.stall).await;
                return Ok(After::Fin);
            }
            _ => self.tally.status(self.answer.status),
        }
        match self.fault {
            Some(InjectedFault::ResetInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                Ok(After::Reset)
            }
            Some(InjectedFault::FinInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                Ok(After::Fin)
            }
            Some(InjectedFault::StallInBody) => {
                self.send_pieces(scale(self.drawn, len)).await?;
                self.wire.hold(self.stall).await;
                Ok(After::Fin)
            }
            Some(InjectedFault::CutChunkedBody | InjectedFault::BadLength) => {
                self.send_pieces(len).await?;
                Ok(After::Fin)
            }
            Some(InjectedFault::Drip) => self.drip(len).await,
            // Faults of the status are in the answer already, which is sent as it should be.
            _ => self.send_right(len).await,
        }
    }

    async fn send_right(mut self, len: u64) -> io::Result<After> {
        // The last piece goes out with the end of its coding: a small file is one write in all.
        let last_piece = len.saturating_sub(1) / PIECE_BYTES * PIECE_BYTES;
        if last_piece > 0 {
            self.send_pieces(last_piece).await?;
        }
        self.append_piece(last_piece..len);
        self.append_end();
        self.write(last_piece..len).await?;
        self.tally.complete();
        Ok(if self.closes { After::Fin } else { After::NextRequest })
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

    async fn drip(mut self, len: u64) -> io::Result<After> {
        let drops_max = self.stall.as_secs() / DRIP_PERIOD.as_secs();
        self.send_pieces(0).await?;
        for drop in 0..len.min(drops_max) {
            if self.wire.hold(DRIP_PERIOD).await == Peer::Left {
                return Ok(After::Fin);
            }
            self.append_piece(drop..drop + 1);
            self.write(drop..drop + 1).await?;
        }
        if len <= drops_max {
            self.append_end();
            self.write(len..len).await?;
            self.tally.complete();
        }
        // Whole or not: a next request may have been thrown away while the peer was held.
        Ok(After::Fin)
    }

    fn append_piece(&mut self, piece: Range<u64>) {
        let is_chunk = self.answer.framing == Framing::Chunked && !piece.is_empty();
        if is_chunk {
            write!(self.buffer, "{:x}\r\n", piece.end - piece.start)
                .expect("a Vec takes all that is written to it");
        }
        self.answer.body.append(piece, self.buffer);
        if is_chunk {
            self.buffer.extend_from_slice(b"\r\n");
        }
    }

    fn append_end(&mut self) {
        // The answer to a HEAD says how the body would be coded, and has none.
        if self.answer.framing == Framing::Chunked && !matches!(self.answer.body, Body::Nothing) {
            self.buffer.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Writes the buffer, in which `piece` of the body ends, and counts the piece once it is handed over.
    async fn write(&mut self, piece: Range<u64>) -> io::Result<()> {
        self.wire.write(self.buffer).await?;
        self.buffer.clear();
        if let Body::Part(content, part) = &self.answer.body {
            self.tally.served(self.path, content.key(), part.start + piece.start..part.start + piece.end);
        }
        Ok(())
    }
}
