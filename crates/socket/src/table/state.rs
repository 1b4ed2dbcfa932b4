//! How far a socket is.

use std::fmt;

/// The state of a socket: those of TCP (RFC 9293 section 3.3.2), and two of sockets without connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SocketState {
    /// It takes connections.
    Listening,
    /// A datagram or stream socket with no peer.
    Unconnected,
    /// It asks for a connection.
    SynSent,
    /// It was asked for a connection and has agreed.
    SynReceived,
    /// It is connected.
    Established,
    /// It has said that it will send no more.
    FinWait1,
    /// That has been acknowledged.
    FinWait2,
    /// The peer has said that it will send no more: the process here has yet to close.
    CloseWait,
    /// Both say so at once.
    Closing,
    /// Both have said so, and this side waits for the last acknowledgement.
    LastAck,
    /// Over; its endpoint rests for a minute, so that late packets do not meet a new connection.
    TimeWait,
    /// Closed.
    Closed,
    /// A number that is not known here.
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
            // The same number, and UDP closes nothing.
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

    /// Linux's number for Unix-domain sockets, `include/uapi/linux/net.h`, and whether the socket takes connections.
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
