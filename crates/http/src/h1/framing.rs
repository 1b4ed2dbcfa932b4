//! How long a body is (RFC 9112 section 6.3) and whether another response may follow it (section 9.3).

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, Method};

use super::fault::Fault;
use super::field::trim;
use super::head::Version;
use super::transfer::{TransferCoding, TransferEncoding};

/// How the end of a body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body: the response to HEAD, a 204, a 304.
    None,
    /// After this many bytes.
    Known(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes, so that a cut body looks like a whole one.
    UntilClose,
    /// CONNECT succeeded: what follows is not HTTP.
    Tunnel,
}

/// What a final head says about its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Framing {
    /// How the end of the body is known.
    pub length: BodyLength,
    /// The codings that are applied to the bytes of the body, in the order in which they were applied. The reader returns
    /// coded bytes; [`Body`](crate::Body) decodes them or refuses the response.
    pub codings: Vec<TransferCoding>,
    /// What `Content-Length` said. For HEAD and 304 it speaks of a body that is not sent.
    pub content_length: Option<u64>,
    /// Whether the connection may carry another exchange after the body, as far as the head tells.
    pub is_persistent: bool,
    /// `chunked` was named more than once.
    pub(super) names_chunked_twice: bool,
}

impl Framing {
    /// The framing of the final response to a request with `method`.
    pub fn of(method: &Method, status: u16, version: Version, fields: &HeaderMap) -> Result<Self, Fault> {
        let content_length = content_length(fields)?;
        let encoding = TransferEncoding::of(fields)?;
        let is_coded = encoding.is_some();
        let TransferEncoding { codings, chunked } = encoding.unwrap_or_default();
        let length = if *method == Method::CONNECT && (200..300).contains(&status) {
            BodyLength::Tunnel
        } else if *method == Method::HEAD || matches!(status, 204 | 304) {
            BodyLength::None
        } else if chunked > 0 {
            BodyLength::Chunked
        } else if !codings.is_empty() {
            BodyLength::UntilClose
        } else {
            content_length.map_or(BodyLength::UntilClose, BodyLength::Known)
        };
        let is_clean = match length {
            BodyLength::UntilClose | BodyLength::Tunnel => false,
            // A body that was announced where none may follow is sent by somebody.
            BodyLength::None if status == 204 => !is_coded && content_length.unwrap_or(0) == 0,
            BodyLength::None => true,
            // Both fields at once, and codings in HTTP/1.0, are how responses are smuggled (RFC 9112 sections 6.1
            // and 6.3). A second `chunked` may have been meant.
            BodyLength::Known(_) => !is_coded,
            BodyLength::Chunked => content_length.is_none() && version == Version::Http11 && chunked == 1,
        };
        let is_bodiless = matches!(length, BodyLength::None | BodyLength::Tunnel);
        Ok(Self {
            length,
            codings: if is_bodiless { Vec::new() } else { codings },
            content_length,
            is_persistent: is_clean && persists(version, fields),
            names_chunked_twice: chunked > 1,
        })
    }
}

/// One length, however often it is repeated (RFC 9112 section 6.3, rule 5).
///
/// It is judged beside `Transfer-Encoding` too, which overrides it: a sender with a malformed length is not to be believed
/// about the other.
fn content_length(fields: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut length = None;
    for value in fields.get_all(CONTENT_LENGTH) {
        for item in value.as_bytes().split(|&byte| byte == b',') {
            let stated = decimal(trim(item)).ok_or(Fault::BadContentLength)?;
            if length.is_some_and(|length| length != stated) {
                return Err(Fault::BadContentLength);
            }
            length = Some(stated);
        }
    }
    Ok(length)
}

