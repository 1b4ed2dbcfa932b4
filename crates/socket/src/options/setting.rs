//! Setting options, one at a time, so that an error names the option that the system refused.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::socket_options::DSCP_SHIFT;
use super::{Family, KeepAlive, Linger, Role, SocketOptions};

impl SocketOptions {
    /// Sets the options that are not `None`, and stops at the first one that the system refuses.
    pub(crate) fn apply(&self, socket: &SockRef<'_>, family: Family, role: Role) -> io::Result<()> {
        steps(family, role).try_for_each(|step| step(self, socket))
    }

    /// Sets the options that are not `None`, and ignores errors: for our own defaults, without which a socket works
    /// too.
    pub(crate) fn apply_leniently(&self, socket: &SockRef<'_>, family: Family, role: Role) {
        steps(family, role).for_each(|step| {
            let _ = step(self, socket);
        });
    }
}

fn steps(family: Family, role: Role) -> impl Iterator<Item = Step> {
    let ip: &[Step] = match family {
        Family::Ipv4 => &[bind_device, reuse_port, dscp_v4],
        Family::Ipv6 => &[bind_device, reuse_port, dscp_v6, v6_only],
        Family::Unix => &[],
    };
    let tcp: &[Step] = match (family, role) {
        (Family::Unix, _) | (_, Role::Datagram) => &[],
        _ => &[no_delay, keep_alive, user_timeout, linger],
    };
    let reuse: &[Step] = match (family, role) {
        (Family::Unix, _) | (_, Role::Stream) => &[],
        (_, Role::Listener) => &[reuse_address_of_listener],
        (_, Role::Datagram) => &[reuse_address],
    };
    [&[buffers as Step] as &[Step], ip, tcp, reuse].concat().into_iter()
}

type Step = fn(&SocketOptions, &SockRef<'_>) -> io::Result<()>;

/// Sets an option if it is not `None`; `name` is the name of its field.
fn set<T>(name: &'static str, value: Option<T>, set: impl FnOnce(T) -> io::Result<()>) -> io::Result<()> {
    value.map_or(Ok(()), |value| set(value).map_err(|error| refused(name, error)))
}

fn buffers(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("send_buffer_bytes", options.send_buffer_bytes, |bytes| socket.set_send_buffer_size(bytes))?;
    set("receive_buffer_bytes", options.receive_buffer_bytes, |bytes| socket.set_recv_buffer_size(bytes))
}

fn no_delay(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("no_delay", options.no_delay, |yes| socket.set_tcp_nodelay(yes))
}

fn keep_alive(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    let Some(keep_alive) = options.keep_alive else { return Ok(()) };
    let KeepAlive::On { idle, interval, probes } = keep_alive else {
        return socket.set_keepalive(false).map_err(|error| refused("keep_alive", error));
    };
    let params = TcpKeepalive::new;
    let idle = ("keep_alive.idle", params().with_time(whole_seconds(idle)));
    #[cfg(not(target_os = "openbsd"))]
    let parts = [
        idle,
        ("keep_alive.interval", params().with_interval(whole_seconds(interval))),
        ("keep_alive.probes", params().with_retries(probes)),
    ];
    #[cfg(target_os = "openbsd")]
    let (parts, _) = ([idle], (interval, probes));
    // One at a time: the error of the system does not say which of them is wrong.
    parts
        .iter()
        .try_for_each(|(name, part)| socket.set_tcp_keepalive(part).map_err(|error| refused(name, error)))
}

fn linger(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("linger", options.linger, |linger| {
        socket.set_linger(match linger {
            Linger::Background => None,
            Linger::Wait(wait) => Some(whole_seconds(wait)),
        })
    })
}

/// Rounds up: rounding down would turn less than a second into zero, which has another meaning.
const fn whole_seconds(time: Duration) -> Duration {
    let more = if time.subsec_nanos() > 0 { 1 } else { 0 };
    Duration::from_secs(time.as_secs().saturating_add(more))
}

fn v6_only(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("v6_only", options.v6_only, |yes| socket.set_only_v6(yes))
}

/// Off unless set: two sockets on one UDP port take each other's datagrams.
#[cfg(unix)]
fn reuse_address(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("reuse_address", options.reuse_address, |yes| socket.set_reuse_address(yes))
}

#[cfg(unix)]
fn reuse_address_of_listener(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("reuse_address", options.reuse_address.or(Some(true)), |yes| socket.set_reuse_address(yes))
}

#[cfg(not(unix))]
fn reuse_address(_options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn reuse_address_of_listener(_options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
fn reuse_port(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("reuse_port", options.reuse_port, |yes| socket.set_reuse_port(yes))
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
fn reuse_port(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent("reuse_port", options.reuse_port.is_some_and(|yes| yes))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn user_timeout(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("user_timeout", options.user_timeout, |silence| {
        socket.set_tcp_user_timeout(Some(whole_milliseconds(silence)))
    })
}

/// Rounds up, as [`whole_seconds`]: zero means the system's own limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn whole_milliseconds(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn user_timeout(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent("user_timeout", options.user_timeout.is_some())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn bind_device(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("bind_device", options.bind_device.as_deref(), |device| socket.bind_device(Some(device.as_bytes())))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bind_device(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent("bind_device", options.bind_device.is_some())
}

fn dscp_v4(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("dscp", options.dscp, |dscp| socket.set_tos_v4(u32::from(dscp.0) << DSCP_SHIFT))
}

#[cfg(any(target_os = "android", target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
fn dscp_v6(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set("dscp", options.dscp, |dscp| socket.set_tclass_v6(u32::from(dscp.0) << DSCP_SHIFT))
}

#[cfg(not(any(target_os = "android", target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
fn dscp_v6(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent("dscp", options.dscp.is_some())
}

#[allow(dead_code, reason = "some systems have all options")]
fn absent(name: &'static str, is_asked_for: bool) -> io::Result<()> {
    if is_asked_for { Err(refused(name, io::ErrorKind::Unsupported.into())) } else { Ok(()) }
}

fn refused(name: &'static str, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), OptionRefused { name, source })
}

/// The option that the system refused, and its error.
#[derive(Debug, thiserror::Error)]
#[error("the system does not take the option `{name}`")]
struct OptionRefused {
    name: &'static str,
    source: io::Error,
}
