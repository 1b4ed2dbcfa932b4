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
//!   row. What follows a block is one request at a time, until one of them succeeds: what was sent before the block
//!   says nothing about the host after it.
//! - **stalled**: exchanges that have made no progress worth the name. They keep their sockets and their deadlines but
//!   give up their place in the window, so that a few silent answers do not idle a healthy host.
//!
//! | input | window | block |
//! |---|---|---|
//! | success, while no limit is known | + 1 (doubles per round trip) | the probe's: the window opens again |
//! | success, after a cut | + 1/window | the probe's: the window opens again |
//! | congestion (reset, refused, timeout, 502, 504) | halved once per round trip, not below 2 | after 8 in a row without success |
//! | throttle (429, 503, 509, 529) | halved once per round trip, not below 1 | Retry-After, and from the second in a row |
//! | the URL's own trouble (404, a bad answer), local trouble | unchanged | unchanged |
//!
//! Only one cut per round trip: the answers to requests that were sent before the cut say nothing about the pace after
//! it. Likewise one burst of failures makes one pause, however many requests were in flight.
//!
//! A host that breaks a share of its answers whatever the pace would keep the window at its floor for ever: `chance`
//! finds out whether slowing down helps. Throttle answers are never explained away like that.

mod chance;
mod limiter;

use std::time::Duration;

use tokio::time::Instant;

use chance::Chance;

