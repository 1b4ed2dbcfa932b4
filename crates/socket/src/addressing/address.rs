//! Addresses: endpoints, and the paths of Unix-domain sockets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::{Endpoint, InvalidEndpoint};

/// The size of `sun_path` on the systems with the smallest one (macOS and the BSDs), less the final zero byte: unix(4).
const PATH_BYTES_MAX: usize = 103;

/// The path of a Unix-domain socket, unix(7). Cheap to clone.
///
/// At most 103 bytes, so that a path that is valid on one system is valid on all. Abstract names (Linux) and unnamed
/// sockets are refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixPath(Arc<Path>);

impl UnixPath {
    /// The socket at `path`; the file need not exist.
    ///
    /// # Errors
    /// When the path is empty, too long, or contains a zero byte.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, InvalidAddress> {
        let path = path.into();
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(InvalidAddress::BadPath);
        }
        if bytes.len() > PATH_BYTES_MAX {
            return Err(InvalidAddress::PathTooLong);
        }
        Ok(Self(path.into()))
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for UnixPath {
    /// Control characters are escaped, and bytes that are not UTF-8 are replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unix://")?;
        for character in self.0.to_string_lossy().chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// The address of a stream: an [`Endpoint`] or a [`UnixPath`].
///
/// Text form: `tcp://127.0.0.1:80`, `udp://[::1]:53` or `unix:///run/service.sock`.
///
/// ```
/// use longhaul_socket::Address;
///
/// let address: Address = "unix:///run/service.sock".parse()?;
/// assert_eq!(address.to_string(), "unix:///run/service.sock");
/// assert_eq!(address.endpoint(), None);
/// # Ok::<(), longhaul_socket::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// IP address, protocol and port.
    Endpoint(Endpoint),
    /// A path on this machine.
    Unix(UnixPath),
}

impl Address {
    /// The endpoint; `None` for a path.
    pub const fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Endpoint(endpoint) => Some(*endpoint),
            Self::Unix(_) => None,
        }
    }
}

impl From<Endpoint> for Address {
    fn from(endpoint: Endpoint) -> Self {
        Self::Endpoint(endpoint)
    }
}

impl From<UnixPath> for Address {
    fn from(path: UnixPath) -> Self {
        Self::Unix(path)
    }
}

impl PartialEq<Endpoint> for Address {
    fn eq(&self, other: &Endpoint) -> bool {
        self.endpoint() == Some(*other)
    }
}

impl PartialEq<Address> for Endpoint {
    fn eq(&self, other: &Address) -> bool {
        other.endpoint() == Some(*self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("unix://") {
            Some(path) => UnixPath::new(path).map(Self::Unix),
            None => text.parse().map(Self::Endpoint).map_err(InvalidAddress::BadEndpoint),
        }
    }
}

/// Why a text is not an [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// It is not an endpoint, and does not begin with `unix://`.
    #[error("not an endpoint, and not unix:// with a path")]
    BadEndpoint(#[source] InvalidEndpoint),
    /// The path is empty or contains a zero byte.
    #[error("a unix socket needs a path without zero bytes")]
    BadPath,
    /// The path is longer than some systems accept.
    #[error("the path of a unix socket has at most {PATH_BYTES_MAX} bytes")]
    PathTooLong,
}
