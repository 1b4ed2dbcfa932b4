//! Whether this machine has a route to an address: its routing table, and the state of its links.
//!
//! Nothing is sent. A route says nothing about the network beyond; without a route, a failure is our own and not the
//! host's.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::faults::{FaultKind, kind_of};
use crate::network::LocalRoute;

/// The discard service (RFC 863). Any port would do: connecting a datagram socket sends nothing, connect(2).
const ANY_PORT: u16 = 9;

/// Looks up the route to `ip` by connecting a datagram socket, and checks its link.
pub(crate) fn local_route(ip: IpAddr) -> LocalRoute {
    let address = SocketAddr::new(ip, ANY_PORT);
    let asked = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
        .and_then(|socket| socket.connect(&address.into()));
    match asked {
        Ok(()) if is_link_down(ip) => LocalRoute::Absent,
        Ok(()) => LocalRoute::Present,
        // The machine has no address in that family.
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => LocalRoute::Absent,
        Err(error) => match kind_of(&error) {
            FaultKind::Unreachable | FaultKind::LocalNetworkDown => LocalRoute::Absent,
            _ => LocalRoute::Unknown,
        },
    }
}

/// Whether a socket can be bound to the address (bind(2), `EADDRNOTAVAIL`).
pub(crate) fn is_own(ip: IpAddr) -> bool {
    let address = SocketAddr::new(ip, 0);
    let bound = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
        .and_then(|socket| socket.bind(&address.into()));
    !bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

/// Whether the link of the route has lost its carrier, which the routing table does not show.
#[cfg(any(target_os = "android", target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "tables of the kernel, not files of a haul")]
fn is_link_down(ip: IpAddr) -> bool {
    let table = if ip.is_ipv4() { "/proc/net/route" } else { "/proc/net/ipv6_route" };
    let Ok(table) = std::fs::read_to_string(table) else { return false };
    let link = match ip {
        IpAddr::V4(ip) => link_v4(&table, ip),
        IpAddr::V6(ip) => link_v6(&table, ip),
    };
    // Documentation/networking/operstates.rst of the kernel: drivers without this information report `unknown`.
    let state =
        link.and_then(|link| std::fs::read_to_string(format!("/sys/class/net/{link}/operstate")).ok());
    state.is_some_and(|state| matches!(state.trim(), "down" | "lowerlayerdown" | "notpresent"))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn is_link_down(_ip: IpAddr) -> bool {
    false
}

/// The link of the longest prefix that covers the address, by the text of `/proc/net/route`. Addresses and masks in it
/// are hexadecimal numbers in the byte order of the machine.
#[cfg_attr(not(any(target_os = "android", target_os = "linux")), expect(dead_code, reason = "Linux only"))]
fn link_v4(table: &str, ip: Ipv4Addr) -> Option<&str> {
    let ip = u32::from_ne_bytes(ip.octets());
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [link, destination, _, _, _, _, _, mask, ..] = fields[..] else { return None };
        let destination = u32::from_str_radix(destination, 16).ok()?;
        let mask = u32::from_str_radix(mask, 16).ok()?;
        (ip & mask == destination).then_some((mask.count_ones(), link))
    });
    routes.max_by_key(|&(prefix_bits, _)| prefix_bits).map(|(_, link)| link)
}

/// The same by the text of `/proc/net/ipv6_route`: destination and prefix length in bits come first, the link last.
#[cfg_attr(not(any(target_os = "android", target_os = "linux")), expect(dead_code, reason = "Linux only"))]
fn link_v6(table: &str, ip: Ipv6Addr) -> Option<&str> {
    let ip = u128::from(ip);
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, prefix_bits, .., link] = fields[..] else { return None };
        let destination = u128::from_str_radix(destination, 16).ok()?;
        let prefix_bits = u32::from_str_radix(prefix_bits, 16).ok().filter(|&bits| bits <= u128::BITS)?;
        let is_covered = (ip ^ destination).leading_zeros() >= prefix_bits;
        // The kernel lists a default route over `lo` that rejects everything.
        (is_covered && !(prefix_bits == 0 && link == "lo")).then_some((prefix_bits, link))
    });
    routes.max_by_key(|&(prefix_bits, _)| prefix_bits).map(|(_, link)| link)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
veth1\t0002010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
nonsense
veth2\tZZZZZZZZ\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const V6: &str = "\
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
00 ff
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_longest_prefix_names_the_link() {
        assert_eq!(link_v4(V4, Ipv4Addr::new(10, 1, 2, 9)), Some("veth1"));
        assert_eq!(link_v4(V4, Ipv4Addr::new(10, 1, 3, 9)), Some("eth0"));
        assert_eq!(link_v4("", Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn the_longest_prefix_names_the_link_of_ipv6() {
        assert_eq!(link_v6(V6, "fd00::7".parse().expect("an address")), Some("eth1"));
        assert_eq!(link_v6(V6, "2001:db8::7".parse().expect("an address")), Some("eth0"));
        assert_eq!(link_v6("", Ipv6Addr::LOCALHOST), None);
    }

    #[test]
    fn a_documentation_address_is_not_our_own() {
        assert!(is_own(Ipv4Addr::LOCALHOST.into()));
        assert!(!is_own(Ipv4Addr::new(192, 0, 2, 1).into()));
    }

    #[test]
    fn there_is_always_a_route_to_this_machine() {
        assert_eq!(local_route(Ipv4Addr::LOCALHOST.into()), LocalRoute::Present);
    }
}
