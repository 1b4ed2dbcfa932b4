//! What goes into a pace and what comes out of it.

use std::time::Duration;

use tokio::time::Instant;

/// What one answer says about the host's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The host served what was asked, or said clearly that it will not (404 and the like): it is well.
    Success {
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// The connection or the answer broke: reset, cut, timed out, 502, 504.
    Congestion,
    /// Nobody is there: the connection was refused, the name is not known, no way leads there.
    Absent,
    /// The host asked for fewer requests: 429, 503 and their kin.
    Throttle {
        /// How long it wishes to be left alone, already capped by the caller.
        retry_after: Option<Duration>,
    },
    /// 403 or 418: the URL's own affair, unless they come in a storm.
    Denied {
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// Our own trouble, or an exchange that was given up on our side: says nothing about the host.
    Neutral,
}

/// The answer to 'may another exchange with this host start now?'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes. The ticket goes back with the answer.
    Go(SendRecord),
    /// Not before this time.
    WaitUntil(Instant),
    /// Not before one of the exchanges in flight has been answered or has stalled.
    WaitForAnswer,
}

/// One exchange in flight, as the controller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRecord {
    pub(super) sequence: u64,
    /// How many were in flight with it when it began, itself included.
    pub(super) in_flight: u32,
    /// How many had been served by then.
    pub(super) served: u32,
}

/// What the user fixes of a host's pace.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PacePolicy {
    /// The window is the cap, always, and there is no rate: nothing but a Retry-After stops it.
    pub is_fixed: bool,
    /// The least time from one request to the next; zero for none.
    pub spacing: Duration,
}