/// `1*DIGIT` within 64 bits. `str::parse` would take a sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether the peer keeps the connection open (RFC 9112 section 9.3).
fn persists(version: Version, fields: &HeaderMap) -> bool {
    let mut keeps = version == Version::Http11;
    for value in fields.get_all(CONNECTION) {
        for option in value.as_bytes().split(|&byte| byte == b',').map(trim) {
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keeps |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keeps
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn framing(
        method: &Method,
        status: u16,
        version: Version,
        fields: &[(&str, &str)],
    ) -> Result<Framing, Fault> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        Framing::of(method, status, version, &map)
    }

    fn get(fields: &[(&str, &str)]) -> Result<(BodyLength, bool), Fault> {
        framing(&Method::GET, 200, Version::Http11, fields).map(|it| (it.length, it.is_persistent))
    }

    #[test]
    fn a_length_may_be_repeated_but_not_contradicted() {
        let length = "content-length";
        for value in ["5", "5, 5", "005", "5 ,5"] {
            assert_eq!(get(&[(length, value)]), Ok((BodyLength::Known(5), true)), "{value}");
        }
        assert_eq!(get(&[(length, "5"), (length, "5")]), Ok((BodyLength::Known(5), true)));
        assert_eq!(get(&[(length, "18446744073709551615")]), Ok((BodyLength::Known(u64::MAX), true)));
        for value in ["", "+5", "-5", "5,", ",5", "5, 6", "5;a", "0x5", "5.0", "5 5", "18446744073709551616"]
        {
            assert_eq!(get(&[(length, value)]), Err(Fault::BadContentLength), "{value}");
        }
        assert_eq!(get(&[(length, "5"), (length, "6")]), Err(Fault::BadContentLength));
        assert_eq!(get(&[(length, "x"), ("transfer-encoding", "chunked")]), Err(Fault::BadContentLength));
    }

    #[test]
    fn transfer_encoding_overrides_the_length() {
        let coding = "transfer-encoding";
        assert_eq!(get(&[(coding, "chunked")]), Ok((BodyLength::Chunked, true)));
        assert_eq!(get(&[("content-length", "5"), (coding, "chunked")]), Ok((BodyLength::Chunked, false)));
        assert_eq!(get(&[(coding, "chunked, chunked")]), Ok((BodyLength::Chunked, false)));
        assert_eq!(get(&[("content-length", "5"), (coding, "gzip")]), Ok((BodyLength::UntilClose, false)));
        assert_eq!(get(&[("content-length", "5"), (coding, "identity")]), Ok((BodyLength::Known(5), false)));
        let old =
            framing(&Method::GET, 200, Version::Http10, &[(coding, "chunked"), ("connection", "keep-alive")]);
        assert_eq!(old.map(|it| (it.length, it.is_persistent)), Ok((BodyLength::Chunked, false)));
    }

    #[test]
    fn some_responses_have_no_body() {
        let of = |method: &Method, status, fields: &[(&str, &str)]| {
            framing(method, status, Version::Http11, fields).map(|it| (it.length, it.is_persistent)).unwrap()
        };
        let length = [("content-length", "5")];
        let chunked = [("transfer-encoding", "gzip, chunked")];
        assert_eq!(of(&Method::HEAD, 200, &length), (BodyLength::None, true));
        assert_eq!(of(&Method::HEAD, 200, &chunked), (BodyLength::None, true));
        assert_eq!(of(&Method::GET, 304, &length), (BodyLength::None, true));
        assert_eq!(of(&Method::GET, 204, &[]), (BodyLength::None, true));
        assert_eq!(of(&Method::GET, 204, &length), (BodyLength::None, false));
        assert_eq!(of(&Method::GET, 205, &[]), (BodyLength::UntilClose, false));
        assert_eq!(of(&Method::CONNECT, 200, &length), (BodyLength::Tunnel, false));
        assert_eq!(of(&Method::CONNECT, 407, &length), (BodyLength::Known(5), true));
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        let of = |version, value| {
            framing(&Method::HEAD, 200, version, &[("connection", value)]).unwrap().is_persistent
        };
        assert!(of(Version::Http11, ""));
        assert!(!of(Version::Http11, "x, Close"));
        assert!(!of(Version::Http10, ""));
        assert!(of(Version::Http10, "Keep-Alive"));
        assert!(!of(Version::Http10, "keep-alive, close"));
    }
}
