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
    /// The connection or the response broke: reset, closed early, truncated.
    Congestion,
    /// A deadline passed while the host was silent or too slow, or we aborted the request for that reason.
    Silence,
    /// The host answered that it failed: 500, 502, 504 and the like.
    ServerError,
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

impl Signal {
    /// Whether the exchange broke, whatever the form: the connection, the response, or the host's own failure.
    #[must_use]
    pub const fn is_broken(self) -> bool {
        matches!(self, Self::Congestion | Self::Silence | Self::ServerError)
    }
}
