//! What the pool keeps: sessions that carry one exchange at a time, and sessions that carry several.

use std::net::IpAddr;

/// A session that can be kept for further exchanges.
pub(crate) trait Reserve: Sized {
    /// Whether the connection is of any use: the peer neither closed it nor sent a byte without a request, and lets
    /// another exchange begin, now or once a slot is free.
    fn is_usable(&mut self) -> bool;

    /// How many more exchanges may begin now. Asked only of sessions in the pool.
    fn free_slots(&self) -> usize;

    /// Our own address on the connection, where it has one.
    fn local(&self) -> Option<IpAddr>;

    /// Another handle to the session, which stays in the pool for others while this one serves an exchange. `None` from a
    /// session that carries one exchange at a time, which is out of the pool until it is given back.
    fn share(&self) -> Option<Self>;
}
