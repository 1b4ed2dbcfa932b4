//! `gzip` (RFC 1952): members one after another, each checked by its length and CRC-32. Zeros may follow the last one, as
//! `gzip(1)` accepts them.

use crc32fast::Hasher as Crc32;

use super::inflate::Inflate;
use super::{DecodeFault, Decoded};

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

#[derive(Debug)]
pub(super) struct Gzip {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The ten bytes that every header begins with.
    Start {
        bytes: [u8; 10],
        filled: usize,
    },
    /// The two bytes of the length of the extra field.
    ExtraLength {
        flags: u8,
        low: Option<u8>,
    },
    /// Bytes that are skipped: of the extra field, or of the checksum of the header.
    Skip {
        flags: u8,
        left: u16,
    },
    /// A name or a comment, up to its zero byte.
    Text {
        flags: u8,
    },
    Data {
        inflate: Inflate,
        crc: Crc32,
        /// Length of the decoded data modulo 2^32, as `ISIZE` states it.
        length: u32,
    },
    Trailer {
        expected: [u8; 8],
        bytes: [u8; 8],
        filled: usize,
    },
    /// Between members, or in the padding.
    Between {
        is_padding: bool,
    },
}

impl Gzip {
    pub(super) const fn new() -> Self {
        Self { state: State::Start { bytes: [0; 10], filled: 0 } }
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.state, State::Between { .. })
    }

    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        let mut done = Decoded::default();
        loop {
            if let State::Data { inflate, crc, length } = &mut self.state {
                let step = inflate.decode(&input[done.consumed..], &mut output[done.produced..])?;
                let decoded = &output[done.produced..done.produced + step.produced];
                crc.update(decoded);
                // One call decodes far less than 4 GiB, and the sum wraps as `ISIZE` does.
                *length = length.wrapping_add(u32::try_from(decoded.len()).unwrap_or(u32::MAX));
                done.consumed += step.consumed;
                done.produced += step.produced;
                if !inflate.has_ended {
                    return Ok(done);
                }
                let mut expected = [0; 8];
                expected[..4].copy_from_slice(&crc.clone().finalize().to_le_bytes());
                expected[4..].copy_from_slice(&length.to_le_bytes());
                self.state = State::Trailer { expected, bytes: [0; 8], filled: 0 };
            }
            let Some(&byte) = input.get(done.consumed) else { return Ok(done) };
            done.consumed += 1;
            self.byte(byte)?;
        }
    }

    /// One byte outside of the compressed data.
    fn byte(&mut self, byte: u8) -> Result<(), DecodeFault> {
        match &mut self.state {
            State::Start { bytes, filled } => {
                bytes[*filled] = byte;
                *filled += 1;
                let is_wrong = match *filled {
                    1 => byte != 0x1f,
                    2 => byte != 0x8b,
                    3 => byte != 8,
                    4 => byte & FLAGS_RESERVED != 0,
                    _ => false,
                };
                if is_wrong {
                    return Err(DecodeFault::Corrupt);
                }
                if *filled == bytes.len() {
                    let flags = bytes[3];
                    self.after_header_part(flags);
                }
            }
            State::ExtraLength { flags, low: None } => {
                self.state = State::ExtraLength { flags: *flags, low: Some(byte) };
            }
            State::ExtraLength { flags, low: Some(low) } => {
                let (flags, left) = (*flags & !FLAG_EXTRA, u16::from_le_bytes([*low, byte]));
                self.skip(flags, left);
            }
            State::Skip { flags, left } => {
                let (flags, left) = (*flags, left.saturating_sub(1));
                self.skip(flags, left);
            }
            State::Text { flags } => {
                if byte == 0 {
                    let text = if *flags & FLAG_NAME != 0 { FLAG_NAME } else { FLAG_COMMENT };
                    let flags = *flags & !text;
                    self.after_header_part(flags);
                }
            }
            State::Trailer { expected, bytes, filled } => {
                bytes[*filled] = byte;
                *filled += 1;
                if *filled == bytes.len() {
                    if bytes != expected {
                        return Err(DecodeFault::Corrupt);
                    }
                    self.state = State::Between { is_padding: false };
                }
            }
            State::Between { is_padding } => match byte {
                0 => *is_padding = true,
                0x1f if !*is_padding => {
                    let mut bytes = [0; 10];
                    bytes[0] = byte;
                    self.state = State::Start { bytes, filled: 1 };
                }
                _ => return Err(DecodeFault::TrailingBytes),
            },
            State::Data { .. } => {}
        }
        Ok(())
    }

    fn skip(&mut self, flags: u8, left: u16) {
        if left == 0 {
            self.after_header_part(flags);
        } else {
            self.state = State::Skip { flags, left };
        }
    }

    /// The parts follow in the order of RFC 1952 section 2.3; `flags` are those of the parts still to come.
    fn after_header_part(&mut self, flags: u8) {
        self.state = if flags & FLAG_EXTRA != 0 {
            State::ExtraLength { flags, low: None }
        } else if flags & (FLAG_NAME | FLAG_COMMENT) != 0 {
            State::Text { flags }
        } else if flags & FLAG_HEADER_CRC != 0 {
            State::Skip { flags: flags & !FLAG_HEADER_CRC, left: 2 }
        } else {
            State::Data { inflate: Inflate::raw(), crc: Crc32::new(), length: 0 }
        };
    }
}
