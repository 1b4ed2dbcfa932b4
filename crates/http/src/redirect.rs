//! Where a redirect leads, and whether it may be followed (RFC 9110 section 15.4). Pure: nothing is requested here.

use std::fmt::Write as _;
use std::net::IpAddr;

use longhaul_socket::{Host, is_public};

use crate::limits::{LOCATION_BYTES_MAX, REDIRECTS_MAX};
use crate::url::Scheme;
use crate::url::{HttpUrl, UrlError};

/// Which redirects may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectPolicy {
    /// How many redirects are followed for one URL.
    pub redirects_max: usize,
    /// Whether a redirect may lead from `https` to `http`.
    pub allow_downgrade: bool,
    /// Whether a redirect may lead from the public internet into a private network.
    pub allow_private: bool,
}

impl Default for RedirectPolicy {
    fn default() -> Self {
        Self { redirects_max: REDIRECTS_MAX, allow_downgrade: false, allow_private: false }
    }
}

/// The parts of a response that a redirect is made of.
#[derive(Clone, Copy, Debug)]
pub struct Redirection<'a> {
    /// The status.
    pub status: u16,
    /// The bytes of `Location`, as sent.
    pub location: Option<&'a [u8]>,
    /// The host's own address, where it is known: a host at a private address may redirect to private addresses.
    pub host_ip: Option<IpAddr>,
    /// How many of the earlier URLs of the chain were requested before a cookie was set. They may be requested again, since their
    /// hosts may answer otherwise now.
    pub changed_at: usize,
}

/// The next URL of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The URL to request. It keeps the credentials of the URL before it if the origin is the same, and has none otherwise.
    pub url: HttpUrl,
    /// Whether the origin changed.
    pub other_origin: bool,
    /// Whether the request has to fail if the name resolves to private addresses: see
    /// [`Request::with_forbid_private`](crate::Request::with_forbid_private).
    pub forbid_private: bool,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectFault {
    /// The chain came back to one of its URLs.
    #[error("the redirects form a loop")]
    Loop,
    /// The chain is longer than allowed.
    #[error("more than {0} redirects")]
    TooMany(usize),
    /// A redirecting status without a `Location`.
    #[error("status {0} without a location")]
    NoLocation(u16),
    /// Longer than [`LOCATION_BYTES_MAX`].
    #[error("the location is longer than {LOCATION_BYTES_MAX} bytes")]
    LocationTooLong,
    /// The location contains control characters, which a parser of URLs would drop silently.
    #[error("the location contains control characters")]
    LocationControls,
    /// The location is no URL, or one of an unsupported scheme.
    #[error("the location cannot be followed")]
    Location(#[source] UrlError),
    /// From `https` to `http`.
    #[error("the redirect leads from https to http")]
    Downgrade,
    /// From the public internet to an address outside it.
    #[error("the redirect leads from the public internet to a private address")]
    Private,
    /// 304 without a condition in the request.
    #[error("status 304 to a request without a condition")]
    UnaskedNotModified,
    /// A 3xx status that names no URL to go to.
    #[error("status {0} is not followed")]
    NotFollowed(u16),
}

/// Whether `ip` is an address outside of the public internet.
pub fn is_private(ip: IpAddr) -> bool {
    !is_public(ip)
}

/// The next hop after this response to a request for `from`; `None` where the status is no redirect. `earlier` are the URLs of
/// this chain before `from`, the first one first.
///
/// 304 is a fault here: a caller that sent a conditional request handles its 304 itself.
pub fn next(
    policy: &RedirectPolicy,
    from: &HttpUrl,
    earlier: &[HttpUrl],
    redirection: Redirection<'_>,
) -> Result<Option<Hop>, RedirectFault> {
    match redirection.status {
        301 | 302 | 303 | 307 | 308 => {}
        // Multiple Choices: `Location` is the server's preference (RFC 9110 section 15.4.1).
        300 if redirection.location.is_some() => {}
        304 => return Err(RedirectFault::UnaskedNotModified),
        300..=399 => return Err(RedirectFault::NotFollowed(redirection.status)),
        _ => return Ok(None),
    }
    let location = redirection.location.ok_or(RedirectFault::NoLocation(redirection.status))?;
    let target = target(from, location)?;
    if earlier.len() >= policy.redirects_max {
        return Err(RedirectFault::TooMany(policy.redirects_max));
    }
    // A host may redirect to the same URL until it is ready, or until it gets its cookie back.
    let since_change = earlier.get(redirection.changed_at..).unwrap_or_default();
    let is_itself = target.as_str() == from.as_str();
    if !is_itself && since_change.iter().any(|url| url.as_str() == target.as_str()) {
        return Err(RedirectFault::Loop);
    }
    let downgrade = from.origin().scheme().is_secure() && target.origin().scheme() == Scheme::Http;
    if downgrade && !policy.allow_downgrade {
        return Err(RedirectFault::Downgrade);
    }
    let forbid_private = !policy.allow_private && is_taken_for_public(from, redirection.host_ip);
    if forbid_private && matches!(target.origin().host(), Host::Ip(ip) if is_private(*ip)) {
        return Err(RedirectFault::Private);
    }
    let other_origin = target.origin() != from.origin();
    let credentials = if other_origin { None } else { from.credentials().cloned() };
    Ok(Some(Hop { url: target.with_credentials(credentials), other_origin, forbid_private }))
}

/// Whether the host of `from` counts as one of the public internet. Where the connection does not tell its address (a
/// proxy is in between), an address in the URL does; a host of which no address is known is held to the stricter rule.
fn is_taken_for_public(from: &HttpUrl, host_ip: Option<IpAddr>) -> bool {
    let in_url = match from.origin().host() {
        Host::Ip(ip) => Some(*ip),
        Host::Name(_) => None,
    };
    host_ip.or(in_url).is_none_or(is_public)
}

/// Resolves the value of the field. If it is not UTF-8, its bytes beyond ASCII are percent-encoded one by one, so that the
/// server gets back the bytes it sent, whatever their encoding.
fn target(from: &HttpUrl, location: &[u8]) -> Result<HttpUrl, RedirectFault> {
    let location = location.trim_ascii();
    if location.len() > LOCATION_BYTES_MAX {
        return Err(RedirectFault::LocationTooLong);
    }
    if location.is_empty() {
        return Err(RedirectFault::Location(UrlError::Empty));
    }
    if location.iter().any(u8::is_ascii_control) {
        return Err(RedirectFault::LocationControls);
    }
    let reference =
        std::str::from_utf8(location).map_or_else(|_| with_high_bytes_escaped(location), str::to_owned);
    from.join(&reference).map_err(RedirectFault::Location)
}

fn with_high_bytes_escaped(location: &[u8]) -> String {
    let mut reference = String::with_capacity(location.len());
    for &byte in location {
        if byte.is_ascii() {
            reference.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(reference, "%{byte:02X}");
        }
    }
    reference
}
