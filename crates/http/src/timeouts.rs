//! How long each phase of an exchange may take. A limit per read alone would let one byte at a time hold a connection for
//! ever, so a head has one deadline as a whole and a body must keep a minimum speed.

use std::time::Duration;

use longhaul_socket::MinimumSpeed;
use tokio::time::Instant;

/// What "never" is taken for: a hundred years, which every clock can still count to.
const NEVER: Duration = Duration::from_hours(100 * 365 * 24);

/// The default of the waits in which nothing at all arrives.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How long each phase of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up the name and connecting, all addresses together.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Writing the request.
    pub send: Duration,
    /// From the request written to the head complete.
    pub head: Duration,
    /// Silence in the body.
    pub idle: Duration,
    /// The least speed of the body.
    pub speed: MinimumSpeed,
    /// The exchange as a whole, body included; `None` for no limit, since a large file may rightly take a day.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// Every wait at most `wait`, the window of the minimum speed included; the whole stays unlimited.
    #[must_use]
    pub fn all(wait: Duration) -> Self {
        let speed = MinimumSpeed::default();
        Self {
            connect: wait,
            tls: wait,
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
            send: SILENCE_MAX,
            head: SILENCE_MAX,
            idle: SILENCE_MAX,
            speed: MinimumSpeed::default(),
            total: None,
        }
    }
}

/// `wait` after `start`; a wait beyond all reason is one of a hundred years.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    start + wait.min(NEVER)
}
