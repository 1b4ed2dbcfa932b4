//! The head of a request. What is the same for every request of a client, and then of an origin, is built once.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_RANGE, RANGE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::Empty;

use crate::client::ClientOptions;
use crate::fault::Error;
use crate::origin::Origin;
use crate::request::{Method, RangeRequest, Request};
use crate::url::Credentials;

/// Fields that frame or route the message: ours alone, whatever the caller says.
const RESERVED: [HeaderName; 10] =
    [HOST, CONNECTION, CONTENT_LENGTH, EXPECT, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// What every request to `origin` begins with. `Host` comes first, as RFC 9110 section 7.2 would have it.
pub(crate) fn origin_fields(origin: &Origin, options: &ClientOptions) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(8 + options.headers.len());
    let authority = HeaderValue::try_from(origin.authority())
        .expect("a parsed host has only letters, digits and the marks of addresses");
    fields.insert(HOST, authority);
    fields.insert(USER_AGENT, options.user_agent.clone());
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // A coded body has another length and other ranges than the file that is wanted.
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    overlay(&mut fields, &options.headers);
    fields
}

/// The whole request, on top of the fields of its origin.
pub(crate) fn request(
    request: &Request,
    origin_fields: &HeaderMap,
) -> Result<http::Request<Empty<Bytes>>, Error> {
    let target = Bytes::copy_from_slice(request.url.path_and_query().as_bytes());
    let target = Uri::from_maybe_shared(target).map_err(|error| Error::Unsendable(error.into()))?;
    let mut head = http::Request::new(Empty::new());
    *head.method_mut() = match request.method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
    };
    *head.uri_mut() = target;
    let mut fields = origin_fields.clone();
    if let Some(credentials) = request.url.credentials() {
        fields.insert(AUTHORIZATION, basic(credentials));
    }
    if !request.headers.is_empty() {
        overlay(&mut fields, &request.headers);
    }
    if let Some(range) = &request.range {
        insert_range(&mut fields, range)?;
    }
    *head.headers_mut() = fields;
    Ok(head)
}

/// Lays the caller's fields over ours: all values of a name replace whatever was there.
fn overlay(fields: &mut HeaderMap, over: &HeaderMap) {
    for name in over.keys().filter(|name| !RESERVED.contains(name)) {
        fields.remove(name);
        for value in over.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
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

/// Basic authentication (RFC 7617). Marked as sensitive, so that no debugging output shows it.
fn basic(credentials: &Credentials) -> HeaderValue {
    let pair = [&credentials.user[..], b":", &credentials.password[..]].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(&pair)))
        .expect("base64 has only letters, digits, plus, slash and the equals sign");
    value.set_sensitive(true);
    value
}

/// RFC 4648 section 4, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 0x3f;
            text.push(if digit <= group.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}
