//! The options of a socket, by name.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// A connection is silent for longer than this only when it idles: then is the time to ask whether the peer still
/// lives, and to keep the tables of routers on the way fresh.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(15);
/// Time between two such questions.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Unanswered questions after which the peer counts as gone.
const KEEP_ALIVE_PROBES: u32 = 3;
/// Time without any acknowledgement after which the peer counts as gone: the sum of the above.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// DSCP is the upper six bits of the old "type of service" octet (RFC 2474 section 3); the lower two belong to ECN.
const DSCP_SHIFT: u32 = 2;

/// The options of a socket. Each is `None` where the system's own default is to stay.
///
/// They are set before a socket is bound or connected, where they take effect from the first packet on, and can be read
/// back from an open one. An option that does not apply to the kind of socket is left alone: those of TCP on a UDP
/// socket, `v6_only` on an IPv4 socket, all but the buffers on a Unix-domain socket. One that the system has not got is
/// `Unsupported`.
///
/// ```
/// use longhaul_socket::SocketOptions;
///
/// let options = SocketOptions { no_delay: Some(false), ..SocketOptions::default() };
/// assert_eq!(options.reuse_address, Some(true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// `TCP_NODELAY`, tcp(7). Whether a small piece is sent at once instead of being held back until the last one is
    /// acknowledged (Nagle's algorithm). Default: yes; systems: no.
    pub no_delay: Option<bool>,
    /// `SO_KEEPALIVE`, socket(7). Whether and how a silent peer is asked whether it still lives; when it does not
    /// answer, the connection is `TimedOut`. Default: after 15 s, every 5 s, 3 times; systems: no.
    pub keep_alive: Option<KeepAlive>,
    /// `TCP_USER_TIMEOUT`, tcp(7), RFC 5482; Linux and Android. How long what was sent may stay unacknowledged before
    /// the connection is `TimedOut`. In milliseconds; zero is the system's own limit, about a quarter of an hour.
    /// Default: 30 s.
    pub user_timeout: Option<Duration>,
    /// `SO_REUSEADDR`, socket(7). Whether an endpoint may be bound again while connections of an earlier socket linger
    /// in `TIME_WAIT`; on UDP, whether several sockets may share it, as those of one multicast group do. Never set on
    /// Windows, where the name means that another program may take the endpoint over. Default: yes for sockets that
    /// listen, and left alone on others; systems: no.
    pub reuse_address: Option<bool>,
    /// `SO_REUSEPORT`, socket(7); not on Windows. Whether several sockets of one user may be bound to one endpoint; Linux
    /// spreads connections and datagrams among them. Default: left alone; systems: no.
    pub reuse_port: Option<bool>,
    /// `SO_SNDBUF`, socket(7). Bytes held for sending. Linux doubles the figure for its own needs, reads back the
    /// double, and no longer adapts it. Default: left alone.
    pub send_buffer_bytes: Option<usize>,
    /// `SO_RCVBUF`, socket(7). Bytes held until they are received; otherwise as `send_buffer_bytes`. Set before
    /// connecting or listening, it bounds the window that is announced to the peer.
    pub receive_buffer_bytes: Option<usize>,
    /// `SO_LINGER`, socket(7). What closing does with bytes that are not delivered yet. Default: left alone, which is
    /// [`Linger::Background`].
    pub linger: Option<Linger>,
    /// `IPV6_V6ONLY`, ipv6(7). Whether an IPv6 socket keeps away from IPv4, so that `[::]` does not mean `0.0.0.0` too.
    /// Default: yes, so that an endpoint is what it says; systems differ.
    pub v6_only: Option<bool>,
    /// `SO_BINDTODEVICE`, socket(7); Linux and Android. The interface, such as `eth0`, to which the socket is confined.
    /// Default: left alone; systems: any.
    pub bind_device: Option<String>,
    /// `IP_TOS`, ip(7), and `IPV6_TCLASS`, ipv6(7). The class of service that is asked of the routers on the way, RFC
    /// 2474. Default: left alone; systems: 0.
    pub dscp: Option<Dscp>,
}

/// Whether and how a silent peer is asked whether it still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// It is not asked.
    Off,
    /// It is asked. Times are in whole seconds.
    On {
        /// Silence after which the asking begins, `TCP_KEEPIDLE`.
        idle: Duration,
        /// Time between two questions, `TCP_KEEPINTVL`. OpenBSD has one setting for the whole system instead.
        interval: Duration,
        /// Questions without an answer after which the peer counts as gone, `TCP_KEEPCNT`.
        probes: u32,
    },
}

/// What closing a connection does with bytes that are not delivered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linger {
    /// The system goes on delivering them after the socket is gone.
    Background,
    /// Closing waits this long, in whole seconds, for them to be delivered; with zero it discards them and sends RST.
    /// Closing a socket cannot be given a deadline otherwise: keep it short.
    Wait(Duration),
}

/// A differentiated-services code point, 0 to 63 (RFC 2474).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

impl Dscp {
    /// The code point, if there is one of that number.
    pub const fn new(code_point: u8) -> Option<Self> {
        if code_point < 64 { Some(Self(code_point)) } else { None }
    }

    /// 0 to 63.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl SocketOptions {
    /// Nothing set: all as the system has it.
    pub const fn system() -> Self {
        Self {
            no_delay: None,
            keep_alive: None,
            user_timeout: None,
            reuse_address: None,
            reuse_port: None,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            linger: None,
            v6_only: None,
            bind_device: None,
            dscp: None,
        }
    }
}

