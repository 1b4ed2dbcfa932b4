//! The codings of `Transfer-Encoding` (RFC 9112 section 7), as `longhaul_http`'s parser of heads reports them.

/// A coding that is still applied to the bytes of the body once they are out of their chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferCoding {
    /// `gzip` or `x-gzip` (RFC 9110 section 8.4.1.3).
    Gzip,
    /// `deflate` (RFC 9110 section 8.4.1.2).
    Deflate,
    /// `compress` or `x-compress` (RFC 9110 section 8.4.1.1).
    Compress,
    /// Any other, under the name that the raw head has.
    Unknown,
}
