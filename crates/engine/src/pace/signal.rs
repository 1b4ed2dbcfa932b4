//! What the end of a request says about its host.

use std::time::Duration;

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
