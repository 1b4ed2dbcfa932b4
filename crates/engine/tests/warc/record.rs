//! Records of a WARC file (ISO 28500:2017, WARC 1.1), as far as the test needs them: a header block, and a block of
//! `Content-Length` bytes.

use std::collections::BTreeMap;
use std::io::Write as _;

use longhaul_journal::storage::File;

const VERSION: &str = "WARC/1.1";
/// What ends a record.
const END: &[u8] = b"\r\n\r\n";
/// More than any header block here.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A record as it is read.
pub(crate) struct Record {
    fields: BTreeMap<String, String>,
    pub(crate) block: Vec<u8>,
    /// Of the whole record.
    pub(crate) length: u64,
}

impl Record {
    /// Reads the record that begins at this offset; `None` if it is not there, or not all of it.
    pub(crate) fn read(file: &dyn File, offset: u64) -> Option<Self> {
        let mut header = vec![0; HEADER_BYTES_MAX];
        let read = file.read_at(&mut header, offset).ok()?;
        header.truncate(read);
        let header_len = header.windows(END.len()).position(|bytes| bytes == END)? + END.len();
        let text = std::str::from_utf8(&header[..header_len]).ok()?;
        let mut lines = text.lines().filter(|line| !line.is_empty());
        (lines.next()? == VERSION).then_some(())?;
        let fields: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let block_len: usize = fields.get("Content-Length")?.parse().ok()?;
        let mut block = vec![0; block_len + END.len()];
        let read = file.read_at(&mut block, offset + header_len as u64).ok()?;
        (read == block.len() && block.ends_with(END)).then_some(())?;
        block.truncate(block_len);
        Some(Self { fields, block, length: (header_len + read) as u64 })
    }

    /// A field of the header block.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("the record has no {name}: {:?}", self.fields))
    }

    /// A field that this test adds to those of the standard, and which is a number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().expect("a number")
    }
}

/// Appends a record with these fields and this block.
pub(crate) fn write(out: &mut Vec<u8>, fields: &[(&str, String)], block: &[&[u8]]) {
    let mut line = |name: &str, value: &str| {
        let separator = if value.is_empty() { "" } else { ": " };
        write!(out, "{name}{separator}{value}\r\n").expect("memory takes every write");
    };
    line(VERSION, "");
    for (name, value) in fields {
        line(name, value);
    }
    line("Content-Length", &block.iter().map(|part| part.len()).sum::<usize>().to_string());
    out.extend_from_slice(b"\r\n");
    for part in block {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(END);
}
