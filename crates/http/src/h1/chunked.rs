//! The chunked coding (RFC 9112 section 7.1), up to the end of the last chunk's line. The trailer section follows.
//!
//! A bare LF ends a line (section 2.2). Extensions are skipped (section 7.1.1). A CR inside a line is refused: recipients
//! disagree on whether the line ends there.

use std::ops::Range;

use super::fault::Fault;
use super::limits::CHUNK_OVERHEAD_RATIO_MAX;
use super::scan::line_feed;

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the digits; `false` before the first.
    Size {
        has_digits: bool,
    },
    /// After whitespace that follows the digits.
    Blank,
    Extension,
    /// After the CR of a chunk line.
    LineFeed,
    Data,
    DataEnd,
    /// After the CR that follows the data.
    DataLineFeed,
    Last,
}

/// What a step has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    NeedMore,
    /// Data, within the input.
    Data(Range<usize>),
    /// The line of the last chunk has ended.
    Last,
}

#[derive(Clone, Debug)]
pub(super) struct Chunks {
    state: State,
    /// The size while it is read, then what is left of the data.
    remaining: u64,
    line_bytes: usize,
    line_bytes_max: usize,
    overhead: u64,
    overhead_max: u64,
}

impl Chunks {
    pub(super) fn new(line_bytes_max: usize, overhead_bytes_free: u64) -> Self {
        Self {
            state: State::Size { has_digits: false },
            remaining: 0,
            line_bytes: 0,
            line_bytes_max,
            overhead: 0,
            overhead_max: overhead_bytes_free,
        }
    }

