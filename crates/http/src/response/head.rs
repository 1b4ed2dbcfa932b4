//! The head of a response.

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName};

use crate::announced::rate_limit::{self, RateLimit};
use crate::announced::retry_after;
use crate::connection::{Peer, Via};
use crate::fault::ProtocolFaultKind;
use crate::request::Method;
use crate::resume::Validator;
use crate::resume::{ContentRange, decimal};

/// How the end of a body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: a response to HEAD, a 204, a 304.
    Empty,
    /// It ends after this many bytes.
    Length(u64),
    /// It ends after the last chunk.
    Chunked,
    /// It ends when the connection closes, so that a truncated body looks like a complete one.
    UntilClose,
}

/// The head of a final response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head {
    /// The status code, 200 to 999: interim responses (1xx) are never returned.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The other end of the connection over which it came.
    pub peer: Peer,
    /// The value of `Content-Length`. In a response to HEAD and in a 304 it is the length of a body that is not sent.
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

    /// The head of a response to a GET, from its parts: for tests and simulations of code that decides by heads.
    ///
    /// # Errors
    /// The lengths in the fields are invalid or contradict each other.
    pub fn from_parts(status: u16, headers: HeaderMap, peer: Peer) -> Result<Self, ProtocolFaultKind> {
        Self::new(status, headers, peer, Method::Get)
    }

    /// Whether a proxy may have sent this in place of the host: it asks for credentials of its own (407), or did not reach
    /// the host (502 to 504). Such a response says nothing about the network beyond the proxy.
    pub fn may_be_from_proxy(&self) -> bool {
        self.peer.via == Via::Forward && matches!(self.status, 407 | 502..=504)
    }

    /// The validators of this response.
    pub fn validator(&self) -> Validator {
        Validator::of(&self.headers)
    }

    /// The part of the representation that this response contains, if it says so.
    ///
    /// # Errors
    /// [`ProtocolFaultKind::BadContentRange`] where the field is invalid or repeated.
    pub fn content_range(&self) -> Result<Option<ContentRange>, ProtocolFaultKind> {
        let mut values = self.headers.get_all(CONTENT_RANGE).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let range = ContentRange::parse(value.as_bytes()).filter(|_| values.next().is_none());
        range.map(Some).ok_or(ProtocolFaultKind::BadContentRange)
    }

    /// How long `Retry-After` asks to wait, counted from `now_unix_ms`.
    pub fn retry_after(&self, now_unix_ms: u64) -> Option<Duration> {
        retry_after::parse(self.field(&RETRY_AFTER)?, now_unix_ms)
    }

    /// How many more requests the host says it will serve, counted from `now_unix_ms`.
    pub fn rate_limit(&self, now_unix_ms: u64) -> Option<RateLimit> {
        rate_limit::parse(&self.headers, now_unix_ms)
    }

    /// The value of `Location`, as sent.
    pub fn location(&self) -> Option<&[u8]> {
        self.field(&LOCATION)
    }

    /// Whether the host says that it supports byte ranges (`Accept-Ranges`, RFC 9110 section 14.3).
    pub(crate) fn has_ranges(&self) -> bool {
        self.field(&ACCEPT_RANGES).is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"bytes"))
    }

    /// Whether the body is announced as several ranges in one (RFC 9110 section 14.6).
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
