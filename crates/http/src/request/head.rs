//! The head of a request: what the hooks have set, and the fields that frame the message.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::Empty;

use super::fields::replace;
use super::hook::ExchangeHooks;
use super::{Method, RangeRequest, Request};
use crate::connection::Via;
use crate::fault::Error;

/// Fields that frame the message or choose its connection. This crate alone sets them: those of a caller are not sent.
pub const RESERVED_FIELDS: [HeaderName; 10] =
    [HOST, CONNECTION, CONTENT_LENGTH, EXPECT, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Fields of a usual request, so that the map is allocated once.
const FIELDS_USUAL: usize = 8;

/// The head of one request, ready to be sent over any connection.
#[derive(Clone)]
pub(crate) struct RequestHead {
    method: Method,
    target: Uri,
    /// The value of `Host`.
    authority: HeaderValue,
    /// All other fields.
    fields: HeaderMap,
}

impl RequestHead {
    /// The head of `request`, once all hooks have seen it, for a host that is reached in this way.
    pub(crate) fn new(request: &Request, via: Via, hooks: &ExchangeHooks) -> Result<Self, Error> {
        // RFC 9112 section 3.2: the path alone to the host, the whole URL to a proxy that forwards.
        let target = match via {
            Via::Direct | Via::Tunnel => request.url.path_and_query(),
            Via::Forward if request.url.origin().scheme().is_secure() => {
                let cause = "a proxy that forwards would read a request that is to be encrypted";
                return Err(Error::Unsendable(cause.into()));
            }
            Via::Forward => request.url.as_str(),
        };
        let target = Bytes::copy_from_slice(target.as_bytes());
        let target = Uri::from_maybe_shared(target).map_err(|error| Error::Unsendable(error.into()))?;
        let authority = HeaderValue::try_from(request.url.origin().authority())
            .expect("a parsed host has only letters, digits and the marks of addresses");
        let mut fields = HeaderMap::with_capacity(FIELDS_USUAL);
        hooks.before(request, &mut fields);
        if !request.headers.is_empty() {
            replace(&mut fields, &request.headers);
        }
        for name in &RESERVED_FIELDS {
            fields.remove(name);
        }
        if let Some(range) = &request.range {
            insert_range(&mut fields, range)?;
        }
        Ok(Self { method: request.method, target, authority, fields })
    }

    /// The head as hyper takes it.
    pub(crate) fn into_request(self) -> http::Request<Empty<Bytes>> {
        let mut request = http::Request::new(Empty::new());
        *request.method_mut() = match self.method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
        };
        *request.uri_mut() = self.target;
        let fields = request.headers_mut();
        // First, as RFC 9110 section 7.2 recommends: a map keeps the order in which names came.
        fields.insert(HOST, self.authority);
        fields.extend(self.fields);
        request
    }
}

fn insert_range(fields: &mut HeaderMap, range: &RangeRequest) -> Result<(), Error> {
    let unsendable = |error: http::header::InvalidHeaderValue| Error::Unsendable(error.into());
    fields.insert(RANGE, HeaderValue::try_from(format!("bytes={}-", range.from)).map_err(unsendable)?);
    if let Some(condition) = &range.if_range {
        fields.insert(IF_RANGE, HeaderValue::from_str(condition.as_str()).map_err(unsendable)?);
    }
    Ok(())
}
