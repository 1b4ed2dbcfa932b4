//! The head of a response, and how long its body is said to be.

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName};

use crate::connection::{Peer, Via};
use crate::content_range::{ContentRange, decimal};
use crate::fault::ProtocolFaultKind;
use crate::rate_limit::{self, RateLimit};
use crate::request::Method;
use crate::retry_after;
use crate::validator::Validator;

/// How the end of a body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none: the answer to HEAD, a 204, a 304.
    Empty,
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes, so that a cut body looks like a whole one.
    UntilClose,
}

/// The head of a final response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head {
    /// 200 to 999; nothing below 200 is ever handed out.
    pub status: u16,
    /// The fields.
    pub headers: HeaderMap,
    /// The other end of the connection over which it came.
    pub peer: Peer,
    /// What `Content-Length` said; for HEAD and 304 it speaks of a body that is not sent.
    pub content_length: Option<u64>,
    /// How the end of the body is known.
    pub framing: Framing,
}

impl Head {
    pub(crate) fn new(
        status: u16,
        headers: HeaderMap,
        peer: Peer,
        method: Method,
    ) -> Result<Self, ProtocolFaultKind> {
        let content_length = content_length(&headers)?;
        let bodiless = method == Method::Head || matches!(status, 204 | 304);
        let framing = if bodiless {
            Framing::Empty
        } else if headers.contains_key(TRANSFER_ENCODING) {
            transfer_framing(&headers)?
        } else {
            content_length.map_or(Framing::UntilClose, Framing::Length)
        };
        Ok(Self { status, headers, peer, content_length, framing })
    }

    /// The head of an answer to a GET, put together from its parts; for simulations and tests of what decides by heads.
    ///
    /// # Errors
    /// The lengths contradict each other or are no lengths.
    pub fn from_parts(status: u16, headers: HeaderMap, peer: Peer) -> Result<Self, ProtocolFaultKind> {
        Self::new(status, headers, peer, Method::Get)
    }

    /// Whether a proxy may have sent this in place of the host: it asks for credentials of its own (407), or did not reach
    /// the host (502 to 504). Such a response says nothing about the network beyond the proxy.
    pub fn may_be_from_proxy(&self) -> bool {
        self.peer.via == Via::Forward && matches!(self.status, 407 | 502..=504)
    }

    /// The version of the resource, as this response states it.
    pub fn validator(&self) -> Validator {
        Validator::of(&self.headers)
    }

    /// The part of the whole this response brings, where it says so.
    ///
    /// # Errors
    /// [`ProtocolFaultKind::BadContentRange`] where the field is invalid or repeated.
    pub fn content_range(&self) -> Result<Option<ContentRange>, ProtocolFaultKind> {
        let mut values = self.headers.get_all(CONTENT_RANGE).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let range = ContentRange::parse(value.as_bytes()).filter(|_| values.next().is_none());
        range.map(Some).ok_or(ProtocolFaultKind::BadContentRange)
    }

    /// How long `Retry-After` asks to wait, seen from `now_unix_ms`.
    pub fn retry_after(&self, now_unix_ms: u64) -> Option<Duration> {
        retry_after::parse(self.field(&RETRY_AFTER)?, now_unix_ms)
    }

    /// How many requests more the host says it will serve, seen from `now_unix_ms`.
    pub fn rate_limit(&self, now_unix_ms: u64) -> Option<RateLimit> {
        rate_limit::parse(&self.headers, now_unix_ms)
    }

    /// The bytes of `Location`, as sent.
    pub fn location(&self) -> Option<&[u8]> {
        self.field(&LOCATION)
    }

    /// Whether the host says that it serves parts in bytes (`Accept-Ranges`, RFC 9110 section 14.3).
    pub(crate) fn has_ranges(&self) -> bool {
        self.field(&ACCEPT_RANGES).is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"bytes"))
    }

    /// Whether the body is said to be several parts of one resource.
    pub(crate) fn is_multipart_ranges(&self) -> bool {
        const MULTIPART: &[u8] = b"multipart/byteranges";
        let prefix = self.field(&CONTENT_TYPE).and_then(|value| value.get(..MULTIPART.len()));
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(MULTIPART))
    }

    /// Whether, once the body is read, nothing can be left on the connection that another response could be mistaken for.
    ///
    /// Both framings in one head are how responses are smuggled (RFC 9112 section 6.3), and a body announced where none may
    /// follow will be sent by somebody.
    pub(crate) fn leaves_connection_clean(&self) -> bool {
        let transfer_coded = self.headers.contains_key(TRANSFER_ENCODING);
        match self.framing {
            Framing::Chunked => self.content_length.is_none(),
            Framing::UntilClose => false,
            Framing::Length(_) => true,
            Framing::Empty => {
                self.status != 204 || (!transfer_coded && self.content_length.unwrap_or(0) == 0)
            }
        }
    }

    fn field(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(http::HeaderValue::as_bytes)
    }
}

/// One length, however often it is repeated (RFC 9112 section 6.3, rule 5).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, ProtocolFaultKind> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let text = value.to_str().map_err(|_| ProtocolFaultKind::BadFraming)?;
        for item in text.split(',') {
            let stated = decimal(item.trim()).ok_or(ProtocolFaultKind::BadFraming)?;
            if length.is_some_and(|length| length != stated) {
                return Err(ProtocolFaultKind::BadFraming);
            }
            length = Some(stated);
        }
    }
    Ok(length)
}

/// Chunked if that is the last coding; chunked anywhere else, or twice, cannot be undone.
fn transfer_framing(headers: &HeaderMap) -> Result<Framing, ProtocolFaultKind> {
    let mut chunked = false;
    for value in headers.get_all(TRANSFER_ENCODING) {
        let text = value.to_str().map_err(|_| ProtocolFaultKind::BadFraming)?;
        for coding in text.split(',').map(str::trim).filter(|coding| !coding.is_empty()) {
            if chunked {
                return Err(ProtocolFaultKind::BadFraming);
            }
            chunked = coding.eq_ignore_ascii_case("chunked");
        }
    }
    Ok(if chunked { Framing::Chunked } else { Framing::UntilClose })
}
