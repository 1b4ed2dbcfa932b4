//! Splits any reader into the lines of a list. Accepts a byte order mark (of UTF-8 or UTF-16), CRLF, blank lines and comments. A line
//! that is too long is skipped to its end. A carriage return or a NUL within a line is refused: parsers of URLs drop the first, and both
//! mean that the list is not what it looks like.

use std::io::{self, Read};
use std::ops::Range;

use super::utf16::Utf8Reader;

/// The longest line, in bytes. Servers refuse request lines far shorter than this; a longer line is a mistake and no URL.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes requested from the reader at once.
const READ_BYTES: usize = 64 * 1024;
/// The UTF-8 signature that editors of one system put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// The excerpt of a refused line that is shown and recorded, in bytes.
const EXCERPT_BYTES_MAX: usize = 200;

/// The part of a too long line that is kept, in bytes: an excerpt and the white space that may precede it.
const BEGINNING_BYTES: usize = 2 * EXCERPT_BYTES_MAX;

const RETURN_WITHIN: &str =
    "the line has a carriage return (CR) within it; end the lines of the list with LF or CRLF";
const NUL_WITHIN: &str =
    "the line has a NUL byte within it; a list in UTF-16 is read if it begins with a byte order mark";

/// One line that is neither blank nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Text without its line end and the white space around it.
    Text(&'a str),
    /// A line that cannot be read, with its beginning and the reason.
    Refused {
        /// Its beginning, with what is not UTF-8 replaced.
        excerpt: String,
        /// Why.
        reason: &'static str,
    },
}

/// Splits a reader into lines, with memory bounded by [`LINE_BYTES_MAX`].
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: Utf8Reader<R>,
    buffer: Vec<u8>,
    /// The part of the buffer that has not been split yet.
    start: usize,
    end: usize,
    number: u64,
    ignored: u64,
    ended: bool,
}

/// What comes next in the buffer.
enum NextLine {
    Line {
        from: usize,
        to: usize,
    },
    /// With its beginning.
    TooLong(Vec<u8>),
    End,
}

impl<R: Read> Lines<R> {
    /// Begins at the reader's position.
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: Utf8Reader::new(reader),
            buffer: vec![0; LINE_BYTES_MAX + READ_BYTES],
            start: 0,
            end: 0,
            number: 0,
            ignored: 0,
            ended: false,
        }
    }

    /// Lines read so far, of every kind; the number of the line that was returned last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Blank lines and comments so far.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Whether the next line, or the knowledge that there is none, takes a read which may block.
    pub(super) fn would_read(&self) -> bool {
        !self.ended && !self.buffer[self.start..self.end].contains(&b'\n')
    }

    /// The next line that is not blank and no comment (`#` as its first character).
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let (from, to) = match self.find()? {
                NextLine::End => return Ok(None),
                NextLine::TooLong(beginning) => {
                    self.number += 1;
                    let text = trimmed(&beginning, 0, beginning.len(), self.number == 1);
                    if beginning[text.clone()].starts_with(b"#") {
                        self.ignored += 1;
                        continue;
                    }
                    let excerpt = excerpt(&beginning[text]);
                    return Ok(Some(Line::Refused { excerpt, reason: "the line is longer than 64 KiB" }));
                }
                NextLine::Line { from, to } => (from, to),
            };
            self.number += 1;
            let text = trimmed(&self.buffer, from, to, self.number == 1);
            // What follows a carriage return in a comment may be meant as a line.
            let has_return = self.buffer[text.clone()].contains(&b'\r');
            if text.is_empty() || self.buffer[text.start] == b'#' && !has_return {
                self.ignored += 1;
                continue;
            }
            let bytes = &self.buffer[text];
            let reason = match str::from_utf8(bytes) {
                _ if has_return => RETURN_WITHIN,
                _ if bytes.contains(&0) => NUL_WITHIN,
                Ok(text) => return Ok(Some(Line::Text(text))),
                Err(_) if self.reader.is_utf16() => "the line is not valid UTF-16",
                Err(_) => "the line is not valid UTF-8",
            };
            return Ok(Some(Line::Refused { excerpt: excerpt(bytes), reason }));
        }
    }

    fn find(&mut self) -> io::Result<NextLine> {
        let mut searched = 0;
        loop {
            let unsearched = &self.buffer[self.start + searched..self.end];
            if let Some(at) = unsearched.iter().position(|&byte| byte == b'\n') {
                let from = self.start;
                let to = from + searched + at;
                self.start = to + 1;
                return Ok(if to - from > LINE_BYTES_MAX {
                    NextLine::TooLong(self.beginning(from, to))
                } else {
                    NextLine::Line { from, to }
                });
            }
            searched = self.end - self.start;
            if searched > LINE_BYTES_MAX {
                let beginning = self.beginning(self.start, self.end);
                self.skip_line()?;
                return Ok(NextLine::TooLong(beginning));
            }
            if !self.fill()? {
                if searched == 0 {
                    return Ok(NextLine::End);
                }
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                return Ok(NextLine::Line { from, to });
            }
        }
    }

    /// The beginning of a too long line. Its length does not depend on how the reader divides its bytes.
    fn beginning(&self, from: usize, to: usize) -> Vec<u8> {
        self.buffer[from..to.min(from + BEGINNING_BYTES)].to_vec()
    }

    /// Reads once; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = self.end..(self.end + READ_BYTES).min(self.buffer.len());
        loop {
            match self.reader.read(&mut self.buffer[room.clone()]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let here = &self.buffer[self.start..self.end];
            if let Some(at) = here.iter().position(|&byte| byte == b'\n') {
                self.start += at + 1;
                return Ok(());
            }
            self.start = 0;
            self.end = 0;
            if !self.fill()? {
                return Ok(());
            }
        }
    }
}

/// The bounds of a line's text: without white space around it, and without a byte order mark if it is the first.
fn trimmed(buffer: &[u8], from: usize, to: usize, is_first: bool) -> Range<usize> {
    let has_mark = is_first && buffer[from..to].starts_with(BYTE_ORDER_MARK);
    let from = if has_mark { from + BYTE_ORDER_MARK.len() } else { from };
    let start = from + (to - from - buffer[from..to].trim_ascii_start().len());
    start..start + buffer[start..to].trim_ascii_end().len()
}

pub(super) fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT_BYTES_MAX)]).into_owned();
    let mut end = text.len().min(EXCERPT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests;
