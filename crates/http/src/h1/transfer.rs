//! `Transfer-Encoding` (RFC 9112 sections 6.1 and 7).

use std::fmt;

use http::HeaderMap;
use http::header::TRANSFER_ENCODING;

use super::fault::Fault;
use super::field::{is_token, trim};
use super::limits::TRANSFER_CODINGS_MAX;

/// A coding that is still applied to the bytes of the body once they are out of their chunks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferCoding {
    /// `gzip` or `x-gzip` (RFC 9110 section 8.4.1.3).
    Gzip,
    /// `deflate` (RFC 9110 section 8.4.1.2).
    Deflate,
    /// `compress` or `x-compress` (RFC 9110 section 8.4.1.1).
    Compress,
    /// Any other, by its name as sent: a token (RFC 9110 section 5.6.2).
    Unknown(Box<str>),
}

/// The name of the coding.
impl fmt::Display for TransferCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Compress => "compress",
            Self::Unknown(name) => name,
        })
    }
}

/// What `Transfer-Encoding` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TransferEncoding {
    /// In the order in which they were applied.
    pub(super) codings: Vec<TransferCoding>,
    /// How often `chunked` is named. It is the last coding if it is named at all.
    pub(super) chunked: usize,
}

impl TransferEncoding {
    /// `None` without such a field.
    pub(super) fn of(fields: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut values = fields.get_all(TRANSFER_ENCODING).iter().peekable();
        if values.peek().is_none() {
            return Ok(None);
        }
        let mut encoding = Self::default();
        let names = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
        // A list may have empty elements (RFC 9110 section 5.6.1.2).
        for (count, name) in names.map(trim).filter(|name| !name.is_empty()).enumerate() {
            if count >= TRANSFER_CODINGS_MAX {
                return Err(Fault::BadTransferEncoding);
            }
            encoding.add(name)?;
        }
        Ok(Some(encoding))
    }

    fn add(&mut self, name: &[u8]) -> Result<(), Fault> {
        // No registered coding has parameters, and RFC 9112 section 7 calls one of `chunked` an error.
        if !is_token(name) {
            return Err(Fault::BadTransferEncoding);
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("identity") {
            // RFC 2616 section 3.6 defined it as doing nothing; it is still sent.
            return Ok(());
        }
        if is("chunked") {
            self.chunked += 1;
            return Ok(());
        }
        if self.chunked > 0 {
            return Err(Fault::BadTransferEncoding);
        }
        self.codings.push(if is("gzip") || is("x-gzip") {
            TransferCoding::Gzip
        } else if is("deflate") {
            TransferCoding::Deflate
        } else if is("compress") || is("x-compress") {
            TransferCoding::Compress
        } else {
            // A token is ASCII.
            TransferCoding::Unknown(String::from_utf8_lossy(name).into())
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::TransferCoding::{Compress, Deflate, Gzip, Unknown};
    use super::*;

    fn parsed(values: &[&str]) -> Result<(Vec<TransferCoding>, usize), Fault> {
        let mut fields = HeaderMap::new();
        for value in values {
            fields.append(TRANSFER_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        TransferEncoding::of(&fields).map(|encoding| encoding.map(|it| (it.codings, it.chunked)).unwrap())
    }

    #[test]
    fn lists_are_read_across_fields() {
        assert_eq!(parsed(&["gzip", "chunked"]), Ok((vec![Gzip], 1)));
        assert_eq!(
            parsed(&["X-GZIP, deflate ,compress,br,, Chunked"]),
            Ok((vec![Gzip, Deflate, Compress, Unknown("br".into())], 1))
        );
        assert_eq!(parsed(&["identity"]), Ok((vec![], 0)));
        assert_eq!(parsed(&["identity, chunked, identity"]), Ok((vec![], 1)));
        assert_eq!(parsed(&["chunked", "chunked"]), Ok((vec![], 2)));
        assert_eq!(parsed(&[""]), Ok((vec![], 0)));
    }

    #[test]
    fn what_cannot_be_undone_is_refused() {
        for value in ["chunked, gzip", "chunked;a=b", "\"chunked\"", "chunked gzip", "chunked, gzip, chunked"]
        {
            assert_eq!(parsed(&[value]), Err(Fault::BadTransferEncoding), "{value}");
        }
        assert_eq!(parsed(&["identity,".repeat(9).as_str()]), Err(Fault::BadTransferEncoding));
    }
}
