//! How many exchanges one host is given at a time, and when it is given none.
//!
//! A state machine without I/O: `now` is an argument, inputs are answers, the output is a [`Permit`]. It decides
//! nothing about a single URL (that is [`retry`](crate::retry)) and nothing about which URL is next (that is
//! [`frontier`](crate::frontier)).
//!
//! # State
//! - **window**: how many exchanges may be in flight. It is clocked by answers, not by time: it starts at a few, as a
//!   browser does, doubles per round trip until the first sign of trouble, then grows by one per round trip.
//! - **block**: a time before which nothing is sent: the host said so (Retry-After), or it has failed many times in a
//!   row. What follows a block is one probe; the window opens again when the probe is answered.
//! - **stalled**: exchanges that have made no progress worth the name. They keep their sockets and their deadlines but
//!   give up their place in the window, so that a few silent answers do not idle a healthy host.
//!
//! | input | window | block |
//! |---|---|---|
//! | success, while no limit is known | + 1 (doubles per round trip) | lifted |
//! | success, after a cut | + 1/window | lifted |
//! | congestion (reset, refused, timeout, 502, 504) | halved once per round trip, not below 2 | after 8 in a row without success |
//! | throttle (429, 503, 509, 529) | halved once per round trip, not below 1 | Retry-After, or from the second in a row |
//! | the URL's own trouble (404, a bad answer), local trouble | unchanged | unchanged |
//!
//! Only one cut per round trip: the answers to requests that were sent before the cut say nothing about the pace after
//! it.

use std::time::Duration;

use tokio::time::Instant;

/// The window that a host starts with: about what a browser opens to a new host.
pub const WINDOW_START: u32 = 4;
/// The cap for a host on the public network. Browsers use 6; servers' per-address limits are seldom below 8.
pub const WINDOW_CAP_PUBLIC: u32 = 8;
/// The cap for loopback and private addresses, where the user is the host's owner or guest.
pub const WINDOW_CAP_PRIVATE: u32 = 16;
/// Resets and timeouts do not push the window below this: with one place left, a single stall would idle the host.
const WINDOW_FLOOR_CONGESTION: f64 = 2.0;
/// Places that stalled exchanges can vacate, in windows of the host's cap: bounds the sockets held open to one host.
const STALLED_WINDOWS_MAX: u32 = 2;
/// An exchange without progress for this long has stalled ...
const STALL_MIN: Duration = Duration::from_secs(2);
/// ... unless the host is as slow as that by nature: so many times its usual time to a head.
const STALL_LATENCIES: u32 = 4;
/// Weight of the newest answer in the usual time to a head: the last dozen answers count.
const LATENCY_WEIGHT: f64 = 0.15;
/// So many failures in a row, none a success, are no longer a matter of pace: the host is left alone for a while.
const FAILURES_BEFORE_BLOCK: u32 = 8;
/// The first pause of a host that fails without end; each further failure makes it longer by [`BLOCK_GROWTH`].
const BLOCK_FIRST: Duration = Duration::from_millis(500);
/// Growth of the pause per further failure.
const BLOCK_GROWTH: f64 = 1.5;
/// The longest pause that the controller chooses by itself; only the host can ask for a longer one.
const BLOCK_MAX: Duration = Duration::from_secs(30);
/// A Retry-After is stretched by up to this share, so that many hosts behind one gate do not return at one instant.
const RETRY_AFTER_STRETCH: f64 = 0.05;

/// What one answer says about the host's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The host served what was asked, or said clearly that it will not (404 and the like): it is well.
    Success {
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// The connection or the answer broke: refused, reset, cut, timed out, 502, 504.
    Congestion,
    /// The host asked for fewer requests: 429, 503 and their kin.
    Throttle {
        /// How long it wishes to be left alone, already capped by the caller.
        retry_after: Option<Duration>,
    },
    /// Our own trouble, or an exchange that was given up on our side: says nothing about the host.
    Neutral,
}

