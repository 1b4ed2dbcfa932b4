//! The limits and times of a server.

use std::time::{Duration, SystemTime};

use longhaul_socket::clock::WallClock;

use crate::http1::http_date;

/// Limits and times of a server.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Open connections, per listener, at least one; further ones wait to be accepted.
    pub connections_max: usize,
    /// The size of a request head, in bytes; a longer one is refused with `431`.
    pub head_bytes_max: usize,
    /// The time for the next request to arrive with its whole head, from the end of the last response.
    pub head_time: Duration,
    /// The time for the client to take one piece of a response, of at most about 64 KiB.
    pub write_time: Duration,
    /// How long a fault keeps the client waiting before the connection is closed.
    pub stall: Duration,
    /// The delay of each response.
    pub latency: Duration,
    /// The clock of the `Date` field.
    pub clock: WallClock,
}

impl Default for Options {
    /// 4,096 connections, heads of 32 KiB, a minute for every time, no latency, and the clock of the system.
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            connections_max: 4_096,
            head_bytes_max: 32 * 1024,
            head_time: minute,
            write_time: minute,
            stall: minute,
            latency: Duration::ZERO,
            clock: WallClock::system(),
        }
    }
}

impl Options {
    /// The time for `Date`.
    pub(crate) fn date(&self) -> SystemTime {
        http_date(self.clock)
    }
}
