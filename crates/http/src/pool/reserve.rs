//! What the pool keeps: sessions that carry one exchange at a time, and sessions that carry several.

use std::net::IpAddr;

/// A session that can be kept for further exchanges.
pub(crate) trait Reserve: Sized {
    /// Whether another exchange may begin: the peer neither closed the connection nor sent a byte without a request.
    fn is_usable(&mut self) -> bool;

    /// Our own address on the connection, where it has one.
    fn local(&self) -> Option<IpAddr>;

    /// Reserves the session for one more exchange.
    fn reserve(self) -> Reservation<Self>;
}

/// A session that is reserved for an exchange.
pub(crate) enum Reservation<S> {
    /// It carries one exchange at a time, and is the caller's until it is given back.
    Unique(S),
    /// It carries several at a time: one handle stays in the pool for others.
    #[cfg_attr(not(test), expect(dead_code, reason = "HTTP/1.1 is never shared"))]
    Shared {
        /// For the pool.
        kept: S,
        /// For the exchange.
        lent: S,
    },
}
