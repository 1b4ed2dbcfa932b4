//! Reading options back from an open socket.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use super::socket_options::DSCP_SHIFT;
use super::{Dscp, Family, KeepAlive, Linger, Role, SocketOptions};

/// The options as the system reports them now. An option that it does not report, or that does not apply, is `None`.
pub(crate) fn options_of(socket: &SockRef<'_>, family: Family, role: Role) -> SocketOptions {
    let is_ip = family != Family::Unix;
    let is_tcp = is_ip && role != Role::Datagram;
    SocketOptions {
        no_delay: is_tcp.then(|| socket.tcp_nodelay().ok()).flatten(),
        keep_alive: is_tcp.then(|| keep_alive_of(socket).ok()).flatten(),
        user_timeout: is_tcp.then(|| user_timeout_of(socket)).flatten(),
        reuse_address: is_ip.then(|| socket.reuse_address().ok()).flatten(),
        reuse_port: is_ip.then(|| reuse_port_of(socket)).flatten(),
        send_buffer_bytes: socket.send_buffer_size().ok(),
        receive_buffer_bytes: socket.recv_buffer_size().ok(),
        linger: is_tcp.then(|| linger_of(socket).ok()).flatten(),
        v6_only: (family == Family::Ipv6).then(|| socket.only_v6().ok()).flatten(),
        bind_device: is_ip.then(|| bind_device_of(socket)).flatten(),
        dscp: dscp_of(socket, family),
    }
}

fn keep_alive_of(socket: &SockRef<'_>) -> io::Result<KeepAlive> {
    if !socket.keepalive()? {
        return Ok(KeepAlive::Off);
    }
    let idle = socket.tcp_keepalive_time()?;
    #[cfg(not(target_os = "openbsd"))]
    let (interval, probes) = (socket.tcp_keepalive_interval()?, socket.tcp_keepalive_retries()?);
    #[cfg(target_os = "openbsd")]
    let (interval, probes) = (KEEP_ALIVE_INTERVAL, KEEP_ALIVE_PROBES);
    Ok(KeepAlive::On { idle, interval, probes })
}

fn linger_of(socket: &SockRef<'_>) -> io::Result<Linger> {
    Ok(socket.linger()?.map_or(Linger::Background, Linger::Wait))
}

fn dscp_of(socket: &SockRef<'_>, family: Family) -> Option<Dscp> {
    let octet = match family {
        Family::Ipv4 => socket.tos_v4().ok()?,
        #[cfg(any(
            target_os = "android",
            target_os = "linux",
            target_vendor = "apple",
            target_os = "freebsd"
        ))]
        Family::Ipv6 => socket.tclass_v6().ok()?,
        _ => return None,
    };
    u8::try_from(octet >> DSCP_SHIFT).ok().and_then(Dscp::new)
}

fn user_timeout_of(socket: &SockRef<'_>) -> Option<Duration> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    return socket.tcp_user_timeout().ok().map(Option::unwrap_or_default);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    return {
        let _ = socket;
        None
    };
}

fn reuse_port_of(socket: &SockRef<'_>) -> Option<bool> {
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    return socket.reuse_port().ok();
    #[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
    return {
        let _ = socket;
        None
    };
}

fn bind_device_of(socket: &SockRef<'_>) -> Option<String> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    return socket.device().ok().flatten().and_then(|name| String::from_utf8(name).ok());
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    return {
        let _ = socket;
        None
    };
}
