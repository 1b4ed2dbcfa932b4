//! The records of the log about rows.

use crate::model::RowId;

/// One statement of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A run of the program begins. Written by [`crate::Journal::open`].
    Session {
        /// Identity of the machine's boot: tells whether what was only handed to the system can still be there.
        boot_id: [u8; 16],
        /// When, in unix milliseconds.
        started_unix_ms: u64,
        /// The program's version.
        version: String,
    },
    /// A body is under way in a part file. Says what is needed to resume it; replaces an earlier `Part` of the row.
    Part(RowId, Part),
    /// A checkpoint of the row's part file. Only a prefix with a checkpoint is trusted.
    PartCheckpoint(RowId, Checkpoint),
    /// This many bytes of the row's part file are on stable storage. Follows the [`Checkpoint`] of the same length, and verifies
    /// nothing by itself.
    PartSynced(RowId, u64),
    /// An attempt failed and will be repeated.
    Waiting(RowId, Waiting),
    /// The row's body is complete and about to be published. The row is in doubt, and counts as pending, until another record
    /// settles it; after a crash, recovery has to look for the body.
    Doubt(RowId, Done),
    /// The row's body is published. In doubt until the next commit.
    Done(RowId, Done),
    /// The row failed for good. Its part file stays if its `Part` is resumable.
    Failed(RowId, Failed),
    /// The row will not be fetched, for the reason given.
    Skipped(RowId, String),
    /// The server answered that there is nothing to download: no file will be there.
    NoContent(RowId, NoContent),
    /// The row is not part of the haul any more: it needs no file, and its name is free. Counts as skipped.
    Forgotten(RowId),
    /// The row is pending again, without attempts. A part file is kept if the row had failed, and is gone otherwise.
    Reopened(RowId),
}

/// A body under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The validator of this version of the content.
    pub validator: Option<Validator>,
    /// The `Last-Modified` of the validator was not strong when it was received (RFC 9110 section 8.8.2.2): another date shows
    /// another version, and the same date shows nothing.
    pub is_date_weak: bool,
    /// Length of the whole body in bytes, where the server said it.
    pub total: Option<u64>,
    /// Whether the server can resume it by range.
    pub resumable: bool,
}

/// The length and digest of a prefix of a part file, which a later run can verify.
///
/// It detects accidental changes: another program, a torn write, a bad sector. It does not detect somebody who writes to the journal,
/// too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// A length in bytes.
    pub len: u64,
    /// The first 16 bytes of the BLAKE3 hash of that prefix.
    pub digest: [u8; 16],
}

/// A row between two attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Attempts made so far, so that a budget survives a restart.
    pub attempts: u32,
    /// Not before this time, in unix milliseconds.
    pub until_unix_ms: u64,
    /// Whether the run leaves the row to a later one instead of waiting.
    pub parked: bool,
    /// Why the last attempt ended.
    pub fault: FaultRecord,
}

/// A file that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Status of the final response; 0 for a file that was adopted.
    pub status: u16,
    /// Length of the file in bytes.
    pub size: u64,
    /// BLAKE3 hash of the file.
    pub blake3: [u8; 32],
    /// The validator of this version of the content.
    pub validator: Option<Validator>,
    /// How the content was verified.
    pub verification: Verification,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Start of the first attempt of this run, in unix milliseconds.
    pub started_unix_ms: u64,
    /// When the last byte was written, in unix milliseconds.
    pub finished_unix_ms: u64,
    /// The final name, if it differs from the one in the spool.
    pub name: Option<String>,
    /// Where the redirects ended, if there were any.
    pub final_url: Option<String>,
    /// Where the body lies.
    pub location: Location,
    /// What the bytes are, as the server says.
    pub format: ContentFormat,
    /// The statuses of the responses that redirected, in order.
    pub redirect_statuses: Vec<u16>,
    /// The modification time of the file when it was complete, in unix milliseconds, where the body lies in a file of its own.
    pub modified_unix_ms: Option<u64>,
    /// Whether the file was there before the row and was adopted without a request.
    pub is_adopted: bool,
}

