//! A controller that is to take the place of the engine's: how many exchanges one host is given at a time, how many a
//! second, and when it is given none. It is tried here against the manners first; `docs/pace.md` says what it still lacks.
//!
//! A state machine without I/O: `now` is an argument, inputs are answers, the output is a [`Permit`].
//!
//! # State
//! - **window**: how many exchanges may be in flight. Clocked by answers, not by time: it starts at a few, as a browser
//!   does, doubles per round trip up to eight, and then grows by one per round trip up to the cap.
//! - **rate**: requests a second; none until the host has shown that it counts them.
//! - **block**: a time before which nothing is sent: the host said so (Retry-After), or it has failed several times in
//!   a row. What follows a block is one request at a time, until one of them succeeds: what was sent before the block
//!   says nothing about the host after it.
//! - **budget**: how many requests a host serves between two pauses that it asks for.
//! - **stalled**: exchanges that have made no progress worth the name. They keep their sockets and their deadlines but
//!   give up their place in the window, so that a few silent answers do not idle a host that answers others.
//!
//! | input | window | rate | block |
//! |---|---|---|---|
//! | success | grows, unless requests queue at the host | along its curve | a probe's: opens again |
//! | requests queue at the host | narrowed once per round trip | | |
//! | reset, timeout, 502, 504; refused, no such name | first to one less than were open, then halved, not below 2 | where a ban was the cause | after three in a row that a cut did not help |
//! | 429, 503, 509, 529, a storm of 403 | | below what was served | after three in a row that a cut did not help |
//! | the same with Retry-After | | only where the pauses come soon after each other | until that time |
//! | the URL's own trouble (404, a bad answer), local trouble | | | |
//!
//! Only one cut per round trip: the answers to requests that were sent before the cut say nothing about the pace after
//! it. Likewise one burst of failures makes one pause, however many requests were in flight.
//!
//! A host that breaks a share of its answers whatever the pace would keep the window at its floor for ever: `chance`
//! finds out whether slowing down helps. One that refuses a share of them is not slowed down by single refusals: only
//! several in a row show that it counts, and a limit is no limit if a small part of it is refused just as often.

#![allow(dead_code, reason = "the interface that the engine will need, of which a simulation uses a part")]

mod chance;
mod latency;
mod limiter;
mod meter;
mod rate;
mod window;

use std::time::Duration;

use tokio::time::Instant;

use chance::Chance;
use latency::Latency;
use meter::Meter;
use rate::Rate;
use window::Window;

pub(crate) use limiter::Limiter;

