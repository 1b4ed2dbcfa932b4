//! Routes: where the connection for a request leads.
//!
//! A [`Router`] decides which origins are reached through a proxy. Everything else follows from the [`Route`]: connecting, the
//! pool, and the form of the request target.

use std::fmt;

use super::peer::Via;
use super::tunnel::Tunnel;
use crate::url::Origin;

/// Where a connection leads. Requests with equal routes may use the same connection, one after another or, where the
/// protocol allows it, at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// To the origin itself.
    Direct(Origin),
    /// To a proxy, which forwards requests for any origin of the scheme `http`. The origin here is the proxy's own; its
    /// scheme says whether TLS is spoken with the proxy.
    Forward(Origin),
    /// Through a proxy, which relays bytes to the origin unread.
    Tunnel(Tunnel),
}

impl Route {
    /// The scheme, host and port that the connection is made to.
    pub const fn first_hop(&self) -> &Origin {
        match self {
            Self::Direct(origin) | Self::Forward(origin) => origin,
            Self::Tunnel(tunnel) => tunnel.proxy(),
        }
    }

    /// The scheme, host and port at which the session is spoken: the far end of a tunnel.
    const fn session_peer(&self) -> &Origin {
        match self {
            Self::Direct(origin) | Self::Forward(origin) => origin,
            Self::Tunnel(tunnel) => tunnel.destination(),
        }
    }

    /// Whether the protocol of the session is agreed on in a TLS handshake.
    pub(crate) const fn is_secure(&self) -> bool {
        self.session_peer().scheme().is_secure()
    }

    /// How requests reach their host over such a connection.
    pub const fn via(&self) -> Via {
        match self {
            Self::Direct(_) => Via::Direct,
            Self::Forward(_) => Via::Forward,
            Self::Tunnel(_) => Via::Tunnel,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(origin) => origin.fmt(f),
            Self::Forward(proxy) => write!(f, "proxy {proxy}"),
            Self::Tunnel(tunnel) => write!(f, "proxy {} to {}", tunnel.proxy(), tunnel.destination()),
        }
    }
}

/// Decides how an origin is reached. Called for each request, and when a request is scheduled: it must be cheap. The same origin should get the same route, because
/// connections are used again only along the same route.
pub trait Router: Send + Sync {
    /// The route for requests to `origin`. A request to an `https` origin is not sent over [`Route::Forward`], because the
    /// proxy would read it.
    fn route(&self, origin: &Origin) -> Route;
}

/// Every origin is reached directly.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectRouter;

impl Router for DirectRouter {
    fn route(&self, origin: &Origin) -> Route {
        Route::Direct(origin.clone())
    }
}