    /// How many bytes were used, and what they brought. To be called again with the rest until it needs more.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Fault> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data => {
                    let there = input.len() - at;
                    let length =
                        usize::try_from(self.remaining).map_or(there, |remaining| remaining.min(there));
                    self.remaining -= length as u64;
                    let allowance = (length as u64).saturating_mul(CHUNK_OVERHEAD_RATIO_MAX);
                    self.overhead_max = self.overhead_max.saturating_add(allowance);
                    if self.remaining == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok((at + length, Step::Data(at..at + length)));
                }
                State::DataEnd | State::DataLineFeed => {
                    self.state = match (self.state, byte) {
                        (_, b'\n') => State::Size { has_digits: false },
                        (State::DataEnd, b'\r') => State::DataLineFeed,
                        _ => return Err(Fault::BadChunkEnd),
                    };
                    self.line_bytes = 0;
                    at += 1;
                }
                State::Extension => {
                    // Most of a flood is skipped here at the speed of a scan.
                    let rest = &input[at..];
                    let length = line_feed(rest).unwrap_or(rest.len());
                    at += self.extension(&rest[..length])?;
                    if at < input.len() {
                        self.line_byte(input[at])?;
                        at += 1;
                    }
                }
                State::Last => break,
                _ => {
                    self.line_byte(byte)?;
                    at += 1;
                }
            }
            if matches!(self.state, State::Last) {
                break;
            }
        }
        Ok((at, if matches!(self.state, State::Last) { Step::Last } else { Step::NeedMore }))
    }

    /// Skips bytes of an extension up to a CR, which may be the end of its line.
    fn extension(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match bytes.iter().position(|&byte| byte == b'\r') {
            None => {
                self.count(bytes.len())?;
                Ok(bytes.len())
            }
            Some(at) => {
                self.count(at)?;
                Ok(at)
            }
        }
    }

    /// One byte of a chunk line.
    fn line_byte(&mut self, byte: u8) -> Result<(), Fault> {
        self.count(1)?;
        self.state = match (self.state, byte) {
            (State::Size { .. }, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).map_or(0, u64::from);
                let size = self.remaining.checked_mul(16).and_then(|size| size.checked_add(digit));
                self.remaining = size.ok_or(Fault::BadChunkSize)?;
                State::Size { has_digits: true }
            }
            (State::Size { has_digits: true } | State::Blank, b' ' | b'\t') => State::Blank,
            (State::Size { has_digits: true } | State::Blank, b';') => State::Extension,
            (State::Size { has_digits: true } | State::Blank | State::Extension, b'\r') => State::LineFeed,
            (State::Size { has_digits: true } | State::Blank | State::Extension | State::LineFeed, b'\n') => {
                if self.remaining == 0 {
                    State::Last
                } else {
                    State::Data
                }
            }
            _ => return Err(Fault::BadChunkSize),
        };
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Fault> {
        self.line_bytes += bytes;
        self.overhead += bytes as u64;
        if self.line_bytes > self.line_bytes_max || self.overhead > self.overhead_max {
            return Err(Fault::ChunkExtensionsTooLarge);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, bool), Fault> {
        let mut chunks = Chunks::new(64, 128);
        let (mut data, mut used) = (Vec::new(), 0);
        loop {
            let rest = &input[used..];
            let (count, step) = chunks.step(rest)?;
            used += count;
            match step {
                Step::NeedMore => return Ok((data, used, false)),
                Step::Data(range) => data.extend_from_slice(&rest[range]),
                Step::Last => return Ok((data, used, true)),
            }
        }
    }

    #[test]
    fn chunks_are_joined() {
        let all = |text: &[u8]| decode(text).map(|(data, used, ended)| (data, text.len() - used, ended));
        let hello = |left, ended| Ok((b"hello".to_vec(), left, ended));
        assert_eq!(all(b"5\r\nhello\r\n0\r\n\r\n"), hello(2, true));
        assert_eq!(all(b"5\nhello\n0\n\n"), hello(1, true));
        assert_eq!(all(b"2;a=b;c=\"d\"\r\nhe\r\n003 \t;x\nllo\r\n000;y\r\n"), hello(0, true));
        assert_eq!(all(b"5  \r\nhello\r\n"), hello(0, false));
        assert_eq!(all(b"0\r\n"), Ok((vec![], 0, true)));
        let large = [b"a\r\n".as_slice(), b"helloHELLO", b"\r\nA\r\n", b"helloHELLO", b"\r\n0\r\n"].concat();
        assert_eq!(all(&large), Ok((b"helloHELLOhelloHELLO".to_vec(), 0, true)));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for text in [
            "x",
            "\r\n",
            " 5\r\n",
            "-5\r\n",
            "+5\r\n",
            "0x5\r\n",
            "5 5\r\n",
            "5\r5",
            "5;a\rb\r\n",
            "5g\r\n",
            ";a\r\n",
            "10000000000000000\r\n",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(Fault::BadChunkSize), "{text:?}");
        }
        for text in ["5\r\nhello0\r\n", "5\r\nhello, world\r\n", "5\r\nhello\r0\r\n", "1\r\naa\r\n"] {
            assert_eq!(decode(text.as_bytes()), Err(Fault::BadChunkEnd), "{text:?}");
        }
        assert!(decode(b"ffffffffffffffff\r\nhello").is_ok());
    }

    #[test]
    fn chunk_lines_have_limits() {
        let line = |extension: usize| format!("5;{}\r\nhello\r\n", "a".repeat(extension));
        assert!(decode(line(60).as_bytes()).is_ok());
        assert_eq!(decode(line(61).as_bytes()), Err(Fault::ChunkExtensionsTooLarge));
        assert_eq!(decode("0".repeat(65).as_bytes()), Err(Fault::ChunkExtensionsTooLarge));
        assert!(decode("1\r\na\r\n".repeat(10_000).as_bytes()).is_ok());
        let flood = format!("1;{}\r\na\r\n", "a".repeat(40)).repeat(10);
        assert_eq!(decode(flood.as_bytes()), Err(Fault::ChunkExtensionsTooLarge));
        // Enough data pays for any number of short extensions.
        let signed = format!("40;{}\r\n{}\r\n", "s".repeat(50), "a".repeat(64)).repeat(1_000);
        assert!(decode(signed.as_bytes()).is_ok());
    }
}
