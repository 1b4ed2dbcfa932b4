//! Tunnels: a proxy relays bytes to the host unread, after a handshake in the proxy's own protocol (CONNECT, RFC 9110 section
//! 9.3.6; SOCKS5, RFC 1928).
//!
//! To add such a protocol: implement [`TunnelHandshake`], and let a [`Router`](super::Router) return
//! [`Route::Tunnel`](super::Route::Tunnel). [`connect`](super::connect) does the rest: the connection to the proxy before the
//! handshake, the deadline around it, and TLS with the host after it.

use std::cmp::Ordering;
use std::error::Error as StdError;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use longhaul_socket::{BoxFuture, Fault, Stream};

use super::peer::Party;
use crate::announced::retry_after;
use crate::url::Origin;

/// The handshake with a proxy after which it relays bytes to a host.
pub trait TunnelHandshake: Send + Sync {
    /// Asks the proxy at the other end of `stream` to connect to the host and port of `destination`. Reads nothing beyond
    /// the proxy's response, because the bytes after it are the host's.
    ///
    /// The caller drops the future when [`Timeouts::tunnel`](crate::Timeouts::tunnel) has passed, and closes the connection
    /// after that or after an error.
    fn open<'a>(
        &'a self,
        stream: &'a mut Stream,
        destination: &'a Origin,
    ) -> BoxFuture<'a, Result<(), TunnelError>>;
}

/// Why a handshake opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The proxy has refused.
    #[error("the proxy refused to open a tunnel")]
    Refused(TunnelRefusal),
    /// The proxy has sent something else than a response of its protocol.
    #[error("the response of the proxy is malformed")]
    Malformed(#[source] Box<dyn StdError + Send + Sync>),
    /// The connection to the proxy has failed.
    #[error("the connection to the proxy failed")]
    Broken(#[from] Fault),
}

/// What a proxy responds if it opens no tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelRefusal {
    /// Its reason.
    pub reply: TunnelReply,
    /// The value of `Retry-After`, where the response has fields.
    pub retry_after: Option<HeaderValue>,
}

/// The reason of a proxy to open no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelReply {
    /// The status code of the response to CONNECT.
    Status(u16),
    /// The reply code of SOCKS5 (RFC 1928 section 6).
    Socks(u8),
}

impl TunnelRefusal {
    /// Whose failure it is. A proxy that could not reach the host (502 to 504; the reply codes 3 to 6 of SOCKS5) reports a
    /// failure of the host. Every other refusal is the proxy's own: it wants credentials (407), its rules forbid the host
    /// (403, code 2), or it is too busy (429).
    pub const fn party(&self) -> Party {
        match self.reply {
            TunnelReply::Status(502..=504) | TunnelReply::Socks(3..=6) => Party::Host,
            TunnelReply::Status(_) | TunnelReply::Socks(_) => Party::Proxy,
        }
    }

    /// How long the proxy asks to wait, counted from `now_unix_ms`.
    pub fn retry_after(&self, now_unix_ms: u64) -> Option<Duration> {
        retry_after::parse(self.retry_after.as_ref()?.as_bytes(), now_unix_ms)
    }
}

impl fmt::Display for TunnelReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Socks(code) => write!(f, "SOCKS reply {code}"),
        }
    }
}

/// A tunnel through a proxy to one origin. Two are equal if they also have the same handshake, by identity: a router that
/// returns the same [`Arc`] each time lets connections be used again, and one that has another for each pair of credentials
/// keeps their connections apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    proxy: Origin,
    destination: Origin,
    handshake: SharedHandshake,
}

impl Tunnel {
    /// A tunnel to `destination`. The scheme of `proxy` says whether TLS is spoken with the proxy itself.
    pub fn new(proxy: Origin, destination: Origin, handshake: Arc<dyn TunnelHandshake>) -> Self {
        Self { proxy, destination, handshake: SharedHandshake(handshake) }
    }

    /// The proxy.
    pub const fn proxy(&self) -> &Origin {
        &self.proxy
    }

    /// The origin at the far end. Its scheme says whether TLS is spoken with it through the tunnel.
    pub const fn destination(&self) -> &Origin {
        &self.destination
    }

    /// The handshake with the proxy.
    pub(crate) fn handshake(&self) -> &dyn TunnelHandshake {
        &*self.handshake.0
    }
}

/// Compared by identity. The order means nothing; it makes routes the keys of maps.
#[derive(Clone)]
struct SharedHandshake(Arc<dyn TunnelHandshake>);

impl SharedHandshake {
    fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl PartialEq for SharedHandshake {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for SharedHandshake {}

impl PartialOrd for SharedHandshake {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedHandshake {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for SharedHandshake {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// Shows nothing of the handshake, which may hold credentials.
impl fmt::Debug for SharedHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelHandshake").finish_non_exhaustive()
    }
}
