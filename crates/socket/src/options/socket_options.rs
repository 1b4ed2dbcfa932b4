//! The options of a socket, their defaults and their ranges.

use std::time::Duration;

/// A connection without traffic for so long is idle: keep-alive probes detect a dead peer, and refresh the entries of
/// stateful routers on the path.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(15);
/// Time between two probes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Unanswered probes after which the connection counts as dead.
const KEEP_ALIVE_PROBES: u32 = 3;
/// Time without acknowledgement after which the connection counts as dead: the same as by the probes above.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// DSCP is the upper six bits of the former "type of service" octet (RFC 2474 section 3); the lower two are ECN.
pub(super) const DSCP_SHIFT: u32 = 2;

/// The options of a socket. `None` keeps the system's default, except for `reuse_address`.
///
/// Options are set before the socket is bound or connected, so that they apply from the first packet on. They can be
/// read back from an open socket. Options that do not apply are ignored: TCP options on a UDP socket, `v6_only` on an
/// IPv4 socket, all but the buffer sizes on a Unix-domain socket. An option that the system does not have is
/// `Unsupported`; the fault for an option that it refuses names the option.
///
/// ```
/// use longhaul_socket::SocketOptions;
///
/// let options = SocketOptions { no_delay: Some(false), ..SocketOptions::default() };
/// assert_eq!(options.v6_only, Some(true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// `TCP_NODELAY`, tcp(7). Whether small segments are sent at once instead of after the acknowledgement of earlier
    /// ones (Nagle's algorithm). Default: yes; system default: no.
    pub no_delay: Option<bool>,
    /// `SO_KEEPALIVE`, socket(7). Whether and how the system probes an idle connection; if the peer does not answer,
    /// calls fail as `TimedOut`. Default: after 15 s, every 5 s, 3 times; system default: no.
    pub keep_alive: Option<KeepAlive>,
    /// `TCP_USER_TIMEOUT`, tcp(7), RFC 5482; Linux and Android. How long sent data may stay unacknowledged before calls
    /// fail as `TimedOut`. In milliseconds, rounded up; zero is the system's own limit, about 15 minutes. Default: 30
    /// s.
    pub user_timeout: Option<Duration>,
    /// `SO_REUSEADDR`, socket(7). Whether an endpoint may be bound while connections of an earlier socket are in
    /// `TIME_WAIT`; on UDP, whether several sockets may share an endpoint, as members of a multicast group do, and take
    /// each other's datagrams. Never set on Windows, where it lets another program take over the endpoint. Default:
    /// `None`, which means yes for listeners and no for other sockets; system default: no.
    pub reuse_address: Option<bool>,
    /// `SO_REUSEPORT`, socket(7); not on Windows. Whether several sockets of one user may be bound to one endpoint;
    /// Linux distributes connections and datagrams among them. Default: `None`; system default: no.
    pub reuse_port: Option<bool>,
    /// `SO_SNDBUF`, socket(7). Size of the send buffer in bytes. Linux doubles the value, reports the doubled one, and
    /// stops adjusting it. Default: `None`.
    pub send_buffer_bytes: Option<usize>,
    /// `SO_RCVBUF`, socket(7). Size of the receive buffer in bytes, otherwise as `send_buffer_bytes`. Set before
    /// connecting or listening, it limits the window that TCP advertises. Default: `None`.
    pub receive_buffer_bytes: Option<usize>,
    /// `SO_LINGER`, socket(7). What closing does with bytes that are not delivered yet. Default: `None`; system
    /// default:
    /// [`Linger::Background`].
    pub linger: Option<Linger>,
    /// `IPV6_V6ONLY`, ipv6(7). Whether an IPv6 socket refuses IPv4, so that `[::]` does not include `0.0.0.0`. Default:
    /// yes; system defaults differ.
    pub v6_only: Option<bool>,
    /// `SO_BINDTODEVICE`, socket(7); Linux and Android. The only network interface that the socket uses, such as
    /// `eth0`. Default: `None`; system default: any.
    pub bind_device: Option<String>,
    /// `IP_TOS`, ip(7), and `IPV6_TCLASS`, ipv6(7). The differentiated-services code point of sent packets, RFC 2474.
    /// Default: `None`; system default: 0.
    pub dscp: Option<Dscp>,
}

/// Whether and how the system probes an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// No probes.
    Off,
    /// Probes. Times are in whole seconds, rounded up; none of the three values may be zero.
    On {
        /// Idle time before the first probe, `TCP_KEEPIDLE`.
        idle: Duration,
        /// Time between two probes, `TCP_KEEPINTVL`. OpenBSD has one setting for the whole system instead.
        interval: Duration,
        /// Unanswered probes after which the connection counts as dead, `TCP_KEEPCNT`.
        probes: u32,
    },
}

/// What closing a connection does with bytes that are not delivered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linger {
    /// Closing returns at once, and the system goes on delivering them.
    Background,
    /// Closing waits up to this long, in whole seconds rounded up, for their delivery; zero discards them and sends
    /// RST. Keep it short: closing has no other deadline.
    Wait(Duration),
}

/// A differentiated-services code point, 0 to 63 (RFC 2474).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(pub(super) u8);

impl Dscp {
    /// The code point; `None` above 63.
    pub const fn new(code_point: u8) -> Option<Self> {
        if code_point < 64 { Some(Self(code_point)) } else { None }
    }

    /// The number, 0 to 63.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl SocketOptions {
    /// The system's defaults: nothing set, and no reuse of addresses.
    pub const fn system() -> Self {
        Self {
            no_delay: None,
            keep_alive: None,
            user_timeout: None,
            reuse_address: Some(false),
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
    /// A socket that sends small segments at once and detects dead peers.
    fn default() -> Self {
        Self {
            no_delay: Some(true),
            keep_alive: Some(KeepAlive::On {
                idle: KEEP_ALIVE_IDLE,
                interval: KEEP_ALIVE_INTERVAL,
                probes: KEEP_ALIVE_PROBES,
            }),
            user_timeout: cfg!(any(target_os = "android", target_os = "linux")).then_some(UNACKNOWLEDGED_MAX),
            reuse_address: None,
            v6_only: Some(true),
            ..Self::system()
        }
    }
}

/// The address family of a socket, which decides which options apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
    Unix,
}

/// What a socket is for, which decides which options apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Listener,
    Stream,
    Datagram,
}
