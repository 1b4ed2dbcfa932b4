//! What goes into a pace and what comes out of it.

use super::Seconds;

/// One exchange under way, as the controller knows it: its place in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Its place in the order of sending.
    #[must_use]
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// Which row is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// One that has failed before and may be asked again, else the next of the list.
    Any,
    /// One from elsewhere in the list, which has not failed lately: the host is to be judged, not the URL.
    Elsewhere,
    /// This one, which was denied.
    Held(u64),
    /// This one, which was served before: a request for its head is enough, and what becomes of it is of no account.
    Served(u64),
}

/// Rows that could be asked for now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Rows that may be requested now.
    pub ready: u32,
    /// Rows that are not done, those under way, waiting or held included.
    pub remaining: u32,
    /// Connections that are open and idle: a request on one of them opens none.
    pub idle: u32,
}

/// The answer to 'may another exchange with this host start now?'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Permit {
    /// Yes, for this row.
    Go(Pick),
    /// Not before this time.
    At(Seconds),
    /// Not before something has been heard.
    OnAnswer,
}

/// Where an exchange broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The connection was refused, or reset while it was made.
    Connect,
    /// Reset or closed before the answer.
    Reset,
    /// The answer ended before its end.
    Body,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// The host served the request, or said that it has nothing at this URL: it is well.
    Served {
        /// From the request to the first byte of the answer.
        latency: Seconds,
    },
    /// A status that asks for fewer requests or says that it cannot now: 429, 500, 502, 503, 504, 509, 529.
    Refused {
        /// The status.
        status: u16,
        /// How long it asks to be left alone, already capped by the caller.
        retry_after: Option<Seconds>,
    },
    /// A status that denies: 401, 403, 418, 451.
    Denied {
        /// The status.
        status: u16,
    },
    /// The connection or the answer broke.
    Broken(Phase),
    /// Nothing came for as long as the deadline.
    Silent,
    /// It was stopped because [`look`](super::Controller::look) said so.
    Aborted,
    /// Our own trouble: says nothing about the host.
    Local,
}

/// What becomes of the row of an exchange that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RowDecision {
    /// It is done.
    Done,
    /// It has failed for good, for a reason of its own.
    Failed,
    /// It is asked again, not before this time. `is_charged`: it counts against what the URL may fail.
    Retry {
        /// From then on.
        not_before: Seconds,
        /// Whether it counts against the URL.
        is_charged: bool,
    },
    /// The controller keeps it and will ask for it by [`Pick::Held`], or settle it.
    Held,
}

/// What the user fixes of a host's pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PacePolicy {
    /// Requests under way at most.
    pub window_max: u32,
    /// Requests a second at most.
    pub rate_max: Option<f64>,
    /// The least time from one request to the next.
    pub spacing: Seconds,
}

impl Default for PacePolicy {
    fn default() -> Self {
        Self { window_max: super::window::COURTEOUS_MAX, rate_max: None, spacing: 0.0 }
    }
}

/// The share of chance that has been proved, or needs no proof, for each form.
pub(crate) type RandomShares = [f64; FailureMode::COUNT];

/// Refusals that nobody has proved to be chance are not believed to be more often than this.
const SELDOM_MAX: f64 = 0.1;

/// In which way a request was in vain, as far as that tells one reason from another.
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

    /// Breaks and silences are often chance; refusals seldom are.
    pub(crate) const fn is_often_random(self) -> bool {
        matches!(self, Self::Broken | Self::Silent)
    }

    /// The share of requests that fail in this way by chance: of those that often are, and of those that seldom are, so
    /// much was measured, and so much was proved.
    pub(crate) fn share(self, often: f64, seldom: f64, random_shares: RandomShares) -> f64 {
        let measured = if self.is_often_random() { often } else { seldom.min(SELDOM_MAX) };
        measured.max(random_shares[self.index()]).min(0.7)
    }
}
