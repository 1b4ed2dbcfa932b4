//! Parsing the tables of `/proc/net`, `proc_net(5)`. Rows that cannot be parsed are left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::open_socket::endpoint_name;
use super::{OpenSocket, SocketName, SocketState};
use crate::addressing::Protocol;

/// `__SO_ACCEPTCON` of linux/net.h: the socket accepts connections.
const ACCEPTS: u32 = 1 << 16;

/// The size of `sun_path`, unix(7), if each byte is invalid UTF-8 and was replaced by three bytes.
const PATH_BYTES_MAX: usize = 3 * 108;

/// The sockets of `/proc/net/tcp`, `tcp6`, `udp` or `udp6`, without their processes.
///
/// ```
/// use longhaul_socket::{Protocol, table::inet_rows};
///
/// let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
///    0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 49002 1 0\n";
/// # #[cfg(target_endian = "little")]
/// assert_eq!(inet_rows(text, Protocol::Tcp)[0].local.to_string(), "tcp://127.0.0.1:8082");
/// ```
pub fn inet_rows(text: &str, protocol: Protocol) -> Vec<OpenSocket> {
    text.lines().skip(1).filter_map(|line| inet_row(line, protocol)).collect()
}

fn inet_row(line: &str, protocol: Protocol) -> Option<OpenSocket> {
    let mut fields = line.split_ascii_whitespace();
    let _number = fields.next()?.strip_suffix(':')?;
    let (local_ip, local_port) = address(fields.next()?)?;
    let (remote_ip, remote_port) = address(fields.next()?)?;
    let state = SocketState::of_inet(byte(fields.next()?)?, protocol == Protocol::Udp);
    // tx:rx queue, timer, retransmissions, user, timeout.
    let inode = fields.nth(5)?.parse().ok()?;
    let is_connected = remote_port != 0 || !remote_ip.is_unspecified();
    Some(OpenSocket {
        local: endpoint_name(local_ip, protocol, local_port),
        remote: is_connected.then(|| endpoint_name(remote_ip, protocol, remote_port)),
        state,
        processes: Vec::new(),
        inode,
        v6_only: None,
    })
}

/// Parses `0100007F:1F92`: an address in words of 32 bits in this machine's byte order, and a port.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = hexadecimal(port, 4).and_then(|port| u16::try_from(port).ok())?;
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (to, at) in bytes.chunks_exact_mut(4).zip((0..32).step_by(8)) {
                to.copy_from_slice(&word(address.get(at..at + 8)?)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

fn word(text: &str) -> Option<[u8; 4]> {
    hexadecimal(text, 8).map(u32::to_ne_bytes)
}

fn byte(text: &str) -> Option<u8> {
    hexadecimal(text, 2).and_then(|number| u8::try_from(number).ok())
}

/// Parses exactly so many digits: `from_str_radix` alone would accept a sign.
fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_plain { u32::from_str_radix(text, 16).ok() } else { None }
}

/// The sockets of `/proc/net/unix`, without their processes. Bytes that are not UTF-8 must be replaced by `U+FFFD`
/// first.
///
/// ```
/// use longhaul_socket::{SocketState, table::unix_rows};
///
/// let text = "Num       RefCount Protocol Flags    Type St Inode Path\n\
///             0000000000000000: 00000002 00000000 00010000 0001 01 88015 /run/a b.sock\n";
/// let rows = unix_rows(text);
/// assert_eq!((rows[0].local.to_string().as_str(), rows[0].state), ("unix:///run/a b.sock", SocketState::Listening));
/// ```
///
/// A path may contain line ends: a line that is not a row belongs to the path before it.
pub fn unix_rows(text: &str) -> Vec<OpenSocket> {
    let mut rows: Vec<OpenSocket> = Vec::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n').skip(1) {
        if let Some(row) = unix_row(line) {
            rows.push(row);
        } else if let Some(SocketName::Unix(path)) = rows.last_mut().map(|row| &mut row.local)
            && !path.is_empty()
            && path.len() + line.len() < PATH_BYTES_MAX
        {
            path.push('\n');
            path.push_str(line);
        }
    }
    rows
}

fn unix_row(line: &str) -> Option<OpenSocket> {
    let mut rest = line;
    let mut field = || {
        rest = rest.trim_start_matches(' ');
        let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        (!field.is_empty()).then_some(field)
    };
    let _number = field()?.strip_suffix(':')?;
    let _references = hexadecimal(field()?, 8)?;
    let _protocol = hexadecimal(field()?, 8)?;
    let accepts = hexadecimal(field()?, 8)? & ACCEPTS != 0;
    let _kind = hexadecimal(field()?, 4)?;
    let state = SocketState::of_unix(byte(field()?)?, accepts);
    let inode = field()?.parse().ok()?;
    Some(OpenSocket {
        local: SocketName::Unix(rest.to_owned()),
        remote: None,
        state,
        processes: Vec::new(),
        inode,
        v6_only: None,
    })
}
