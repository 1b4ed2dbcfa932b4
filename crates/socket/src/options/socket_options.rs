//! The options of a socket, by name.

use std::time::Duration;

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
pub(super) const DSCP_SHIFT: u32 = 2;

/// The options of a socket. Each is `None` where the system's own default is to stay; but see `reuse_address`.
///
/// They are set before a socket is bound or connected, where they take effect from the first packet on, and can be read
/// back from an open one. An option that does not apply to the kind of socket is left alone: those of TCP on a UDP
/// socket, `v6_only` on an IPv4 socket, all but the buffers on a Unix-domain socket. One that the system has not got is
/// `Unsupported`, and the fault of one that it refuses names it.
///
/// ```
/// use longhaul_socket::SocketOptions;
///
/// let options = SocketOptions { no_delay: Some(false), ..SocketOptions::default() };
/// assert_eq!(options.v6_only, Some(true));
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
    /// the connection is `TimedOut`. In milliseconds, rounded up; zero is the system's own limit, about a quarter of an
    /// hour. Default: 30 s.
    pub user_timeout: Option<Duration>,
    /// `SO_REUSEADDR`, socket(7). Whether an endpoint may be bound again while connections of an earlier socket linger
    /// in `TIME_WAIT`; on UDP, whether several sockets may share it, as those of one multicast group do, and take each
    /// other's datagrams. Never set on Windows, where the name means that another program may take the endpoint over.
    /// Default: `None`, which is yes for sockets that listen, and no for others; systems: no.
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
    /// It is asked. Times are in whole seconds, rounded up; none of the three may be zero.
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
    /// Closing waits this long, in whole seconds rounded up, for them to be delivered; with zero it discards them and
    /// sends RST. Closing a socket cannot be given a deadline otherwise: keep it short.
    Wait(Duration),
}

/// A differentiated-services code point, 0 to 63 (RFC 2474).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(pub(super) u8);

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
    /// All as the system has it: nothing set, and no reuse of addresses.
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
            reuse_address: None,
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