/// The window that a host starts with: about what a browser opens to a new host.
pub(crate) const WINDOW_START: u32 = 4;
/// The cap for a host on the public network. Browsers use 6; servers' per-address limits are seldom below 8.
pub(crate) const WINDOW_CAP_PUBLIC: u32 = 8;
/// The cap for loopback and private addresses, where the user is the host's owner or guest.
pub(crate) const WINDOW_CAP_PRIVATE: u32 = 16;
/// Places that stalled exchanges can vacate, in windows of the host's cap: bounds the sockets held open to one host.
const STALLED_WINDOWS_MAX: u32 = 8;
/// Requests beyond the window to a host that has answered none of those in it: questions whether it still does.
const STALLED_ALONE_MAX: u32 = 3;
/// An exchange without progress has stalled after so many times the host's usual time to a head ...
const STALL_LATENCIES: u32 = 10;
/// ... but not sooner than this, for a busy machine has pauses of its own ...
const STALL_MIN: Duration = Duration::from_millis(500);
/// ... and not later than this ...
const STALL_MAX: Duration = Duration::from_secs(2);
/// ... unless the host is as slow as that by nature: so many times its usual time.
const STALL_LATENCIES_MIN: u32 = 4;
/// Requests that fail after a cut, none of them a success: it is no matter of pace any more.
const FAILURES_BEFORE_BLOCK: u32 = 3;
/// So many failures in a row, whenever they were sent: nothing more is sent before those under way have been answered.
const FAILURES_SUSPICIOUS: u32 = 4;
/// A Retry-After is stretched by up to this share, so that many hosts behind one gate do not return at one instant.
const RETRY_AFTER_STRETCH: f64 = 0.05;
/// A Retry-After below this does not excuse from a pause, or a host that sends it would be asked without end.
const RETRY_AFTER_SERIOUS: Duration = Duration::from_secs(1);
/// Pauses that a host asks for, closer together than this, are a rate: longer ones are a quota, which may be used at once.
const QUOTA_CYCLE_MIN: Duration = Duration::from_secs(10);
/// Two counts between pauses that differ by less than this share are the host's budget.
const BUDGET_NEAR: f64 = 0.05;
/// The pauses of our own choice. The first ones are for a hiccup; the third outlasts the ban that is most common, a
/// minute, which every request may begin anew.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(65),
    Duration::from_secs(160),
    PAUSE_MAX,
];
/// So many of them are for a hiccup.
const PAUSES_SHORT: usize = 2;
/// The longest of them.
const PAUSE_MAX: Duration = Duration::from_secs(400);
/// The longest for a host that is not there, or has never served anything: it is not banning us.
const PAUSE_ABSENT_MAX: Duration = Duration::from_secs(30);
/// A silence of all requests for this long, ended by our leaving the host alone, was a ban.
const BAN_MIN: Duration = Duration::from_secs(15);
/// The times over which the rate that led to a ban is measured, one for each ban in a row: the first guess is that a
/// second counts.
const BAN_MEASURES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(16)];
/// Below what led to the ban.
const BAN_MARGIN: f64 = 0.93;
/// The rate is measured over at least this long, for a bucket's first burst is no rate ...
const MEASURE_MIN: Duration = Duration::from_secs(2);
/// ... and at most this long.
const MEASURE_MAX: Duration = Duration::from_secs(16);
/// So many answers make a measure.
const MEASURE_ANSWERS: f64 = 60.0;
/// One refusal may be chance; so many in a row show that the host counts requests ...
const REFUSALS_TO_BELIEVE: u32 = 2;
/// ... and at most so many, after it has turned out that it does not.
const REFUSALS_TO_BELIEVE_MAX: u32 = 24;
/// With fewer served than this since the last cuts ...
const SERVED_SINCE_CUT_MIN: u32 = 3;
/// ... and at least so many refused, the limit has fallen far below them.
const REFUSED_SINCE_CUT_MIN: u32 = 3;
/// So many 403 in a row, from a host that served before, are no matter of their URLs.
const DENIALS_STORM: u32 = 3;
/// Served answers that make a host one 'that was fine'.
const SERVED_WELL: u32 = 10;
/// Room for requests in flight beyond what the rate and the usual time to an answer need.
const RATE_SLACK: f64 = 1.5;
/// How often the rate moves along its curve.
const RATE_STEP: Duration = Duration::from_millis(50);

/// What one answer says about the host's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The host served what was asked, or said clearly that it will not (404 and the like): it is well.
    Success {
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// The connection or the answer broke: reset, cut, timed out, 502, 504.
    Congestion,
    /// Nobody is there: the connection was refused, the name is not known, no way leads there.
    Absent,
    /// The host asked for fewer requests: 429, 503 and their kin.
    Throttle {
        /// How long it wishes to be left alone, already capped by the caller.
        retry_after: Option<Duration>,
    },
    /// 403 or 418: the URL's own affair, unless they come in a storm.
    Denied {
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// Our own trouble, or an exchange that was given up on our side: says nothing about the host.
    Neutral,
}

/// The answer to 'may another exchange with this host start now?'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Yes. The ticket goes back with the answer.
    Go(Ticket),
    /// Not before this time.
    WaitUntil(Instant),
    /// Not before one of the exchanges in flight has been answered or has stalled.
    WaitForAnswer,
}

/// One exchange in flight, as the controller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    sequence: u64,
    /// How many were in flight with it when it began, itself included.
    in_flight: u32,
    /// How many had been served by then.
    served: u32,
}

