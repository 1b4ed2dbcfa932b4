//! The states of a socket.

use std::fmt;

/// The state of a socket: the ones of TCP (RFC 9293 section 3.3.2), and `Unconnected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SocketState {
    /// It accepts connections.
    Listening,
    /// A datagram or stream socket without a peer.
    Unconnected,
    /// SYN-SENT: it is connecting.
    SynSent,
    /// SYN-RECEIVED: it has accepted a connection, which the peer has not confirmed.
    SynReceived,
    /// ESTABLISHED: it is connected.
    Established,
    /// FIN-WAIT-1: it has ended its direction.
    FinWait1,
    /// FIN-WAIT-2: the peer has acknowledged that.
    FinWait2,
    /// CLOSE-WAIT: the peer has ended its direction, and the process here has not closed yet.
    CloseWait,
    /// CLOSING: both sides have ended their directions at the same time.
    Closing,
    /// LAST-ACK: both sides have ended, and this one waits for the last acknowledgement.
    LastAck,
    /// TIME-WAIT: closed. The pair of endpoints stays reserved for a minute, so that late packets cannot reach a new
    /// connection.
    TimeWait,
    /// CLOSED.
    Closed,
    /// A state number that this crate does not know.
    Unknown,
}

impl SocketState {
    /// A word or two in lower case. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Unconnected => "unconnected",
            Self::SynSent => "connecting",
            Self::SynReceived => "being connected",
            Self::Established => "established",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::CloseWait => "close-wait",
            Self::Closing => "closing",
            Self::LastAck => "last-ack",
            Self::TimeWait => "time-wait",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    /// Linux's number for TCP and UDP, `include/net/tcp_states.h`.
    pub(super) const fn of_inet(number: u8, is_udp: bool) -> Self {
        match number {
            1 => Self::Established,
            // UDP uses the number of CLOSED for sockets without a peer.
            7 if is_udp => Self::Unconnected,
            2 => Self::SynSent,
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listening,
            11 => Self::Closing,
            _ => Self::Unknown,
        }
    }

    /// Linux's number for Unix-domain sockets, `include/uapi/linux/net.h`, and whether the socket accepts connections.
    pub(super) const fn of_unix(number: u8, accepts: bool) -> Self {
        match number {
            1 if accepts => Self::Listening,
            1 => Self::Unconnected,
            2 => Self::SynSent,
            3 => Self::Established,
            4 => Self::Closing,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
