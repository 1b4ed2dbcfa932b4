//! Multicast settings of datagram sockets, and receiving a datagram, for both flavours.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
#[cfg(unix)]
use std::{net::SocketAddr, os::fd::AsFd};

#[cfg(unix)]
use rustix::net::{RecvFlags, recvfrom};
use socket2::Socket;

#[cfg(unix)]
use crate::faults::DatagramTooLong;

/// A multicast group, and the network interface through which to join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// An IPv4 group (`224.0.0.0/4`), and the address of an interface of this machine; `0.0.0.0` lets the system
    /// choose.
    V4(Ipv4Addr, Ipv4Addr),
    /// An IPv6 group (`ff00::/8`), and the index of an interface of this machine; 0 lets the system choose.
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

/// Sends multicast datagrams through the interface of `group`.
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

/// Linux reports the length of the whole datagram on request, recv(2); other systems drop the end without a sign.
#[cfg(any(target_os = "android", target_os = "linux"))]
const WHOLE_LENGTH: RecvFlags = RecvFlags::TRUNC;
#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
const WHOLE_LENGTH: RecvFlags = RecvFlags::empty();

/// Receives a datagram: its length and its sender.
#[cfg(unix)]
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let room = buffer.len();
    let (received, length, from) = recvfrom(socket, buffer, WHOLE_LENGTH)?;
    if length > room {
        return Err(io::Error::new(io::ErrorKind::InvalidData, DatagramTooLong { length, room }));
    }
    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
    Ok((received, from.ok_or(io::ErrorKind::AddrNotAvailable)?))
}
