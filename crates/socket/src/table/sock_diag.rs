//! What `/proc` does not show, by `sock_diag(7)` over netlink(7).
//!
//! That is `IPV6_V6ONLY`, and the exact names of Unix-domain sockets: in `/proc`, a line end in a name looks like the
//! end of a row. A kernel or sandbox without `sock_diag` is not a failure: then `v6_only` stays unknown, and the names
//! come from `/proc`.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use super::{OpenSocket, SocketName, SocketState};
use crate::addressing::Protocol;

/// The kernel's own limit for one response is 32 KiB.
const RESPONSE_BYTES_MAX: usize = 64 << 10;
/// As for the tables of `/proc`: further rows are left out.
const RESPONSES_MAX: usize = (64 << 20) / RESPONSE_BYTES_MAX;

/// linux/netlink.h.
const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_DUMP: u16 = 0x1 | 0x300;
/// `SOCK_DIAG_BY_FAMILY`, `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;

/// `inet_diag_req_v2` and `inet_diag_msg`, `linux/inet_diag.h`.
const INET_REQUEST_BYTES: usize = 56;
const INET_MESSAGE_BYTES: usize = 72;
const INET_INODE_AT: usize = 68;
const INET_DIAG_SKV6ONLY: u16 = 11;
/// `TCP_CLOSE`, which a UDP socket without a peer is in, and `TCP_LISTEN`: `include/net/tcp_states.h`.
const UNCONNECTED: u8 = 7;
const LISTENING: u8 = 10;
const ESTABLISHED: u8 = 1;

/// `unix_diag_req` and `unix_diag_msg`, `linux/unix_diag.h`.
const UNIX_MESSAGE_BYTES: usize = 16;
const UDIAG_SHOW_NAME: u32 = 1;
const UNIX_DIAG_NAME: u16 = 0;

/// `IPV6_V6ONLY` of the IPv6 sockets that listen or are not connected, by inode; empty if the kernel does not report
/// it.
pub(super) fn v6_only() -> HashMap<u64, bool> {
    let mut known = HashMap::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let number = match protocol {
            Protocol::Tcp => rustix::net::ipproto::TCP,
            Protocol::Udp => rustix::net::ipproto::UDP,
        };
        let mut request = [0; INET_REQUEST_BYTES];
        request[0] = family(AddressFamily::INET6);
        request[1] = u8::try_from(number.as_raw().get()).unwrap_or(0);
        request[4..8].copy_from_slice(&(1_u32 << UNCONNECTED | 1 << LISTENING).to_ne_bytes());
        let _ = dump(&request, |message| known.extend(v6_only_row(message)));
    }
    known
}

fn v6_only_row(message: &[u8]) -> Option<(u64, bool)> {
    let inode = number(message, INET_INODE_AT).filter(|inode| *inode != 0)?;
    let value = attribute(message.get(INET_MESSAGE_BYTES..)?, INET_DIAG_SKV6ONLY)?;
    Some((inode.into(), *value.first()? != 0))
}

/// The Unix-domain sockets, without their processes.
pub(super) fn unix_sockets() -> io::Result<Vec<OpenSocket>> {
    let mut request = [0; 24];
    request[0] = family(AddressFamily::UNIX);
    request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    request[12..16].copy_from_slice(&UDIAG_SHOW_NAME.to_ne_bytes());
    let mut sockets = Vec::new();
    dump(&request, |message| sockets.extend(unix_row(message)))?;
    Ok(sockets)
}

/// The Unix-domain sockets in a response of `sock_diag(7)`, without their processes. Messages that cannot be parsed are
/// left out.
pub fn unix_diag_rows(response: &[u8]) -> Vec<OpenSocket> {
    let rows = messages(response).filter(|(kind, _)| *kind == BY_FAMILY);
    rows.filter_map(|(_, message)| unix_row(message)).collect()
}

