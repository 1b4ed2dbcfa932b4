//! How long each phase of an exchange may take. With a limit per read alone a peer could hold a connection for ever with one
//! byte at a time, so the head has one deadline as a whole and the body has to keep a minimum speed.

use std::time::Duration;

use longhaul_socket::MinimumSpeed;
use tokio::time::Instant;

/// The longest wait, a hundred years: adding it to the time of any clock does not overflow.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// Default of the waits in which nothing at all arrives.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How long each phase of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolving the name and connecting, all addresses together.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The handshake with a proxy that relays bytes: it connects to the host meanwhile.
    pub tunnel: Duration,
    /// Writing the request.
    pub send: Duration,
    /// From the last byte of the request to the end of the response head.
    pub head: Duration,
    /// Silence within the body.
    pub idle: Duration,
    /// The least speed of the body.
    pub speed: MinimumSpeed,
    /// The exchange as a whole, body included; `None` for no limit, since a large file may well take a day.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// Every wait takes at most `wait`, the window of the minimum speed included; the exchange as a whole has no limit.
    #[must_use]
    pub fn all(wait: Duration) -> Self {
        let speed = MinimumSpeed::default();
        Self {
            connect: wait,
            tls: wait,
            tunnel: wait,
            send: wait,
            head: wait,
            idle: wait,
            speed: MinimumSpeed { window: speed.window.min(wait), ..speed },
            total: None,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            tunnel: SILENCE_MAX,
            send: SILENCE_MAX,
            head: SILENCE_MAX,
            idle: SILENCE_MAX,
            speed: MinimumSpeed::default(),
            total: None,
        }
    }
}

/// `wait` after `start`, and at most a hundred years after it.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    start + wait.min(NEVER)
}