/// What the user fixes of a host's pace.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Terms {
    /// The window is the cap, always; nothing but Retry-After stops it.
    pub is_fixed: bool,
    /// Requests a second, at most.
    pub per_second_max: Option<f64>,
}

/// The pace of one host.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    terms: Terms,
    window: Window,
    rate: Option<Rate>,
    rate_moved_at: Option<Instant>,
    /// Places that the rate has use for.
    rate_places: u32,
    /// When the user's own rate allows the next request.
    next_by_terms: Option<Instant>,
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
    /// Failures of whatever kind since the last success.
    failures_in_a_row: u32,
    /// Failures of requests that were sent after the last cut, since the last success.
    failures_after_cut: u32,
    /// Pauses of our own choice, with no success between them.
    pauses_in_a_row: usize,
    failing_since: Option<Instant>,
    /// The request that was the first to fail.
    failing_sequence: u64,
    /// Answers to requests that were sent after the last cut.
    served_since_cut: u32,
    refused_since_cut: u32,
    /// Refusals since the last answer of another kind.
    refusals_in_a_row: u32,
    /// So many refusals in a row begin to count requests.
    refusals_to_believe: u32,
    /// Whether anything was served so fast that a ban may be the answer to it.
    served: u32,
    /// What was served in the last second before the failures began.
    served_before: [f64; BAN_MEASURES.len()],
    bans: usize,
    last_success: Option<Instant>,
    sent_since_answer: u32,
    denials_in_a_row: u32,
    is_denying: bool,
    served_since_pause: u32,
    served_between_pauses: Option<u32>,
    budget: Option<u32>,
    chance: Chance,
    latency: Latency,
    served_meter: Meter,
    sent_meter: Meter,
    /// What the window is as it is for.
    window_limiter: Limiter,
    /// What the last block was for.
    block_limiter: Limiter,
}

impl Pace {
    /// A host of which nothing is known, with at most `cap` exchanges at a time (at least 1).
    #[must_use]
    pub(crate) fn new(cap: u32) -> Self {
        Self::on(cap, Terms::default())
    }

    /// The same, on the user's terms.
    #[must_use]
    pub(crate) fn on(cap: u32, terms: Terms) -> Self {
        let cap = cap.max(1);
        Self {
            terms,
            window: if terms.is_fixed { Window::fixed(cap) } else { Window::new(WINDOW_START, cap) },
            rate: None,
            rate_moved_at: None,
            rate_places: u32::MAX,
            next_by_terms: None,
            in_flight: 0,
            stalled: 0,
            next_sequence: 0,
            cut_sequence: 0,
            blocked_until: None,
            probing: false,
            block_sequence: 0,
            failures_in_a_row: 0,
            failures_after_cut: 0,
            pauses_in_a_row: 0,
            failing_since: None,
            failing_sequence: 0,
            served_since_cut: 0,
            refused_since_cut: 0,
            refusals_in_a_row: 0,
            refusals_to_believe: REFUSALS_TO_BELIEVE,
            served: 0,
            served_before: [0.0; BAN_MEASURES.len()],
            bans: 0,
            last_success: None,
            sent_since_answer: 0,
            denials_in_a_row: 0,
            is_denying: false,
            served_since_pause: 0,
            served_between_pauses: None,
            budget: None,
            chance: Chance::new(),
            latency: Latency::default(),
            served_meter: Meter::default(),
            sent_meter: Meter::default(),
            window_limiter: Limiter::Growing,
            block_limiter: Limiter::Failing,
        }
    }

