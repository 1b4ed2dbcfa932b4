//! How long the calls of a socket may take.

use std::time::Duration;

use super::{Deadline, DeadlinePassed, defaults};

/// Resolving a name and trying all addresses: long enough for three retransmissions of a lost SYN (at 1, 3 and 7 s).
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A handshake takes two round trips and some computing; ten seconds allow for lost packets and busy servers.
const TLS_MAX: Duration = Duration::from_secs(10);

/// How long each kind of call of a socket may take. Each limit is for a call as a whole, so a peer cannot extend it by
/// sending a byte now and then.
///
/// A call with a deadline of its own (`receive_within` and the like) uses that deadline instead of the limit of its
/// kind;
/// [`idle`](Self::idle) and [`total`](Self::total) still apply.
///
/// ```
/// use std::time::Duration;
/// use longhaul_socket::{Timeouts, defaults};
///
/// assert_eq!(Timeouts::default().read, defaults::timeout());
/// let patient = Timeouts { read: Duration::from_secs(600), ..Timeouts::default() };
/// assert_eq!(patient.write, defaults::timeout());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Establishing a connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Waiting for a connection to accept.
    pub accept: Duration,
    /// One call that receives: some bytes, a datagram, a message, or a full buffer.
    pub read: Duration,
    /// One call that sends all of its bytes, or shuts down.
    pub write: Duration,
    /// The longest time within a call in which no byte moves; `None` for no limit. Set it to a few seconds where `read`
    /// or `write` has to be long because a call moves much data.
    pub idle: Option<Duration>,
    /// The whole life of the socket, from its opening; `None`, the default, for no limit.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// `wait` for each kind of call; neither `idle` nor `total`.
    pub const fn all(wait: Duration) -> Self {
        Self { connect: wait, tls: wait, accept: wait, read: wait, write: wait, idle: None, total: None }
    }
}

impl Default for Timeouts {
    /// The default of the process, [`defaults::timeout`], for each kind of call.
    fn default() -> Self {
        Self::all(defaults::timeout())
    }
}

/// The limits of one open socket: its timeouts as deadlines, and the end of its life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitLimits {
    opened: Deadline,
    pub(crate) timeouts: Timeouts,
}

impl WaitLimits {
    /// The limits of a socket that is opened now.
    pub(crate) fn new(timeouts: Timeouts) -> Self {
        Self { opened: Deadline::after(Duration::ZERO), timeouts }
    }

    /// When an accept that begins now ends at the latest.
    pub(crate) fn accept(&self) -> Deadline {
        self.capped(Deadline::after(self.timeouts.accept))
    }

    /// When a TLS handshake that begins now ends at the latest.
    pub(crate) fn tls(&self) -> Deadline {
        self.capped(Deadline::after(self.timeouts.tls))
    }

    /// When a read that begins now ends at the latest.
    pub(crate) fn read(&self) -> Deadline {
        self.capped(Deadline::after(self.timeouts.read))
    }

    /// When a write that begins now ends at the latest.
    pub(crate) fn write(&self) -> Deadline {
        self.capped(Deadline::after(self.timeouts.write))
    }

    /// `deadline`, or the end of the socket's life ([`Timeouts::total`]) if that is earlier.
    pub(crate) fn capped(&self, deadline: Deadline) -> Deadline {
        match self.timeouts.total {
            Some(total) => deadline.earlier_of(self.opened.later_by(total)),
            None => deadline,
        }
    }

    /// As [`capped`](Self::capped), and by [`Timeouts::idle`] from now on: the deadline of one step of a call.
    pub(crate) fn capped_by_idle(&self, deadline: Deadline) -> Deadline {
        let deadline = self.capped(deadline);
        match self.timeouts.idle {
            Some(idle) => deadline.earlier_of(Deadline::after(idle)),
            None => deadline,
        }
    }

    /// Fails once `deadline` has passed, from the second step of a call on: a call that moves many bytes ends on time
    /// even if no step has to wait.
    pub(crate) fn check_progress(&self, has_moved: bool, deadline: Deadline) -> Result<(), DeadlinePassed> {
        if has_moved && self.capped(deadline).has_passed() { Err(DeadlinePassed) } else { Ok(()) }
    }
}

/// How long the two steps of connecting to a target may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTimeouts {
    /// Resolving the name and trying all its addresses. Default: 10 s, or the default of the process
    /// ([`defaults::timeout`]) if that is less.
    pub connect: Duration,
    /// The TLS handshake. Default: as for `connect`.
    pub tls: Duration,
}

impl Default for ConnectTimeouts {
    fn default() -> Self {
        let timeout = defaults::timeout();
        Self { connect: CONNECT_MAX.min(timeout), tls: TLS_MAX.min(timeout) }
    }
}