/// The answer to 'may another exchange with this host start now?'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes. The ticket goes back with the answer.
    Go(Ticket),
    /// Not before this time.
    WaitUntil(Instant),
    /// Not before one of the exchanges in flight has been answered or has stalled.
    WaitForAnswer,
}

/// One exchange in flight, as the controller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    sequence: u64,
}

/// Why a host is slower than it could be, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limiter {
    /// Nothing holds it back but the cap.
    Cap,
    /// The window is still growing.
    Growing,
    /// It broke connections or answers.
    Congestion,
    /// It asked for fewer requests.
    Throttle,
    /// It asked, with Retry-After, to be left alone until a time.
    RetryAfter,
    /// It failed many times in a row.
    Failing,
}

impl Limiter {
    /// One word or two for tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cap => "at its cap",
            Self::Growing => "growing",
            Self::Congestion => "breaks connections",
            Self::Throttle => "throttles",
            Self::RetryAfter => "asked to wait",
            Self::Failing => "failing",
        }
    }
}

/// The pace of one host.
#[derive(Debug, Clone)]
pub struct Pace {
    window: f64,
    cap: u32,
    /// Doubling per round trip: no limit of the host is known yet.
    slow_start: bool,
    in_flight: u32,
    stalled: u32,
    next_sequence: u64,
    /// Answers to requests before this one belong to the time before the last cut.
    cut_sequence: u64,
    blocked_until: Option<Instant>,
    /// After a block, one request at a time until one succeeds.
    probing: bool,
    failures_in_a_row: u32,
    throttles_in_a_row: u32,
    failing_since: Option<Instant>,
    /// The usual time to a head, once there has been one.
    latency: Option<Duration>,
    limiter: Limiter,
}

impl Pace {
    /// A host of which nothing is known, with at most `cap` exchanges at a time (at least 1).
    #[must_use]
    pub fn new(cap: u32) -> Self {
        let cap = cap.max(1);
        Self {
            window: f64::from(WINDOW_START.min(cap)),
            cap,
            slow_start: true,
            in_flight: 0,
            stalled: 0,
            next_sequence: 0,
            cut_sequence: 0,
            blocked_until: None,
            probing: false,
            failures_in_a_row: 0,
            throttles_in_a_row: 0,
            failing_since: None,
            latency: None,
            limiter: Limiter::Growing,
        }
    }