    /// Asks for a place. A [`Permit::Go`] must be matched by one call of [`answered`](Self::answered).
    pub(crate) fn permit(&mut self, now: Instant) -> Permit {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Permit::WaitUntil(until);
            }
            self.blocked_until = None;
        }
        if self.in_flight.saturating_sub(self.vacated()) >= self.places() {
            return Permit::WaitForAnswer;
        }
        let by_rate = self.rate.as_ref().filter(|_| !self.probing).map(Rate::next_send);
        if let Some(at) = by_rate.max(self.next_by_terms).filter(|&at| at > now) {
            return Permit::WaitUntil(at);
        }
        self.send(now)
    }

    fn send(&mut self, now: Instant) -> Permit {
        if let Some(rate) = &mut self.rate {
            rate.sent(now);
            self.sent_meter.note(now);
        }
        if let Some(per_second) = self.terms.per_second_max {
            let next = self.next_by_terms.map_or(now, |next| next.max(now));
            self.next_by_terms = Some(next + Duration::from_secs_f64(1.0 / per_second));
        }
        self.in_flight += 1;
        self.sent_since_answer = self.sent_since_answer.saturating_add(1);
        let ticket = Ticket { sequence: self.next_sequence, in_flight: self.in_flight, served: self.served };
        self.next_sequence += 1;
        Permit::Go(ticket)
    }

    /// Places that may be taken now.
    fn places(&self) -> u32 {
        let is_budget_used =
            self.budget.is_some_and(|budget| self.served_since_pause + self.in_flight >= budget);
        let is_suspicious = self.failures_in_a_row >= FAILURES_SUSPICIOUS && !self.chance.explains();
        if self.probing || !self.terms.is_fixed && (is_budget_used || is_suspicious) {
            return 1;
        }
        self.window.places().min(self.rate_places)
    }

    /// Beyond what the rate needs, requests in flight are only more to be refused.
    fn places_for_rate(&self) -> u32 {
        let (Some(rate), Some(latency)) = (&self.rate, self.latency.usual()) else { return u32::MAX };
        let needed = (RATE_SLACK * rate.per_second() * latency.as_secs_f64()).ceil() + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 2, and `as` saturates"
        )]
        let needed = needed.max(2.0) as u32;
        needed
    }

    /// Places that stalled exchanges have left to others.
    fn vacated(&self) -> u32 {
        if self.probing {
            // What is not answered is the answer.
            return 0;
        }
        // A host that answers nobody is asked a few more times whether it still does, and no more.
        if self.sent_since_answer >= self.window.places().saturating_add(STALLED_ALONE_MAX) {
            return 0;
        }
        self.stalled.min(self.window.cap().saturating_mul(STALLED_WINDOWS_MAX))
    }

    /// With each answer and not with each question: what a question was told must not change but by an answer, or at the time
    /// that it was told.
    fn move_rate(&mut self, now: Instant) {
        let Some(rate) = &mut self.rate else { return };
        if self.probing || self.rate_moved_at.is_some_and(|at| now.saturating_duration_since(at) < RATE_STEP)
        {
            return;
        }
        self.rate_moved_at = Some(now);
        let sent = self.sent_meter.rate(measure(rate.per_second()), now);
        rate.go_on(sent, self.latency.usual().unwrap_or_default(), now);
        if rate.is_outgrown() {
            self.rate = None;
        }
    }

    /// The exchange of this ticket has made no progress for a while: its place is free, it goes on.
    pub(crate) fn stalled(&mut self, _ticket: Ticket) {
        self.stalled = (self.stalled + 1).min(self.in_flight);
    }

    /// A stalled exchange makes progress again.
    pub(crate) fn revived(&mut self, _ticket: Ticket) {
        self.stalled = self.stalled.saturating_sub(1);
    }

    /// The exchange of this ticket is over. `was_stalled` says whether it ended in the stalled state; `jitter` is a
    /// random number in 0..1 from the caller's seeded generator.
    pub(crate) fn answered(
        &mut self,
        ticket: Ticket,
        signal: Signal,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if was_stalled {
            self.stalled = self.stalled.saturating_sub(1);
        } else {
            // Whatever it was, it came in time.
            self.sent_since_answer = 0;
        }
        match signal {
            Signal::Neutral => {}
            Signal::Success { latency } => {
                self.denials_in_a_row = 0;
                self.succeeded(ticket, latency, now);
            }
            // Its place was left to others, who have been answered meanwhile.
            Signal::Congestion if was_stalled && self.served > ticket.served => {}
            Signal::Congestion => self.congested(ticket, now, jitter, PAUSE_MAX),
            Signal::Absent => self.congested(ticket, now, jitter, PAUSE_ABSENT_MAX),
            Signal::Throttle { retry_after } => self.throttled(ticket, retry_after, now, jitter),
            Signal::Denied { latency } => self.denied(ticket, latency, now, jitter),
        }
        self.move_rate(now);
        self.rate_places = self.places_for_rate();
    }

    fn succeeded(&mut self, ticket: Ticket, latency: Duration, now: Instant) {
        self.latency.note(latency, now);
        self.served_meter.note(now);
        self.served = self.served.saturating_add(1);
        self.last_success = Some(now);
        if self.chance.note(ticket.sequence, false) {
            self.window.reopen();
        }
        // What was sent before the first failure says nothing about what came after it.
        let is_after_failure = ticket.sequence >= self.failing_sequence;
        let failing_since = self.failing_since.filter(|_| is_after_failure);
        if is_after_failure {
            self.refusals_in_a_row = 0;
            self.failures_in_a_row = 0;
            self.failures_after_cut = 0;
            self.failing_since = None;
        }
        if ticket.sequence >= self.cut_sequence {
            self.served_since_cut += 1;
        }
        if self.probing && ticket.sequence >= self.block_sequence {
            self.probing = false;
            self.cut_sequence = self.next_sequence;
            self.served_since_pause = 0;
            self.came_back(failing_since, now);
        }
        self.served_since_pause = self.served_since_pause.saturating_add(1);
        if self.budget.is_some_and(|budget| {
            f64::from(self.served_since_pause) > f64::from(budget) * (1.0 + 2.0 * BUDGET_NEAR) + 2.0
        }) {
            self.budget = None;
        }
        if self.chance.is_testing() {
            return;
        }
        if self.latency.is_queueing() && ticket.sequence >= self.cut_sequence {
            if self.window.is_at_floor() {
                // With two requests under way nobody waits for us: it has become slower by itself.
                self.latency.forget_least();
            } else {
                self.window.narrow();
                self.window_limiter = Limiter::Queue;
            }
            self.latency.begin_anew();
            self.cut_sequence = self.next_sequence;
        } else if self.latency.has_room() {
            self.window.grow(now);
            if self.window.is_full() {
                self.window_limiter = Limiter::Cap;
            }
        }
    }

    /// The host serves again after a block.
    fn came_back(&mut self, failing_since: Option<Instant>, now: Instant) {
        let pauses = std::mem::take(&mut self.pauses_in_a_row);
        let lasted = failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let was_banned = pauses > 0 && lasted >= BAN_MIN && self.served >= SERVED_WELL;
        if was_banned {
            let measure = self.bans.min(BAN_MEASURES.len() - 1);
            self.bans += 1;
            let served = BAN_MARGIN * self.served_before[measure];
            if served > 0.0 {
                self.rate = Some(Rate::after_ban(served, lasted, now));
            }
        }
    }

    fn denied(&mut self, ticket: Ticket, latency: Duration, now: Instant, jitter: f64) {
        self.denials_in_a_row = self.denials_in_a_row.saturating_add(1);
        self.is_denying |= self.denials_in_a_row >= DENIALS_STORM && self.served >= SERVED_WELL;
        if self.is_denying {
            self.throttled(ticket, None, now, jitter);
        } else {
            self.latency.note(latency, now);
            self.failures_in_a_row = 0;
            self.failing_since = None;
            self.last_success = Some(now);
        }
    }

    fn congested(&mut self, ticket: Ticket, now: Instant, jitter: f64, most: Duration) {
        self.failed(ticket, now);
        self.refusals_in_a_row = 0;
        if self.chance.note(ticket.sequence, true) {
            self.window.reopen();
        } else if ticket.sequence >= self.cut_sequence && !self.chance.explains() && !self.terms.is_fixed {
            if self.failures_after_cut == 0 && ticket.in_flight > 2 && !self.window.is_at_floor() {
                self.window.broke_at(ticket.in_flight, now);
            } else {
                self.window.halve(window::FLOOR);
            }
            self.cut_sequence = self.next_sequence;
            self.window_limiter = Limiter::Congestion;
            self.failures_after_cut += 1;
            if self.window.is_at_floor() {
                self.chance.came_to_floor(self.next_sequence);
            }
        }
        self.pause_if_in_vain(ticket, now, jitter, most);
    }

    fn throttled(&mut self, ticket: Ticket, retry_after: Option<Duration>, now: Instant, jitter: f64) {
        self.failed(ticket, now);
        self.refusals_in_a_row = self.refusals_in_a_row.saturating_add(1);
        let begins_to_count = self.rate.is_none() && self.refusals_in_a_row >= self.refusals_to_believe;
        if ticket.sequence >= self.cut_sequence || begins_to_count {
            self.cut_sequence = self.next_sequence;
            self.refused_since_cut += 1;
            self.failures_after_cut += 1;
            let is_quota = retry_after.is_some_and(|wait| wait >= QUOTA_CYCLE_MIN);
            if is_quota {
                self.learn_budget();
            } else if !self.terms.is_fixed && (begins_to_count || !self.probing) {
                self.slow_down(now);
            }
        }
        match retry_after {
            Some(wait) => {
                if wait < RETRY_AFTER_SERIOUS {
                    self.pause_if_in_vain(ticket, now, jitter, PAUSE_MAX);
                }
                let until = now + wait.mul_f64(1.0 + RETRY_AFTER_STRETCH * jitter);
                self.block(until, Limiter::RetryAfter);
            }
            None => self.pause_if_in_vain(ticket, now, jitter, PAUSE_MAX),
        }
    }

    /// The host asks for a long pause: what it has served since the last one may be all that it serves.
    fn learn_budget(&mut self) {
        let served = std::mem::take(&mut self.served_since_pause);
        if served == 0 {
            return;
        }
        let is_like = |before: u32| {
            (f64::from(before) - f64::from(served)).abs() <= BUDGET_NEAR * f64::from(served) + 2.0
        };
        self.budget = match self.served_between_pauses {
            Some(before) if is_like(before) => Some(before.min(served)),
            _ => None,
        };
        self.served_between_pauses = Some(served);
    }

    fn slow_down(&mut self, now: Instant) {
        if self.rate.is_none() && self.refusals_in_a_row < self.refusals_to_believe {
            self.window.narrow();
            self.window_limiter = Limiter::Throttle;
            return;
        }
        let (served, refused) = (self.served_since_cut, self.refused_since_cut);
        if served >= SERVED_SINCE_CUT_MIN {
            (self.served_since_cut, self.refused_since_cut) = (0, 0);
        }
        match &mut self.rate {
            Some(rate) => {
                let measured = self.served_meter.rate(measure(rate.per_second()), now);
                // Where next to nothing was served since the last cuts, what was served before them is no measure.
                let share = f64::from(served + 1) / f64::from(served + refused + 1);
                let is_sudden = served < SERVED_SINCE_CUT_MIN && refused >= REFUSED_SINCE_CUT_MIN;
                let measured = if is_sudden { measured.min(share * rate.per_second()) } else { measured };
                rate.refused(measured, served >= SERVED_SINCE_CUT_MIN * refused, now);
            }
            None => self.rate = Some(Rate::new(self.served_meter.rate(MEASURE_MIN, now), now)),
        }
        self.sent_meter = Meter::default();
        self.window_limiter = Limiter::Throttle;
        if self.rate.as_ref().is_some_and(Rate::is_disproved) {
            // It takes more now to be called a limit again.
            self.rate = None;
            self.refusals_to_believe =
                self.refusals_to_believe.saturating_mul(2).min(REFUSALS_TO_BELIEVE_MAX);
        }
    }

    fn failed(&mut self, ticket: Ticket, now: Instant) {
        if self.failures_in_a_row == 0 {
            self.failing_sequence = ticket.sequence;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    /// Leaves the host alone for a while if slowing down was in vain, unless that has been done since this request was
    /// sent.
    fn pause_if_in_vain(&mut self, ticket: Ticket, now: Instant, jitter: f64, most: Duration) {
        let is_beyond_chance = |is_long| self.chance.is_beyond_chance(self.failures_in_a_row, is_long);
        let is_cut = self.probing || self.failures_after_cut >= FAILURES_BEFORE_BLOCK;
        let is_in_vain = is_cut && is_beyond_chance(false);
        if self.terms.is_fixed || !is_in_vain || ticket.sequence < self.block_sequence {
            return;
        }
        if self.pauses_in_a_row == 0 {
            // Silence is noticed late: what counts is what was served before it.
            let until = self.last_success.unwrap_or(now);
            self.served_before = BAN_MEASURES.map(|over| self.served_meter.rate(over, until));
        }
        let lasted = self.failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if !is_beyond_chance(true) {
            // It may still be the host's usual failures.
            self.pauses_in_a_row = 0;
        } else if lasted >= BAN_MIN {
            // The short ones are for what has gone by itself by now.
            self.pauses_in_a_row = self.pauses_in_a_row.max(PAUSES_SHORT);
        }
        let pause = PAUSES[self.pauses_in_a_row.min(PAUSES.len() - 1)];
        let pause = pause.min(if self.served < SERVED_WELL { PAUSE_ABSENT_MAX } else { most });
        self.pauses_in_a_row += 1;
        // Never shorter: a minute's ban that is asked a moment too early begins anew.
        self.block(now + pause.mul_f64(1.0 + 0.1 * jitter), Limiter::Failing);
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
    pub(crate) fn stall_after(&self) -> Option<Duration> {
        let latency = self.latency.usual()?;
        let latest = STALL_MAX.max(latency * STALL_LATENCIES_MIN);
        Some((latency * STALL_LATENCIES).clamp(STALL_MIN, latest))
    }

    /// Whole exchanges that may be in flight.
    #[must_use]
    pub(crate) fn window(&self) -> u32 {
        self.window.places()
    }

    /// The most that the window can be.
    #[must_use]
    pub(crate) fn cap(&self) -> u32 {
        self.window.cap()
    }

    /// Exchanges in flight, the stalled ones included.
    #[must_use]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests a second, once the host has shown that it counts them: what is sent now, and what was served when it last
    /// refused.
    #[must_use]
    pub(crate) fn rate(&self) -> Option<(f64, f64)> {
        self.rate.as_ref().map(|rate| (rate.per_second(), rate.limit()))
    }

    /// The time before which nothing is sent, if one is set.
    #[must_use]
    pub(crate) fn blocked_until(&self) -> Option<Instant> {
        self.blocked_until
    }

    /// Whether 403 is what the host says to those who ask too often, and not a matter of the URL.
    #[must_use]
    pub(crate) fn is_denying(&self) -> bool {
        self.is_denying
    }

    /// Whether it has served enough to be called well.
    #[must_use]
    pub(crate) fn has_served_well(&self) -> bool {
        self.served >= SERVED_WELL
    }

    /// How many exchanges in a row have failed, and since when: what the rule for giving a host up looks at.
    #[must_use]
    pub(crate) fn failing(&self) -> Option<(u32, Instant)> {
        self.failing_since.map(|since| (self.failures_in_a_row, since))
    }

    /// What holds the host back.
    #[must_use]
    pub(crate) fn limiter(&self) -> Limiter {
        if self.probing {
            self.block_limiter
        } else if self.rate.is_some() {
            Limiter::Throttle
        } else {
            self.window_limiter
        }
    }
}

/// The time over which a rate of this size is measured.
fn measure(per_second: f64) -> Duration {
    let seconds = MEASURE_ANSWERS / per_second.max(0.1);
    Duration::from_secs_f64(seconds.clamp(MEASURE_MIN.as_secs_f64(), MEASURE_MAX.as_secs_f64()))
}
