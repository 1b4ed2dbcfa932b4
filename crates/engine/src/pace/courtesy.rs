//! What every controller keeps to, whatever it learns.

use std::time::Duration;

/// The cap for a host on the public network. Browsers use 6; servers' per-address limits are seldom below 8.
pub const WINDOW_CAP_PUBLIC: u32 = 8;
/// The cap for loopback and private addresses, where the user is the host's owner or guest.
pub const WINDOW_CAP_PRIVATE: u32 = 16;
/// The cap for a host; `is_private` says that its address is loopback or private.
pub(super) const fn window_cap(is_private: bool) -> u32 {
    if is_private { WINDOW_CAP_PRIVATE } else { WINDOW_CAP_PUBLIC }
}

/// The most requests in flight to any host, for a controller that widens the window step by step.
pub const WINDOW_MAX: u32 = 64;
/// A host that has served this many requests 'was fine': its silence may be a ban, and its denials a storm.
pub(super) const SERVED_WELL: u32 = 10;

/// A pause that a host asked for is stretched by up to this share, so that many hosts behind one gateway do not return at
/// one instant.
const PAUSE_STRETCH: f64 = 0.05;

/// A pause that a host asked for, a little longer. `jitter` is a random number in 0..1.
pub(super) fn stretched(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(1.0 + PAUSE_STRETCH * jitter)
}
