//! What one run tells the next of responses that look like success and are not.

/// Rows of one host whose bodies look like the same error page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Scheme, host and port of the rows' URLs.
    pub host: String,
    /// What the rows have in common.
    pub pattern: SuspectPattern,
    /// How many rows of all runs were counted.
    pub rows: u64,
    /// The URL of one of them, without credentials; shortened if it is very long.
    pub example: String,
}

/// What suspect rows have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuspectPattern {
    /// Different URLs, one body.
    SameBody {
        /// Its length in bytes.
        size: u64,
        /// Its BLAKE3 digest.
        blake3: [u8; 32],
    },
    /// A media type that contradicts the extension of the URLs.
    MediaType {
        /// The extension in lower case, without a dot; empty for URLs that have none.
        extension: String,
        /// The media type in lower case, without parameters.
        media_type: String,
    },
}
