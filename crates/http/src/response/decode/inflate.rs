//! `deflate`: the zlib format (RFC 1950), or the raw one (RFC 1951) that some servers send under the name.

use std::fmt;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus, StreamResult};

use super::{DecodeFault, Decoded};

/// One stream of RFC 1951 or 1950.
pub(super) struct Inflate {
    /// Some 43 KB, the window included.
    state: Box<InflateState>,
    pub(super) has_ended: bool,
}

impl Inflate {
    pub(super) fn raw() -> Self {
        Self { state: InflateState::new_boxed(DataFormat::Raw), has_ended: false }
    }

    fn zlib() -> Self {
        Self { state: InflateState::new_boxed(DataFormat::Zlib), has_ended: false }
    }

    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        if self.has_ended {
            return Ok(Decoded::default());
        }
        let StreamResult { bytes_consumed, bytes_written, status } =
            inflate(&mut self.state, input, output, MZFlush::None);
        match status {
            Ok(MZStatus::StreamEnd) => self.has_ended = true,
            // Out of input or of room for output.
            Ok(_) | Err(MZError::Buf) => {}
            Err(_) => return Err(DecodeFault::Corrupt),
        }
        Ok(Decoded { consumed: bytes_consumed, produced: bytes_written })
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) enum Deflate {
    /// The first byte, if it has arrived: two bytes tell the formats apart.
    Start(Option<u8>),
    Stream {
        /// Bytes that were read to tell the formats apart, and the first that is not used yet.
        sniffed: [u8; 2],
        used: usize,
        inflate: Inflate,
    },
}

impl Deflate {
    pub(super) const fn new() -> Self {
        Self::Start(None)
    }

    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        let mut done = Decoded::default();
        while let Self::Start(first) = self {
            let Some(&byte) = input.get(done.consumed) else { return Ok(done) };
            done.consumed += 1;
            match *first {
                None => *first = Some(byte),
                Some(first) => {
                    // RFC 1950 section 2.2: method 8, a window of at most 32 KiB, and a check of five bits.
                    let check = u16::from_be_bytes([first, byte]) % 31;
                    let is_zlib = first & 0x0f == 8 && first >> 4 <= 7 && check == 0;
                    let inflate = if is_zlib { Inflate::zlib() } else { Inflate::raw() };
                    *self = Self::Stream { sniffed: [first, byte], used: 0, inflate };
                }
            }
        }
        let Self::Stream { sniffed, used, inflate } = self else { return Ok(done) };
        while *used < sniffed.len() && !inflate.has_ended {
            let step = inflate.decode(&sniffed[*used..], &mut output[done.produced..])?;
            *used += step.consumed;
            done.produced += step.produced;
            if step.consumed == 0 {
                return Ok(done);
            }
        }
        let step = inflate.decode(&input[done.consumed..], &mut output[done.produced..])?;
        done.consumed += step.consumed;
        done.produced += step.produced;
        if inflate.has_ended && (done.consumed < input.len() || *used < sniffed.len()) {
            return Err(DecodeFault::TrailingBytes);
        }
        Ok(done)
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self, Self::Stream { inflate, .. } if inflate.has_ended)
    }
}
