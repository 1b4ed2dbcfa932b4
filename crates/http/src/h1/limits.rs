//! Upper bounds for everything a peer decides about. RFC 9110 sections 2.3 and 5.4 leave them to the recipient.

/// Bytes of one head, from its first byte to the empty line. Real heads with a dozen cookies and a content security
/// policy stay under 32 KiB.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Lines of one head after the status line, those that are ignored included. Browsers stop at a few hundred.
pub const FIELDS_MAX: usize = 500;

/// Interim (1xx) responses before the final one. RFC 9110 section 15.2 allows any number; early hints send two or three.
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// Bytes of the line that opens a chunk, with its extensions. Nobody sends more than a signature of some hundred bytes.
pub const CHUNK_LINE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of chunk lines in one body before they are measured against the data that came with them.
pub const CHUNK_OVERHEAD_BYTES_FREE: u64 = 64 * 1024;

/// Bytes of chunk lines for each byte of data, beyond [`CHUNK_OVERHEAD_BYTES_FREE`]. Chunks of one byte need 3. A fixed
/// total would refuse a large body whose chunks all carry a short extension.
pub const CHUNK_OVERHEAD_RATIO_MAX: u64 = 16;

/// Bytes of a trailer section. It holds digests and signatures, not cookies.
pub const TRAILER_BYTES_MAX: usize = 16 * 1024;

/// Lines of a trailer section.
pub const TRAILER_FIELDS_MAX: usize = 100;

/// Transfer codings named in one head, `identity` and repeated ones included. Two are seen; more are an attack.
pub const TRANSFER_CODINGS_MAX: usize = 8;

/// The limits of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one head; see [`HEAD_BYTES_MAX`].
    pub head_bytes_max: usize,
    /// Lines of one head; see [`FIELDS_MAX`].
    pub fields_max: usize,
    /// Interim responses; see [`INTERIM_RESPONSES_MAX`].
    pub interim_responses_max: usize,
    /// Bytes of one chunk line; see [`CHUNK_LINE_BYTES_MAX`].
    pub chunk_line_bytes_max: usize,
    /// Bytes of chunk lines that need no data; see [`CHUNK_OVERHEAD_BYTES_FREE`].
    pub chunk_overhead_bytes_free: u64,
    /// Bytes of a trailer section; see [`TRAILER_BYTES_MAX`].
    pub trailer_bytes_max: usize,
    /// Lines of a trailer section; see [`TRAILER_FIELDS_MAX`].
    pub trailer_fields_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: HEAD_BYTES_MAX,
            fields_max: FIELDS_MAX,
            interim_responses_max: INTERIM_RESPONSES_MAX,
            chunk_line_bytes_max: CHUNK_LINE_BYTES_MAX,
            chunk_overhead_bytes_free: CHUNK_OVERHEAD_BYTES_FREE,
            trailer_bytes_max: TRAILER_BYTES_MAX,
            trailer_fields_max: TRAILER_FIELDS_MAX,
        }
    }
}
