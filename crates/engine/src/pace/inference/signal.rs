//! The inputs and outputs of the state machine.

use super::Seconds;

/// A request, identified by its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Its place in the order of sending.
    #[must_use]
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// The row to request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The next row that is ready.
    Any,
    /// A row from elsewhere in the list without a recent failure, to test the host rather than a URL.
    Elsewhere,
    /// This row, which was denied and is held.
    Held(u64),
    /// This row, which was served before. The outcome does not change the row.
    Served(u64),
}

/// The rows that are not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Rows that may be requested now.
    pub ready: u32,
    /// All rows that are not done, including those in flight, waiting or held.
    pub remaining: u32,
    /// Connections that are open and idle: a request on one of them opens none.
    pub idle: u32,
}

/// Whether another request may be sent now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Permit {
    /// Yes, for this row.
    Go(Pick),
    /// Not before this time.
    At(Seconds),
    /// Not before the next response or failure.
    OnAnswer,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// The host served the request, or has nothing at this URL: the host is healthy.
    Served {
        /// From the request to the first byte of the response.
        latency: Seconds,
    },
    /// A status that asks for fewer requests, or reports a temporary failure: 429, 500, 502, 503, 504, 509, 529.
    Refused {
        /// How long the host asks to be left alone, already prolonged a little.
        retry_after: Option<Seconds>,
    },
    /// A status that denies access: 401, 403, 418, 451.
    Denied,
    /// The connection or the response broke.
    Broken,
    /// The deadline passed without a response.
    Silent,
    /// The caller aborted the exchange because [`should_abort`](super::Controller::should_abort) said so.
    Aborted,
    /// A local failure: it says nothing about the host.
    Local,
}

/// The share of requests that fail at random in each mode, 0 to 1.
pub(crate) type RandomShares = [f64; FailureMode::COUNT];

/// An unproven random share of refusals is at most this.
const SELDOM_MAX: f64 = 0.1;

/// How a request failed, as far as it helps to tell the causes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureMode {
    Throttled,
    Denied,
    Broken,
    Silent,
}

impl FailureMode {
    pub(crate) const COUNT: usize = 4;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Throttled, Self::Denied, Self::Broken, Self::Silent];

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Throttled => 0,
            Self::Denied => 1,
            Self::Broken => 2,
            Self::Silent => 3,
        }
    }

    /// Broken and silent exchanges are often random failures; refusals seldom are.
    pub(crate) const fn is_often_random(self) -> bool {
        matches!(self, Self::Broken | Self::Silent)
    }

    /// The random share of this mode: the measured share of its group, or the proven share if that is larger.
    pub(crate) fn share(self, often: f64, seldom: f64, random_shares: RandomShares) -> f64 {
        let measured = if self.is_often_random() { often } else { seldom.min(SELDOM_MAX) };
        measured.max(random_shares[self.index()]).min(0.7)
    }
}
