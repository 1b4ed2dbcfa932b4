//! The other end of a connection, and whether that is the host of the URL or a proxy on the way to it.
//!
//! Code that draws a conclusion about a *host* (which hosts share a limit, whether a redirect leaves the public internet,
//! whether the host is this machine) uses [`Peer::host_endpoint`], which may be unknown. The endpoint of the peer says only
//! where bytes came from.

use std::fmt;

use longhaul_socket::{Endpoint, Phase};

/// How requests reach the host over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The connection leads to the host itself.
    #[default]
    Direct,
    /// The connection leads to a proxy, which reads each request and forwards it (RFC 9112 section 3.2.2).
    Forward,
    /// The connection leads to a proxy, which relays bytes to the host unread (RFC 9110 section 9.3.6).
    Tunnel,
}

/// Whose failure it is that an exchange fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The host of the URL failed, or the network on the way to it.
    Host,
    /// Our own proxy failed or refused: that says nothing about the host, which has not seen the request.
    Proxy,
}

impl Via {
    /// Whose failure it is if an exchange over such a route fails in `phase`. After a tunnel is open, `phase` begins again
    /// with `Tls`, and everything is the host's.
    pub(crate) fn party(self, phase: Phase) -> Party {
        let is_on_the_way = match self {
            Self::Direct => false,
            // Later, either the proxy or the host may have broken the exchange: the host is charged.
            Self::Forward => phase <= Phase::Tls,
            Self::Tunnel => phase <= Phase::Tunnel,
        };
        if is_on_the_way { Party::Proxy } else { Party::Host }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The endpoint that our connection leads to: the host's, or a proxy's.
    pub endpoint: Endpoint,
    /// How requests reach the host from there.
    pub via: Via,
}

impl Peer {
    /// The host itself, at `endpoint`.
    pub const fn direct(endpoint: Endpoint) -> Self {
        Self { endpoint, via: Via::Direct }
    }

    /// The endpoint of the host; `None` behind a proxy, which alone knows it.
    pub const fn host_endpoint(self) -> Option<Endpoint> {
        match self.via {
            Via::Direct => Some(self.endpoint),
            Via::Forward | Via::Tunnel => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.via {
            Via::Direct => self.endpoint.fmt(f),
            Via::Forward | Via::Tunnel => write!(f, "proxy {}", self.endpoint),
        }
    }
}
