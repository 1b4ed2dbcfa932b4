//! Hosts: names and IP addresses, told apart once, when they are parsed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// RFC 1035 section 2.3.4 allows 255 octets on the wire, which are 253 characters as text.
const NAME_BYTES_MAX: usize = 253;
/// RFC 1035 section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// A domain name in lower case, of letters, digits, `-`, `_` and `.`. Cheap to clone.
///
/// One trailing dot is accepted and dropped. Internationalised names must be in their ASCII form (`xn--`).
///
/// Names that end in a number, such as `127.1`, `0x7f.1` or `1.2.3.4`, are refused: the system's resolver would take
/// them for addresses, which would bypass a check of addresses (WHATWG URL, "ends in a number").
///
/// ```
/// use longhaul_socket::HostName;
///
/// let name: HostName = "Example.ORG.".parse()?;
/// assert_eq!(name.as_str(), "example.org");
/// assert!("127.1".parse::<HostName>().is_err());
/// # Ok::<(), longhaul_socket::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

impl HostName {
    /// The name in lower case, without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `domain` or a subdomain of it. `domain` is in lower case, without dots at its ends.
    pub(crate) fn is_within(&self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(InvalidHost::TooLong);
        }
        if let Some(bad) = name.chars().find(|&c| !is_name_character(c)) {
            return Err(InvalidHost::BadCharacter(bad));
        }
        if name.split('.').any(|label| label.is_empty() || label.len() > LABEL_BYTES_MAX) {
            return Err(InvalidHost::BadLabel);
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(InvalidHost::EndsInNumber);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Whether `inet_aton(3)` would take the label for a part of an address: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// A host: a name, which has to be resolved, or an IP address.
///
/// ```
/// use longhaul_socket::Host;
///
/// let host: Host = "[::1]".parse()?;
/// assert_eq!(host, Host::Ip("::1".parse().unwrap()));
/// assert_eq!(host.to_string(), "[::1]");
/// assert_eq!("Example.org".parse::<Host>()?.to_string(), "example.org");
/// # Ok::<(), longhaul_socket::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain name.
    Name(HostName),
    /// An IP address.
    Ip(IpAddr),
}

impl Host {
    /// The name; `None` for an IP address.
    pub const fn name(&self) -> Option<&HostName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Ip(_) => None,
        }
    }
}

impl From<HostName> for Host {
    fn from(name: HostName) -> Self {
        Self::Name(name)
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl fmt::Display for Host {
    /// An IPv6 address is written in brackets, as in a URL (RFC 3986 section 3.2.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(InvalidHost::BadAddress)?;
            return inner
                .parse::<Ipv6Addr>()
                .map(|ip| Self::Ip(ip.into()))
                .map_err(|_| InvalidHost::BadAddress);
        }
        match text.parse::<IpAddr>() {
            Ok(ip) => Ok(Self::Ip(ip)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

/// Why a text is not a [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHost {
    /// The text is empty.
    #[error("the host is empty")]
    Empty,
    /// More than 253 characters.
    #[error("the host name is longer than {NAME_BYTES_MAX} characters")]
    TooLong,
    /// A character that names cannot contain. `Display` escapes it, as it may be any character.
    #[error("a host name cannot contain {0:?}")]
    BadCharacter(char),
    /// A label (a part between dots) is empty or too long.
    #[error("each part of a host name has 1 to {LABEL_BYTES_MAX} characters")]
    BadLabel,
    /// It looks like an IPv4 address in an old or malformed notation.
    #[error("a host name cannot end in a number")]
    EndsInNumber,
    /// The text in brackets is not an IPv6 address.
    #[error("brackets hold an IPv6 address without a zone")]
    BadAddress,
}
