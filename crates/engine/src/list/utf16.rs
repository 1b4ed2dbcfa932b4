//! Lists in UTF-16 with a byte order mark, as one family of editors writes them, read as UTF-8.
//!
//! A list without such a mark passes as it is.

use std::io::{self, Read};

/// Bytes requested from the reader at once.
const READ_BYTES: usize = 16 * 1024;
/// Stands for a code unit that is no character: a byte that is not UTF-8 either, so that its line is refused.
const NOT_A_CHARACTER: u8 = 0xFF;

/// Gives what a reader has as UTF-8, if it begins with a byte order mark of UTF-16.
#[derive(Debug)]
pub(super) struct Utf8Reader<R> {
    reader: R,
    encoding: Encoding,
    /// Read and not given yet: of the reader's own encoding.
    raw: Vec<u8>,
    /// Decoded and not given yet, from `given` on.
    text: Vec<u8>,
    given: usize,
    /// The first half of a character beyond the basic plane.
    high_surrogate: Option<u16>,
    is_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Fewer bytes have been read than a mark has.
    Unknown,
    AsItIs,
    BigEndian,
    LittleEndian,
}

impl<R: Read> Utf8Reader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            encoding: Encoding::Unknown,
            raw: Vec::new(),
            text: Vec::new(),
            given: 0,
            high_surrogate: None,
            is_ended: false,
        }
    }

    /// Whether the list is in UTF-16. Known once a line has been read.
    pub(super) fn is_utf16(&self) -> bool {
        matches!(self.encoding, Encoding::BigEndian | Encoding::LittleEndian)
    }

    /// Reads once, and decodes what can be.
    fn fill(&mut self) -> io::Result<()> {
        let have = self.raw.len();
        self.raw.resize(have + READ_BYTES, 0);
        let read = self.reader.read(&mut self.raw[have..]);
        self.raw.truncate(have + *read.as_ref().unwrap_or(&0));
        self.is_ended = read? == 0;
        self.text.clear();
        self.given = 0;
        if self.encoding == Encoding::Unknown {
            self.encoding = match self.raw[..] {
                [0xFE, 0xFF, ..] => Encoding::BigEndian,
                [0xFF, 0xFE, ..] => Encoding::LittleEndian,
                [] | [0xFE | 0xFF] if !self.is_ended => return Ok(()),
                _ => Encoding::AsItIs,
            };
            if self.is_utf16() {
                self.raw.drain(..2);
            }
        }
        match self.encoding {
            Encoding::BigEndian => self.decode(u16::from_be_bytes),
            Encoding::LittleEndian => self.decode(u16::from_le_bytes),
            _ => std::mem::swap(&mut self.raw, &mut self.text),
        }
        Ok(())
    }

    /// Decodes the whole code units that have been read; at the end the rest, too.
    fn decode(&mut self, unit: fn([u8; 2]) -> u16) {
        let raw = std::mem::take(&mut self.raw);
        let (units, rest) = raw.as_chunks::<2>();
        let pending = self.high_surrogate.take();
        let units = pending.into_iter().chain(units.iter().map(|&bytes| unit(bytes)));
        for character in char::decode_utf16(units) {
            match character {
                Ok(character) => self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => self.text.push(NOT_A_CHARACTER),
            }
        }
        // A first half at the end may have its second half in the next read.
        if !self.is_ended
            && let Some(last) = last_unit(&raw, unit).or(pending).filter(|&unit| is_high(unit))
        {
            self.text.pop();
            self.high_surrogate = Some(last);
        }
        if self.is_ended && !rest.is_empty() {
            self.text.push(NOT_A_CHARACTER);
        }
        self.raw.extend_from_slice(if self.is_ended { &[] } else { rest });
    }
}

fn last_unit(raw: &[u8], unit: fn([u8; 2]) -> u16) -> Option<u16> {
    raw.as_chunks::<2>().0.last().map(|&bytes| unit(bytes))
}

const fn is_high(unit: u16) -> bool {
    matches!(unit, 0xD800..0xDC00)
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.encoding == Encoding::AsItIs && self.given == self.text.len() {
            return self.reader.read(buffer);
        }
        while self.given == self.text.len() && !self.is_ended {
            self.fill()?;
        }
        let count = (self.text.len() - self.given).min(buffer.len());
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