fn unix_row(message: &[u8]) -> Option<OpenSocket> {
    let (state, inode) = (*message.get(2)?, u64::from(number(message, 4)?));
    let name = attribute(message.get(UNIX_MESSAGE_BYTES..)?, UNIX_DIAG_NAME).unwrap_or_default();
    let name = match name {
        // An abstract name begins with a zero byte and may contain more: each is shown as `@`, as in /proc.
        [0, ..] => String::from_utf8_lossy(name).replace('\0', "@"),
        path => String::from_utf8_lossy(path.strip_suffix(&[0]).unwrap_or(path)).into_owned(),
    };
    // Without an inode, the socket has no descriptor yet, or none any more.
    let state = match (state, inode) {
        (LISTENING, _) => SocketState::Listening,
        (ESTABLISHED, 0) => SocketState::SynSent,
        (ESTABLISHED, _) => SocketState::Established,
        (UNCONNECTED, 0) => SocketState::Closing,
        (UNCONNECTED, _) => SocketState::Unconnected,
        _ => SocketState::Unknown,
    };
    let local = SocketName::Unix(name);
    Some(OpenSocket { local, remote: None, state, processes: Vec::new(), inode, v6_only: None })
}

/// Sends the request, and calls `row` for each row of the response. Nothing here waits: the kernel has the first part
/// ready when send(2) returns, and each further part when the one before is received.
fn dump(request: &[u8], mut row: impl FnMut(&[u8])) -> io::Result<()> {
    let socket = send_request(request)?;
    let mut buffer = vec![0; RESPONSE_BYTES_MAX];
    for _ in 0..RESPONSES_MAX {
        let (received, _) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        for (kind, message) in messages(buffer.get(..received).unwrap_or_default()) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return Err(io::ErrorKind::Unsupported.into()),
                BY_FAMILY => row(message),
                _ => {}
            }
        }
    }
    Ok(())
}

fn send_request(request: &[u8]) -> io::Result<OwnedFd> {
    let (family, protocol) = (AddressFamily::NETLINK, netlink::SOCK_DIAG);
    let socket = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(protocol))?;
    let bytes = u32::try_from(HEADER_BYTES + request.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER_BYTES + request.len());
    message.extend_from_slice(&bytes.to_ne_bytes());
    message.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    message.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    // Sequence number and port id: not needed with one request per socket.
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(request);
    rustix::net::send(&socket, &message, SendFlags::DONTWAIT)?;
    Ok(socket)
}

/// The netlink messages in a response: type and payload of each.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(number(bytes, 0)?).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let message = bytes.get(HEADER_BYTES..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, message))
    })
}

/// The value of the attribute of type `wanted`, if `bytes` has it.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(aligned(length)..)?;
    }
}

/// Messages and attributes are aligned to four bytes.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn family(family: AddressFamily) -> u8 {
    u8::try_from(family.as_raw()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Parsing any response ends, and no row comes out of fewer bytes than a row has.
        #[test]
        fn any_response_is_parsed(bytes in prop::collection::vec(0_u8..24, 0..400)) {
            for (_, message) in messages(&bytes) {
                let _ = (v6_only_row(message), unix_row(message));
            }
            let rows = messages(&bytes).count();
            prop_assert!(rows * HEADER_BYTES <= bytes.len());
            prop_assert!(unix_row(&bytes).is_none() || bytes.len() >= UNIX_MESSAGE_BYTES);
        }
    }

    #[test]
    fn names_keep_line_ends_and_show_zero_bytes_as_at_signs() {
        let row = |name: &[u8]| {
            let length = u16::try_from(4 + name.len()).expect("short");
            let attribute = [&length.to_ne_bytes(), &UNIX_DIAG_NAME.to_ne_bytes(), name].concat();
            let head = [1, 1, LISTENING, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            unix_row(&[head.as_slice(), &attribute].concat()).expect("a row").local.to_string()
        };
        assert_eq!(row(b"/run/a b\n.sock\0"), "unix:///run/a b\n.sock");
        assert_eq!(row(b"\0name\0"), "unix://@name@");
        assert_eq!(row(b""), "unix://");
    }
}
