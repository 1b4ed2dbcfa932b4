//! A list as text: one URL a line; behind it, separated by tabs or spaces, what is known of its content.

use std::io::{self, Read};

use super::checksum_line::ChecksumFormat;
use super::line_fields::{self, LineFields};
use super::lines::{Line, Lines};
use super::reader::{Item, ListReader};

/// Reads a list in text form: one URL a line, and behind it, separated by tabs or spaces, what is known of its content: `size=BYTES`,
/// `type=MEDIA-TYPE`, `name=FILE`, and digests as hexadecimal digits (`sha512=`, `blake3=`, `sha256=`, `sha1=`, `md5=`, `crc32c=`). Ignores blank
/// lines and comments (`#`); accepts CRLF, and UTF-16 with a byte order mark. Lines of checksum files and of BagIt's `fetch.txt` are
/// understood, too.
#[derive(Debug)]
pub struct TextList<R> {
    lines: Lines<R>,
    checksums: ChecksumFormat,
}

impl<R: Read> TextList<R> {
    /// Begins at the reader's position.
    pub fn new(reader: R) -> Self {
        Self { lines: Lines::new(reader), checksums: ChecksumFormat::default() }
    }

    /// Says how lines of checksum files are read.
    pub(super) fn with_checksums(self, checksums: ChecksumFormat) -> Self {
        Self { checksums, ..self }
    }
}

impl<R: Read + Send> ListReader for TextList<R> {
    fn next(&mut self) -> io::Result<Option<Item>> {
        // The number of the line that is about to be returned is known only after it has been read.
        let mut item = match self.lines.next_line()? {
            Some(Line::Text(text)) => self.checksums.item(text).unwrap_or_else(|| item_of_line(0, text)),
            Some(Line::Refused { excerpt, reason }) => Item::refused(0, &excerpt, reason),
            None => return Ok(None),
        };
        item.position = self.lines.number();
        Ok(Some(item))
    }

    fn position(&self) -> u64 {
        self.lines.number()
    }

    fn ignored(&self) -> u64 {
        self.lines.ignored()
    }

    fn would_block(&self) -> bool {
        self.lines.would_read()
    }
}

/// The item of one line, without white space around it.
pub(crate) fn item_of_line(position: u64, line: &str) -> Item {
    let (address, fields) = line_fields::split(line);
    let parsed = line_fields::parse(fields);
    let reason = parsed.as_ref().err().cloned();
    let LineFields { expected, name, fields } = parsed.unwrap_or_default();
    let item = Item::new(position, address, expected, fields).with_name(name);
    let reason = item.refusal().map(str::to_owned).or(reason);
    // The whole line is shown, not the address alone.
    reason.map_or(item, |reason| Item::refused(position, line, reason))
}
