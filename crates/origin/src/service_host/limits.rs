//! What one client may cost.

use std::time::Duration;

use longhaul_socket::MinimumSpeed;

/// Limits on the connections of each service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, per service and socket, at least one; further ones wait to be accepted.
    pub connections_max: usize,
    /// The size of a request head, in bytes, at least 8 KiB; a longer one is refused with `431`.
    pub head_bytes_max: usize,
    /// The time from the first byte of a request head to its last, including the TLS handshake if there is one.
    pub head_time: Duration,
    /// The longest silence of a peer that has to send something.
    pub idle_time: Duration,
    /// The time for the peer to take one piece of what it is sent, of 16 KiB.
    pub write_time: Duration,
    /// The least speed of a peer that sends to `echo` or `discard`, on average over the time spent waiting for it.
    pub speed: MinimumSpeed,
}

impl Limits {
    /// The default limits, with `wait` for every time and for the window of the minimum speed.
    pub fn waiting(wait: Duration) -> Self {
        Self {
            connections_max: 16_384,
            head_bytes_max: 32 * 1024,
            head_time: wait,
            idle_time: wait,
            write_time: wait,
            speed: MinimumSpeed { window: wait, ..MinimumSpeed::default() },
        }
    }
}

impl Default for Limits {
    /// 16,384 connections, heads of 32 KiB, and the default timeout of the process for every time.
    fn default() -> Self {
        Self::waiting(longhaul_socket::defaults::timeout())
    }
}
