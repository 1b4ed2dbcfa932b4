//! What the end of a request says about its host.

use std::time::Duration;

/// What the end of a request says about the pace of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The host served the request, or answered that it does not serve this URL (404 and the like): it is healthy.
    Success {
        /// From the request to the head of the response.
        latency: Duration,
    },
    /// The connection or the response broke: reset, truncated, timed out, 502, 504.
    Congestion,
    /// The host cannot be reached: the connection was refused, the name does not exist, there is no route.
    Absent,
    /// The host asked for fewer requests: 429, 503, 509, 529.
    Throttle {
        /// The pause that it asked for, capped by the caller.
        retry_after: Option<Duration>,
    },
    /// The host denied the request (403, 418): because of the URL, or in a storm of denials because of the pace.
    Denied {
        /// From the request to the head of the response.
        latency: Duration,
    },
    /// Our own machine failed, or we aborted the request: says nothing about the host.
    Neutral,
}
