//! A row: one item of a list, its number, and the list that it was read from.

use std::fmt;

/// The number of a row, and its identity: dense from 0 over the whole haul, assigned when the row is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u64);

impl RowId {
    /// The most rows of a haul. A larger number on disk is damage.
    pub(crate) const COUNT_MAX: u64 = 1 << 32;
}

impl fmt::Display for RowId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "row {}", self.0)
    }
}

/// The number of a source, dense from 0 in the order in which sources were added to the haul.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// One line of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where the line was read.
    pub source: SourceId,
    /// Its number there, from 1.
    pub line: u64,
    /// Its content.
    pub entry: Entry,
    /// The other columns of the line.
    pub fields: Fields,
}

/// Columns of a list that Longhaul does not interpret, in the order of the list. They travel with their row into the events and
/// the export. Empty by default; an empty value costs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fields(Box<[(String, String)]>);

impl Fields {
    /// The longest names and values of one row, added up, in bytes: as long as the longest line of a list.
    pub const BYTES_MAX: usize = 64 << 10;

    /// Whether the row has no other columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and values of the columns.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names and values together, in bytes.
    pub fn byte_len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(columns: I) -> Self {
        Self(columns.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The content of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something to download.
    Fetch {
        /// The URL to request.
        url: String,
        /// The final name beneath the haul's directory; `None` for the default name of the URL.
        name: Option<String>,
        /// What the list says of the content.
        expected: Expectation,
    },
    /// The same URL as an earlier row. Counts as skipped.
    Duplicate {
        /// The URL.
        url: String,
        /// The row that fetches it.
        of: RowId,
    },
    /// A line that names nothing that can be downloaded. Counts as failed.
    Refused {
        /// An excerpt of the line, at most [`Entry::EXCERPT_BYTES_MAX`] bytes.
        text: String,
        /// Why it was refused.
        reason: String,
    },
    /// The record of the row on disk is damaged. Never written; takes the place of such a record when it is read, so that every
    /// row has an outcome. Counts as failed, unless the log has another outcome.
    Lost,
}

/// What is known of a content before it arrives. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// Its digests, at most one of each algorithm, by the algorithm's name.
    pub digests: Vec<RecordedDigest>,
    /// Its media type (RFC 9110 section 8.3.1), or a range of them (section 12.5.1).
    pub media_type: Option<String>,
}

/// A digest as a list gives it. Opaque to the journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedDigest {
    /// The name of its algorithm, such as `sha-256`.
    pub algorithm: String,
    /// As many bytes as the algorithm has.
    pub value: Vec<u8>,
}

impl Entry {
    /// The longest excerpt of a refused line, in bytes. A longer text is truncated at a character boundary when it is appended.
    pub const EXCERPT_BYTES_MAX: usize = 200;
}

/// A list that rows were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name: the path of a file, `-`, or `arguments`.
    pub label: String,
    /// What is known of it once it was read to its end.
    pub end: Option<SourceEnd>,
}

impl Source {
    /// Whether it was read to its end.
    pub fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    /// Which file it was, if it was one and was read to its end.
    pub fn identity(&self) -> Option<FileIdentity> {
        self.end.as_ref()?.identity
    }
}

/// What is known of a source that was read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceEnd {
    /// Which file it was, if it was one.
    pub identity: Option<FileIdentity>,
    /// A digest of its whole content, if it has one: the same content has the same digest wherever it lies.
    pub content: Option<[u8; 16]>,
    /// Lines read, the ignored ones included.
    pub lines: u64,
    /// Blank lines and comments among them.
    pub ignored_lines: u64,
    /// The source whose content it has. It has no rows of its own then.
    pub copy_of: Option<SourceId>,
}

/// Tells one state of a list's file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change, unix milliseconds.
    pub modified_unix_ms: u64,
    /// Inode number.
    pub inode: u64,
}