pub use limiter::Limiter;

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
/// An exchange without progress has stalled after so many times the host's usual time to a head ...
const STALL_LATENCIES: u32 = 20;
/// ... but not sooner than this, for a busy machine has pauses of its own ...
const STALL_MIN: Duration = Duration::from_millis(500);
/// ... and not later than this ...
const STALL_MAX: Duration = Duration::from_secs(2);
/// ... unless the host is as slow as that by nature: so many times its usual time.
const STALL_LATENCIES_MIN: u32 = 4;
/// Weight of the newest answer in the usual time to a head: the last dozen answers count.
const LATENCY_WEIGHT: f64 = 0.15;
/// So many failures in a row, none a success, are no longer a matter of pace: the host is left alone for a while.
const FAILURES_BEFORE_BLOCK: u32 = 8;
/// So many refusals in a row are more than a window that was too wide: the cut that answered the first did not help. A
/// Retry-After of no time at all does not excuse from this, or a host that sends it would be asked without a pause.
const THROTTLES_BEFORE_BLOCK: u32 = 2;
/// The first pause of a host that fails without end; each probe that fails makes it longer by [`BLOCK_GROWTH`].
const BLOCK_FIRST: Duration = Duration::from_millis(500);
/// Growth of the pause per failed probe.
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
    /// Answers to requests before this one belong to the time before the last block.
    block_sequence: u64,
    failures_in_a_row: u32,
    throttles_in_a_row: u32,
    /// Pauses of our own choice, with no success between them.
    blocks_in_a_row: u32,
    failing_since: Option<Instant>,
    chance: Chance,
    /// The usual time to a head, once there has been one.
    latency: Option<Duration>,
    /// What the window is as it is for.
    window_limiter: Limiter,
    /// What the last block was for.
    block_limiter: Limiter,
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
            block_sequence: 0,
            failures_in_a_row: 0,
            throttles_in_a_row: 0,
            blocks_in_a_row: 0,
            failing_since: None,
            chance: Chance::new(),
            latency: None,
            window_limiter: Limiter::Growing,
            block_limiter: Limiter::Failing,
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
        let vacated = self.stalled.min(self.cap.saturating_mul(STALLED_WINDOWS_MAX));
        let taken = self.in_flight.saturating_sub(vacated);
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
        self.stalled = (self.stalled + 1).min(self.in_flight);
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
            Signal::Success { latency } => self.succeeded(ticket, latency),
            Signal::Congestion => self.congested(ticket, now, jitter),
            Signal::Throttle { retry_after } => self.throttled(ticket, retry_after, now, jitter),
        }
    }

    fn succeeded(&mut self, ticket: Ticket, latency: Duration) {
        self.latency =
            Some(self.latency.map_or(latency, |usual| {
                usual.mul_f64(1.0 - LATENCY_WEIGHT) + latency.mul_f64(LATENCY_WEIGHT)
            }));
        self.slow_start |= self.chance.note(ticket.sequence, false);
        self.failures_in_a_row = 0;
        self.throttles_in_a_row = 0;
        self.blocks_in_a_row = 0;
        self.failing_since = None;
        if ticket.sequence >= self.block_sequence {
            self.probing = false;
        }
        if self.chance.is_testing() {
            return;
        }
        let cap = f64::from(self.cap);
        self.window += if self.slow_start { 1.0 } else { 1.0 / self.window };
        if self.window >= cap {
            self.window = cap;
            self.window_limiter = Limiter::Cap;
        }
    }

    fn congested(&mut self, ticket: Ticket, now: Instant, jitter: f64) {
        self.failed(now);
        if self.chance.note(ticket.sequence, true) {
            self.slow_start = true;
        } else if !self.chance.explains() {
            self.cut(ticket, WINDOW_FLOOR_CONGESTION, Limiter::Congestion);
            if self.window <= WINDOW_FLOOR_CONGESTION {
                self.chance.came_to_floor(self.next_sequence);
            }
        }
        if self.failures_in_a_row >= FAILURES_BEFORE_BLOCK {
            self.pause(ticket, now, jitter);
        }
    }

    fn throttled(&mut self, ticket: Ticket, retry_after: Option<Duration>, now: Instant, jitter: f64) {
        self.failed(now);
        self.chance.abandon_test();
        // One burst of refusals is one refusal: those sent before the cut are not counted as further ones.
        if self.cut(ticket, 1.0, Limiter::Throttle) {
            self.throttles_in_a_row = self.throttles_in_a_row.saturating_add(1);
        }
        if self.throttles_in_a_row >= THROTTLES_BEFORE_BLOCK {
            self.pause(ticket, now, jitter);
        }
        if let Some(wait) = retry_after {
            let until = now + wait.mul_f64(1.0 + RETRY_AFTER_STRETCH * jitter);
            self.block(until, Limiter::RetryAfter);
        }
    }

    fn failed(&mut self, now: Instant) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    /// Halves the window, not below the floor; false if it has been cut since this request was sent.
    fn cut(&mut self, ticket: Ticket, floor: f64, limiter: Limiter) -> bool {
        if ticket.sequence < self.cut_sequence {
            return false;
        }
        self.slow_start = false;
        // A window that is below the floor already is not raised to it.
        self.window = (self.window / 2.0).max(floor).min(self.window);
        self.cut_sequence = self.next_sequence;
        self.window_limiter = limiter;
        true
    }

    /// Leaves the host alone for a while, unless that has been done since this request was sent.
    fn pause(&mut self, ticket: Ticket, now: Instant, jitter: f64) {
        if ticket.sequence < self.block_sequence {
            return;
        }
        let growth = BLOCK_GROWTH.powi(i32::try_from(self.blocks_in_a_row.min(64)).unwrap_or(64));
        let pause = BLOCK_FIRST.mul_f64(growth.min(BLOCK_MAX.as_secs_f64() / BLOCK_FIRST.as_secs_f64()));
        self.blocks_in_a_row = self.blocks_in_a_row.saturating_add(1);
        self.block(now + pause.mul_f64(0.75 + 0.25 * jitter), Limiter::Failing);
    }

    fn block(&mut self, until: Instant, limiter: Limiter) {
        if self.blocked_until.is_none_or(|earlier| earlier < until) {
            self.blocked_until = Some(until);
            self.block_limiter = limiter;
        }
        self.probing = true;
        self.block_sequence = self.next_sequence;
    }

    /// How long an exchange may make no progress before it counts as stalled; `None` while the host has never answered,
    /// for then there is nothing to compare with.
    #[must_use]
    pub fn stall_after(&self) -> Option<Duration> {
        let latency = self.latency?;
        let latest = STALL_MAX.max(latency * STALL_LATENCIES_MIN);
        Some((latency * STALL_LATENCIES).clamp(STALL_MIN, latest))
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
        if self.probing { self.block_limiter } else { self.window_limiter }
    }
}
