//! The head of a request: what the hooks have set, and the fields that frame the message.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields::replace;
use super::hook::ExchangeHooks;
use super::{Method, RangeRequest, Request};
use crate::connection::Via;
use crate::fault::Error;
use crate::h1::request::Target;
use crate::h1::{self, FieldList, FieldName};

/// Fields that frame the message or choose its connection. This crate alone sets them: those of a caller are not sent.
pub const RESERVED_FIELDS: [HeaderName; 10] =
    [HOST, CONNECTION, CONTENT_LENGTH, EXPECT, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Fields of a usual request, so that the map is allocated once.
const FIELDS_USUAL: usize = 8;

/// The head of one request, ready to be sent over any connection.
pub(crate) struct RequestHead {
    method: Method,
    via: Via,
    target: String,
    /// The value of `Host`.
    authority: String,
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
        let authority = request.url.origin().authority();
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
        Ok(Self { method: request.method, via, target: target.to_owned(), authority, fields })
    }

    pub(crate) const fn http_method(&self) -> http::Method {
        match self.method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
        }
    }

    /// Appends the head as HTTP/1.1 writes it.
    pub(crate) fn write_to(&self, into: &mut Vec<u8>) -> Result<(), Error> {
        let target = match self.via {
            Via::Direct | Via::Tunnel => Target::Origin(&self.target),
            Via::Forward => Target::Absolute(&self.target),
        };
        let mut fields = FieldList::new();
        for (name, value) in &self.fields {
            // In lower case, like `host`.
            let name =
                FieldName::new(name.as_str().as_bytes()).map_err(|error| Error::Unsendable(error.into()))?;
            fields.push(name, value.clone());
        }
        h1::request::write(into, &self.http_method(), target, &self.authority, &fields)
            .map_err(|error| Error::Unsendable(error.into()))
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