impl Done {
    /// A file of `size` bytes with this BLAKE3 hash, received at the first attempt with status 200, of which nothing else is known.
    #[must_use]
    pub fn of_file(size: u64, blake3: [u8; 32]) -> Self {
        Self {
            status: 200,
            size,
            blake3,
            validator: None,
            verification: Verification::Length,
            attempts: 1,
            started_unix_ms: 0,
            finished_unix_ms: 0,
            name: None,
            final_url: None,
            location: Location::File,
            format: ContentFormat::default(),
            redirect_statuses: Vec::new(),
            modified_unix_ms: None,
            is_adopted: false,
        }
    }
}

/// What the bytes of a body are, as its server says. Opaque to the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentFormat {
    /// The `Content-Type` field, as received (RFC 9110 section 8.3).
    pub content_type: Option<String>,
    /// The content codings that the bytes still have, in the order in which they were applied, as in `Content-Encoding` (RFC 9110
    /// section 8.4). `None` for a body without any.
    pub content_encoding: Option<String>,
}

/// Where a complete body lies beneath the haul's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// In a file of its own, under the row's final name.
    #[default]
    File,
    /// In a file that holds the bodies of many rows.
    Record {
        /// The path of that file.
        file: Box<str>,
        /// The offset of the record's first byte.
        offset: u64,
        /// The length of the record in bytes, whatever it holds beside the body included.
        length: u64,
    },
    /// In an object store.
    Object {
        /// The object's key.
        key: Box<str>,
    },
}

/// How a body was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Its length was announced and met.
    Length,
    /// It matched a digest. For one of the list this is the name of the algorithm, such as `sha-256`; for one of the server, the
    /// field and the algorithm, such as `repr-digest sha-256`.
    Digest(String),
    /// Its length was announced and met, and its parts were joined because the bytes at their joints, which were sent twice, were the
    /// same; no validator said that the parts belong together.
    Overlap,
    /// It ended when the connection closed: nothing says that it is whole.
    LengthUnverified,
}

/// A row that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub fault: FaultRecord,
    /// Status of the final response, if there was one.
    pub status: Option<u16>,
    /// Attempts made.
    pub attempts: u32,
    /// Start of the first attempt of this run, in unix milliseconds.
    pub started_unix_ms: u64,
    /// End of the last, in unix milliseconds.
    pub finished_unix_ms: u64,
}

impl Failed {
    /// A row that failed at this time, in unix milliseconds, without an attempt.
    #[must_use]
    pub const fn without_attempt(fault: FaultRecord, now_unix_ms: u64) -> Self {
        Self { fault, status: None, attempts: 0, started_unix_ms: now_unix_ms, finished_unix_ms: now_unix_ms }
    }
}

/// A row for which the server answered, successfully, that it has no content (RFC 9110 sections 15.3.5 and 15.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoContent {
    /// Status of the response.
    pub status: u16,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Start of the first attempt of this run, in unix milliseconds.
    pub started_unix_ms: u64,
    /// When the response came, in unix milliseconds.
    pub finished_unix_ms: u64,
}

/// Why an attempt failed, as texts that later versions can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultRecord {
    /// The kind of fault, such as `timeout`.
    pub class: String,
    /// The phase of the exchange, such as `connect`.
    pub phase: String,
    /// The endpoint it happened at, such as `192.0.2.1:443`.
    pub endpoint: String,
    /// Time since the attempt began, in milliseconds.
    pub elapsed_ms: u64,
    /// One line for people.
    pub message: String,
}

/// What identifies one version of a resource (RFC 9110 section 8.8). Opaque to the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validator {
    /// The `ETag` field, as received.
    pub etag: Option<String>,
    /// The `Last-Modified` field, as received.
    pub last_modified: Option<String>,
}
