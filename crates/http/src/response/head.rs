//! The head of a response.

use std::time::Duration;

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

use crate::announced::rate_limit::{self, RateLimit};
use crate::announced::retry_after;
use crate::connection::{Peer, Via};
use crate::fault::ProtocolFaultKind;
use crate::h1::{self, BodyLength, TransferCoding, Version};
use crate::resume::ContentRange;
use crate::resume::Validator;

/// How the end of a body is known (RFC 9112 section 6.3, RFC 9113 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: a response to HEAD, a 204, a 304.
    Empty,
    /// It ends after this many bytes.
    Length(u64),
    /// It ends after the last chunk.
    Chunked,
    /// It ends with the stream of the exchange, which says whether the body is complete. For protocols with streams.
    Stream,
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
    /// The transfer codings of the body other than `chunked`, in the order in which they were applied. [`Body`](crate::Body)
    /// decodes them, or fails if it cannot. Empty if there is no body.
    pub transfer_codings: Vec<TransferCoding>,
}

impl Head {
    /// The head of a response as HTTP/1 frames it.
    pub(crate) fn of_h1(status: u16, headers: HeaderMap, peer: Peer, framing: &h1::Framing) -> Self {
        let length = match framing.length {
            BodyLength::None | BodyLength::Tunnel => Framing::Empty,
            BodyLength::Known(length) => Framing::Length(length),
            BodyLength::Chunked => Framing::Chunked,
            BodyLength::UntilClose => Framing::UntilClose,
        };
        Self {
            status,
            headers,
            peer,
            content_length: framing.content_length,
            framing: length,
            transfer_codings: framing.codings.clone(),
        }
    }

    /// The head of a response to a GET, from its parts: for tests and simulations of code that decides by heads.
    ///
    /// # Errors
    /// The lengths in the fields are invalid or contradict each other.
    pub fn from_parts(status: u16, headers: HeaderMap, peer: Peer) -> Result<Self, ProtocolFaultKind> {
        Self::of_fields(&http::Method::GET, status, headers, peer, Framing::UntilClose)
    }

    /// The head of a response to a request with `method`, whose fields give the length of its body. `unmeasured` is how the
    /// body ends if they do not: with its stream, where the protocol has streams.
    pub(crate) fn of_fields(
        method: &http::Method,
        status: u16,
        headers: HeaderMap,
        peer: Peer,
        unmeasured: Framing,
    ) -> Result<Self, ProtocolFaultKind> {
        let framing = h1::Framing::of(method, status, Version::Http11, &headers)
            .map_err(|fault| ProtocolFaultKind::of(fault).unwrap_or(ProtocolFaultKind::BadFraming))?;
        let head = Self::of_h1(status, headers, peer, &framing);
        let framing = if head.framing == Framing::UntilClose { unmeasured } else { head.framing };
        Ok(Self { framing, ..head })
    }

    /// Whether transfer codings are applied to the body. Offsets within such a body are never used to resume it: RFC 9110 section
    /// 14.1.2 counts them in the decoded representation, but a server that confuses transfer and content codings counts coded
    /// bytes.
    pub fn is_coded(&self) -> bool {
        !self.transfer_codings.is_empty()
    }

    /// The media type of the representation, as sent (RFC 9110 section 8.3); `None` if it is not text.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
    }

    /// The content codings of the representation, in the order in which they were applied (RFC 9110 section 8.4). `None` if there
    /// are none: `identity` is none. They are part of the representation, so [`Body`](crate::Body) does not decode them.
    pub fn content_encoding(&self) -> Option<String> {
        let values = self.headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let codings = values.flat_map(|value| value.split(',')).map(str::trim);
        let codings: Vec<_> =
            codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).collect();
        (!codings.is_empty()).then(|| codings.join(", "))
    }

    /// Whether a proxy may have sent this in place of the host: it asks for credentials of its own (407), or did not reach
    /// the host (502 to 504). Such a response says nothing about the network beyond the proxy.
    pub fn may_be_from_proxy(&self) -> bool {
        match self.peer.via {
            Via::Forward => matches!(self.status, 407 | 502..=504),
            // What comes through a tunnel is the host's.
            Via::Direct | Via::Tunnel => false,
        }
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

    /// How long `Retry-After` asks to wait, counted from `now_unix_ms`. Of several fields the one that asks for most counts.
    pub fn retry_after(&self, now_unix_ms: u64) -> Option<Duration> {
        let values = self.headers.get_all(RETRY_AFTER).iter();
        values.filter_map(|value| retry_after::parse(value.as_bytes(), now_unix_ms)).max()
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

    fn field(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(http::HeaderValue::as_bytes)
    }
}
