//! Which IP addresses belong to the public internet.
//!
//! A foreign list can name any host, and a name can resolve to any address: this check keeps a downloader away from the
//! machines of its own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `ip` belongs to the public internet, by the IANA registries of special-purpose addresses (RFC 6890 and its
/// successors). For an IPv4 address inside an IPv6 address (mapped, NAT64, 6to4) the IPv4 address decides.
///
/// ```
/// use longhaul_socket::is_public;
///
/// assert!(is_public("8.8.8.8".parse()?));
/// assert!(!is_public("169.254.169.254".parse()?));
/// assert!(!is_public("::ffff:10.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // "This network"; carrier-grade NAT (RFC 6598); IETF assignments; 6to4 relays; benchmarks; reserved.
        [0 | 240.., ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => {
            true
        }
        _ => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
    };
    !(special || ip.is_multicast() || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Mapped (RFC 4291 section 2.5.5.2) and NAT64 (RFC 6052 section 2.1): the last 32 bits.
        // 6to4 (RFC 3056): the 32 bits after the prefix.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => is_public_v4(v4_of(high, low)),
        // IETF assignments with Teredo (RFC 2928), and the two documentation prefixes (RFC 3849, RFC 9637).
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast is 2000::/3 only (RFC 4291 section 2.4, IANA).
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}
