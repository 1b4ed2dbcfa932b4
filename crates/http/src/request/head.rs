//! The head of a request: its control data (RFC 9110 section 6.2) and its fields, for every version of HTTP.
//!
//! HTTP/1.1 writes the control data as a request line and `Host`, HTTP/2 as pseudo-fields (RFC 9113 section 8.3.1). No
//! version writes fields that frame its messages here: a session adds its own.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields::replace;
use super::hooks::ExchangeHooks;
use super::{Method, RangeRequest, Request};
use crate::connection::Via;
use crate::fault::Error;
use crate::url::Scheme;

/// Fields that frame the message or choose its connection. This crate alone sets them: those of a caller are not sent.
pub const RESERVED_FIELDS: [HeaderName; 10] =
    [HOST, CONNECTION, CONTENT_LENGTH, EXPECT, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Fields of a usual request, so that the map is allocated once.
const FIELDS_USUAL: usize = 8;

/// The head of one request, ready to be sent over any session. No request has a body.
pub(crate) struct RequestHead {
    method: Method,
    scheme: Scheme,
    authority: String,
    path: String,
    is_forwarded: bool,
    fields: HeaderMap,
}

impl RequestHead {
    /// The head of `request`, once all hooks have seen it, for a host that is reached in this way.
    pub(crate) fn new(request: &Request, via: Via, hooks: &ExchangeHooks) -> Result<Self, Error> {
        let is_forwarded = via == Via::Forward;
        if is_forwarded && request.url.origin().scheme().is_secure() {
            let cause = "a proxy that forwards would read a request that is to be encrypted";
            return Err(Error::Unsendable(cause.into()));
        }
        let mut fields = HeaderMap::with_capacity(FIELDS_USUAL);
        hooks.before(request, via, &mut fields);
        if !request.headers.is_empty() {
            replace(&mut fields, &request.headers);
        }
        for name in &RESERVED_FIELDS {
            fields.remove(name);
        }
        if let Some(range) = &request.range {
            insert_range(&mut fields, range)?;
        }
        let origin = request.url.origin();
        Ok(Self {
            method: request.method,
            scheme: origin.scheme(),
            authority: origin.authority(),
            path: request.url.path_and_query().to_owned(),
            is_forwarded,
            fields,
        })
    }

    /// The method: `:method`.
    pub(crate) const fn method(&self) -> http::Method {
        match self.method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
        }
    }

    /// The scheme of the URL: `:scheme`.
    pub(crate) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port of the URL, the port only where it is not the default: `Host`, and `:authority`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query of the URL, never empty: `:path`, and the request target of HTTP/1.1 in origin-form.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a proxy reads the request, so that HTTP/1.1 names the whole URL (RFC 9112 section 3.2.2).
    pub(crate) const fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }

    /// All other fields: none of [`RESERVED_FIELDS`] but the range and its condition.
    pub(crate) const fn fields(&self) -> &HeaderMap {
        &self.fields
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