    /// Asks for a place. A [`Permit::Go`] must be matched by one call of [`answered`](Self::answered).
    pub fn permit(&mut self, now: Instant) -> Permit {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Permit::WaitUntil(until);
            }
            self.blocked_until = None;
        }
        let places = if self.probing { 1 } else { self.window() };
        let taken = self.in_flight - self.stalled.min(STALLED_WINDOWS_MAX * self.cap);
        if taken >= places {
            return Permit::WaitForAnswer;
        }
        let ticket = Ticket { sequence: self.next_sequence };
        self.next_sequence += 1;
        self.in_flight += 1;
        Permit::Go(ticket)
    }

    /// The exchange of this ticket has made no progress for a while: its place is free, it goes on.
    pub fn stalled(&mut self, _ticket: Ticket) {
        self.stalled += 1;
    }

    /// A stalled exchange makes progress again.
    pub fn revived(&mut self, _ticket: Ticket) {
        self.stalled = self.stalled.saturating_sub(1);
    }

    /// The exchange of this ticket is over. `was_stalled` says whether it ended in the stalled state; `jitter` is a
    /// random number in 0..1 from the caller's seeded generator.
    pub fn answered(&mut self, ticket: Ticket, signal: Signal, was_stalled: bool, now: Instant, jitter: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if was_stalled {
            self.stalled = self.stalled.saturating_sub(1);
        }
        match signal {
            Signal::Neutral => {}
            Signal::Success { latency } => self.succeeded(latency),
            Signal::Congestion => self.congested(ticket, now, jitter),
            Signal::Throttle { retry_after } => self.throttled(ticket, retry_after, now, jitter),
        }
    }

    fn succeeded(&mut self, latency: Duration) {
        self.latency =
            Some(self.latency.map_or(latency, |usual| {
                usual.mul_f64(1.0 - LATENCY_WEIGHT) + latency.mul_f64(LATENCY_WEIGHT)
            }));
        self.failures_in_a_row = 0;
        self.throttles_in_a_row = 0;
        self.failing_since = None;
        self.probing = false;
        let cap = f64::from(self.cap);
        self.window += if self.slow_start { 1.0 } else { 1.0 / self.window };
        if self.window >= cap {
            self.window = cap;
            self.limiter = Limiter::Cap;
        } else if self.slow_start {
            self.limiter = Limiter::Growing;
        }
    }

    fn congested(&mut self, ticket: Ticket, now: Instant, jitter: f64) {
        self.failed(now);
        if ticket.sequence >= self.cut_sequence {
            let floor = WINDOW_FLOOR_CONGESTION.min(f64::from(self.cap));
            self.cut(floor, Limiter::Congestion);
        }
        if self.failures_in_a_row >= FAILURES_BEFORE_BLOCK {
            self.block_by_failures(self.failures_in_a_row - FAILURES_BEFORE_BLOCK, now, jitter);
        }
    }

    fn throttled(&mut self, ticket: Ticket, retry_after: Option<Duration>, now: Instant, jitter: f64) {
        self.failed(now);
        // One burst of refusals is one refusal: those sent before the cut are not counted as further ones.
        if ticket.sequence >= self.cut_sequence {
            self.throttles_in_a_row += 1;
            self.cut(1.0, Limiter::Throttle);
        }
        if let Some(wait) = retry_after {
            let until = now + wait.mul_f64(1.0 + RETRY_AFTER_STRETCH * jitter);
            self.block(until, Limiter::RetryAfter);
        } else if self.throttles_in_a_row >= 2 {
            self.block_by_failures(self.throttles_in_a_row - 2, now, jitter);
        }
    }

    fn failed(&mut self, now: Instant) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    fn cut(&mut self, floor: f64, limiter: Limiter) {
        self.slow_start = false;
        self.window = (self.window / 2.0).max(floor);
        self.cut_sequence = self.next_sequence;
        self.limiter = limiter;
    }

    fn block_by_failures(&mut self, further: u32, now: Instant, jitter: f64) {
        let growth = BLOCK_GROWTH.powi(i32::try_from(further.min(64)).unwrap_or(64));
        let pause = BLOCK_FIRST.mul_f64(growth.min(BLOCK_MAX.as_secs_f64() / BLOCK_FIRST.as_secs_f64()));
        self.block(now + pause.mul_f64(0.75 + 0.25 * jitter), Limiter::Failing);
    }

    fn block(&mut self, until: Instant, limiter: Limiter) {
        if self.blocked_until.is_none_or(|earlier| earlier < until) {
            self.blocked_until = Some(until);
        }
        self.probing = true;
        self.limiter = limiter;
    }

    /// How long an exchange may make no progress before it counts as stalled; `None` while the host has never answered,
    /// for then there is nothing to compare with.
    #[must_use]
    pub fn stall_after(&self) -> Option<Duration> {
        self.latency.map(|latency| (latency * STALL_LATENCIES).max(STALL_MIN))
    }

    /// Whole exchanges that may be in flight.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= window <= cap, a u32")]
    pub fn window(&self) -> u32 {
        self.window as u32
    }

    /// Exchanges in flight, the stalled ones included.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The time before which nothing is sent, if one is set.
    #[must_use]
    pub fn blocked_until(&self) -> Option<Instant> {
        self.blocked_until
    }

    /// How many exchanges in a row have failed, and since when: what the rule for giving a host up looks at.
    #[must_use]
    pub fn failing(&self) -> Option<(u32, Instant)> {
        self.failing_since.map(|since| (self.failures_in_a_row, since))
    }

    /// What holds the host back.
    #[must_use]
    pub fn limiter(&self) -> Limiter {
        self.limiter
    }
}
