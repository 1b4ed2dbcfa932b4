//! What datagram sockets of both flavours can be told.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use socket2::Socket;

/// A multicast group, and the interface over which to belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// An IPv4 group (`224.0.0.0/4`), and the address of one of our interfaces; `0.0.0.0` lets the system choose.
    V4(Ipv4Addr, Ipv4Addr),
    /// An IPv6 group (`ff00::/8`), and the index of one of our interfaces; 0 lets the system choose.
    V6(Ipv6Addr, u32),
}

pub(crate) fn join(socket: &Socket, group: Group) -> io::Result<()> {
    match group {
        Group::V4(group, interface) => socket.join_multicast_v4(&group, &interface),
        Group::V6(group, interface) => socket.join_multicast_v6(&group, interface),
    }
}

pub(crate) fn leave(socket: &Socket, group: Group) -> io::Result<()> {
    match group {
        Group::V4(group, interface) => socket.leave_multicast_v4(&group, &interface),
        Group::V6(group, interface) => socket.leave_multicast_v6(&group, interface),
    }
}

pub(crate) fn set_loop(socket: &Socket, local: IpAddr, on: bool) -> io::Result<()> {
    if local.is_ipv4() { socket.set_multicast_loop_v4(on) } else { socket.set_multicast_loop_v6(on) }
}

/// Sends what goes to groups by this interface.
pub(crate) fn set_interface(socket: &Socket, group: Group) -> io::Result<()> {
    match group {
        Group::V4(_, interface) => socket.set_multicast_if_v4(&interface),
        Group::V6(_, interface) => socket.set_multicast_if_v6(interface),
    }
}

pub(crate) fn set_hops(socket: &Socket, local: IpAddr, hops: u8) -> io::Result<()> {
    let hops = u32::from(hops);
    if local.is_ipv4() { socket.set_multicast_ttl_v4(hops) } else { socket.set_multicast_hops_v6(hops) }
}