impl Default for SocketOptions {
    /// A socket that sends small pieces at once and notices peers that are gone.
    fn default() -> Self {
        Self {
            no_delay: Some(true),
            keep_alive: Some(KeepAlive::On {
                idle: KEEP_ALIVE_IDLE,
                interval: KEEP_ALIVE_INTERVAL,
                probes: KEEP_ALIVE_PROBES,
            }),
            user_timeout: cfg!(any(target_os = "android", target_os = "linux")).then_some(UNACKNOWLEDGED_MAX),
            reuse_address: Some(true),
            v6_only: Some(true),
            ..Self::system()
        }
    }
}

/// What an option may apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
    Unix,
}

/// What becomes of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Listener,
    Stream,
    Datagram,
}

impl SocketOptions {
    /// Sets what is asked for, and stops at the first refusal.
    pub(crate) fn apply(&self, socket: &SockRef<'_>, family: Family, role: Role) -> io::Result<()> {
        self.steps(family, role).try_for_each(|step| step(self, socket))
    }

    /// Sets what the system does not refuse. For our own defaults, none of which is worth a connection.
    pub(crate) fn apply_leniently(&self, socket: &SockRef<'_>, family: Family, role: Role) {
        self.steps(family, role).for_each(|step| {
            let _ = step(self, socket);
        });
    }

    fn steps(&self, family: Family, role: Role) -> impl Iterator<Item = Step> {
        let ip: &[Step] = match family {
            Family::Ipv4 => &[bind_device, reuse_port, dscp_v4],
            Family::Ipv6 => &[bind_device, reuse_port, dscp_v6, v6_only],
            Family::Unix => &[],
        };
        let tcp: &[Step] = match (family, role) {
            (Family::Unix, _) | (_, Role::Datagram) => &[],
            _ => &[no_delay, keep_alive, user_timeout, linger],
        };
        let may_reuse = match (family, role) {
            (Family::Unix, _) | (_, Role::Stream) => false,
            (_, Role::Listener) => true,
            // Two sockets on one UDP port take each other's datagrams, so it has to be asked for in so many words.
            (_, Role::Datagram) => *self != Self::default(),
        };
        let reuse: &[Step] = if may_reuse { &[reuse_address] } else { &[] };
        [&[buffers as Step] as &[Step], ip, tcp, reuse].concat().into_iter()
    }
}

type Step = fn(&SocketOptions, &SockRef<'_>) -> io::Result<()>;

fn set<T: Copy>(value: Option<T>, set: impl FnOnce(T) -> io::Result<()>) -> io::Result<()> {
    value.map_or(Ok(()), set)
}

fn buffers(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.send_buffer_bytes, |bytes| socket.set_send_buffer_size(bytes))?;
    set(options.receive_buffer_bytes, |bytes| socket.set_recv_buffer_size(bytes))
}

fn no_delay(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.no_delay, |yes| socket.set_tcp_nodelay(yes))
}

fn keep_alive(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.keep_alive, |keep_alive| match keep_alive {
        KeepAlive::Off => socket.set_keepalive(false),
        KeepAlive::On { idle, interval, probes } => {
            let params = TcpKeepalive::new().with_time(idle);
            #[cfg(not(target_os = "openbsd"))]
            let params = params.with_interval(interval).with_retries(probes);
            #[cfg(target_os = "openbsd")]
            let _ = (interval, probes);
            socket.set_tcp_keepalive(&params)
        }
    })
}

fn linger(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.linger, |linger| {
        socket.set_linger(match linger {
            Linger::Background => None,
            Linger::Wait(wait) => Some(wait),
        })
    })
}

fn v6_only(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.v6_only, |yes| socket.set_only_v6(yes))
}

#[cfg(unix)]
fn reuse_address(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.reuse_address, |yes| socket.set_reuse_address(yes))
}

#[cfg(not(unix))]
fn reuse_address(_options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
fn reuse_port(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.reuse_port, |yes| socket.set_reuse_port(yes))
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
fn reuse_port(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent(options.reuse_port.is_some_and(|yes| yes))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn user_timeout(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.user_timeout, |silence| socket.set_tcp_user_timeout(Some(silence)))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn user_timeout(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent(options.user_timeout.is_some())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn bind_device(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.bind_device.as_deref(), |device| socket.bind_device(Some(device.as_bytes())))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bind_device(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent(options.bind_device.is_some())
}

fn dscp_v4(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.dscp, |dscp| socket.set_tos_v4(u32::from(dscp.0) << DSCP_SHIFT))
}

#[cfg(any(target_os = "android", target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
fn dscp_v6(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    set(options.dscp, |dscp| socket.set_tclass_v6(u32::from(dscp.0) << DSCP_SHIFT))
}

#[cfg(not(any(target_os = "android", target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
fn dscp_v6(options: &SocketOptions, _socket: &SockRef<'_>) -> io::Result<()> {
    absent(options.dscp.is_some())
}

#[allow(dead_code, reason = "not every system lacks an option")]
fn absent(is_asked_for: bool) -> io::Result<()> {
    if is_asked_for { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}

/// What is set at present. An option that the system does not tell, or that does not apply, is `None`.
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
