//! How many exchanges one host is given at a time, how many a second, and when it is given none.
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
//! - **announced**: what the host says that it will still serve, once it has shown that it counts.
//! - **budget**: how many requests a host serves between two pauses that it asks for.
//! - **stalled**: exchanges that have made no progress worth the name. They keep their sockets and their deadlines but
//!   give up their place in the window, so that a few silent answers do not idle a host that answers others. Those that are
//!   silent for longer while others are served are cut short and made again (`early`).
//! - **denials**: whether 403 is the URLs' affair, or what the host says to those who ask too often.
//!
//! | input | window | rate | block |
//! |---|---|---|---|
//! | success | grows, unless requests queue at the host | along its curve | a probe's: opens again |
//! | requests queue at the host | narrowed once per round trip | | |
//! | reset, timeout, 502, 504; refused, no such name | first to one less than were open, then halved, not below 2 | where a ban was the cause | after three in a row that a cut did not help |
//! | 429, 503, 509, 529, a storm of 403 | | below what was served | after three in a row that a cut did not help |
//! | the same with Retry-After | | only where the pauses come soon after each other | until that time |
//! | nothing remains, as announced | | | until the announced reset |
//! | a silence that was cut short, or outlasted by others' answers | | | |
//! | the URL's own trouble (404, a bad answer), local trouble | | | |
//! | a storm of denials that outlasts the user's patience is none | grows again | forgotten | our own ends |
//!
//! Only one cut per round trip: the answers to requests that were sent before the cut say nothing about the pace after
//! it. Likewise one burst of failures makes one pause, however many requests were in flight.
//!
//! A host that breaks a share of its answers whatever the pace would keep the window at its floor for ever: `chance`
//! finds out whether slowing down helps. One that refuses a share of them is not slowed down by single refusals: only
//! several in a row show that it counts, and a limit is no limit if a small part of it is refused just as often. A rate that
//! was begun when next to nothing was known of the host is a guess: it is climbed from in steps, and the next refusal is put
//! to the test.

mod announced;
mod backoff;
mod budget;
mod denials;
mod failures;
pub(crate) mod host_state_cache;
mod latency;
mod limiter;
mod memory;
mod meter;
mod random_failure_test;
mod rate;
mod rate_limit_estimator;
mod refusals;
mod shared_limit_detector;
mod signal;
mod slot_accounting;
mod stall_retry;
mod window;

use std::time::Duration;

use tokio::time::Instant;

use announced::Announced;
use backoff::{Backoff, Silence};
use budget::Budget;
use denials::Denials;
use failures::Failures;
use latency::Latency;
use meter::Meter;
use random_failure_test::RandomFailureTest;
use rate::Rate;
use rate_limit_estimator::{RateLimitEstimator, Reaction};
use refusals::Reading;
use slot_accounting::SlotAccounting;
use stall_retry::StallRetry;
use window::Window;

pub use announced::Announcement;
pub use limiter::{Limiter, UnknownLimiter};
pub use memory::Memory;
pub use shared_limit_detector::{NameAnswer, SharedLimitDetector, SharedLimitFinding};
pub use signal::{PacePolicy, Permit, SendRecord, Signal};

/// The window that a host starts with: about what a browser opens to a new host.
pub const WINDOW_START: u32 = 4;
/// The cap for a host on the public network. Browsers use 6; servers' per-address limits are seldom below 8.
pub const WINDOW_CAP_PUBLIC: u32 = 8;
/// The cap for loopback and private addresses, where the user is the host's owner or guest.
pub const WINDOW_CAP_PRIVATE: u32 = 16;
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
/// Backoff that a host asks for, closer together than this, are a rate: longer ones are a quota, which may be used at once.
const QUOTA_CYCLE_MIN: Duration = Duration::from_secs(10);
/// So few exchanges under way at the end of a list say nothing about the host when they are silent.
const STRAGGLERS_MAX: u32 = 2;
/// Served answers that make a host one 'that was fine'.
const SERVED_WELL: u32 = 10;

/// The pace of one host.
#[derive(Debug, Clone)]
pub struct Pace {
    policy: PacePolicy,
    /// When the user's own policy allow the next request.
    next_by_terms: Option<Instant>,
    window: Window,
    /// What the window is as it is for.
    window_limiter: Limiter,
    counting: RateLimitEstimator,
    pauses: Backoff,
    budget: Budget,
    announced: Announced,
    places: SlotAccounting,
    failures: Failures,
    denials: Denials,
    early: StallRetry,
    chance: RandomFailureTest,
    latency: Latency,
    served_meter: Meter,
    served: u32,
    last_success: Option<Instant>,
    next_sequence: u64,
    /// Answers to requests before this one belong to the time before the last cut.
    cut_sequence: u64,
    /// Refusals of requests before this one belong to the last burst of them.
    burst_sequence: u64,
}

impl Pace {
    /// A host of which nothing is known, with at most `cap` exchanges at a time (at least 1).
    #[must_use]
    pub fn new(cap: u32) -> Self {
        Self::on(cap, PacePolicy::default())
    }

    /// The same, on the user's policy.
    #[must_use]
    pub fn on(cap: u32, policy: PacePolicy) -> Self {
        let cap = cap.max(1);
        Self {
            policy,
            next_by_terms: None,
            window: if policy.is_fixed { Window::fixed(cap) } else { Window::new(WINDOW_START, cap) },
            window_limiter: if policy.is_fixed { Limiter::Cap } else { Limiter::Growing },
            counting: RateLimitEstimator::new(),
            pauses: Backoff::new(),
            budget: Budget::default(),
            announced: Announced::new(),
            places: SlotAccounting::default(),
            failures: Failures::default(),
            denials: Denials::default(),
            early: StallRetry::default(),
            chance: RandomFailureTest::new(),
            latency: Latency::default(),
            served_meter: Meter::default(),
            served: 0,
            last_success: None,
            next_sequence: 0,
            cut_sequence: 0,
            burst_sequence: 0,
        }
    }

    /// A host of which this is remembered.
    #[must_use]
    pub fn recalling(cap: u32, policy: PacePolicy, memory: &Memory, now: Instant) -> Self {
        let mut pace = Self::on(cap, policy);
        if let Some(pause) = memory.blocked_for {
            pace.block(now + pause, memory.limiter, now);
        }
        if policy.is_fixed {
            return pace;
        }
        if let Some(borne) = memory.connections_max {
            pace.window = Window::recalled(WINDOW_START, cap.max(1), borne, now);
        }
        if let Some((_, limit)) = memory.rate {
            pace.counting.begin(Rate::recalled(limit, now));
        }
        pace
    }

    /// One host that was taken for several, each with one of these paces (at least one): it bears what they bore together.
    /// A pause that it asked any of them for is kept; a pause of our own choice, if all of them made one.
    #[must_use]
    pub fn merged(paces: &[&Self], now: Instant) -> Self {
        let cap = paces.iter().map(|pace| pace.cap()).max().unwrap_or(1);
        let policy = PacePolicy {
            is_fixed: paces.iter().any(|pace| pace.policy.is_fixed),
            spacing: paces.iter().map(|pace| pace.policy.spacing).max().unwrap_or_default(),
        };
        let mut pace = Self::on(cap, policy);
        pace.next_by_terms = paces.iter().filter_map(|pace| pace.next_by_terms).max();
        pace.served = paces.iter().fold(0, |served, pace| served.saturating_add(pace.served));
        pace.denials = Denials::merged(paces.iter().map(|pace| &pace.denials));
        if !policy.is_fixed {
            pace.counting = RateLimitEstimator::merged(paces.iter().map(|pace| &pace.counting), now);
        }
        if let Some(busiest) = paces.iter().max_by_key(|pace| pace.served) {
            pace.latency = busiest.latency.clone();
            pace.early = busiest.early.clone();
        }
        // What one of them breaks beyond, all of them together do not bear either.
        if let Some(borne) =
            paces.iter().filter_map(|pace| pace.window.borne()).max().filter(|_| !policy.is_fixed)
        {
            pace.window = Window::recalled(WINDOW_START, cap, borne, now);
        }
        let pause = |pace: &&Self| (pace.blocked_until().filter(|&until| until > now), pace.limiter());
        let pauses: Vec<_> = paces.iter().map(pause).collect();
        let asked = pauses.iter().filter(|(_, limiter)| *limiter != Limiter::Failing);
        let asked =
            asked.filter_map(|&(until, limiter)| Some((until?, limiter))).max_by_key(|&(until, _)| until);
        let own = pauses.iter().map(|&(until, limiter)| Some((until?, limiter))).collect::<Option<Vec<_>>>();
        let own = own.and_then(|own| own.into_iter().min_by_key(|&(until, _)| until));
        if let Some((until, limiter)) = asked.or(own) {
            pace.block(until, limiter, now);
        }
        pace
    }

    /// What is worth remembering of it, if anything is.
    #[must_use]
    pub fn memory(&self, now: Instant) -> Option<Memory> {
        let memory = Memory {
            limiter: self.limiter(),
            window: self.window(),
            rate: self.rate(),
            connections_max: self.window.borne(),
            blocked_for: self.pauses.until().and_then(|until| until.checked_duration_since(now)),
        };
        (memory.is_lasting() || memory.limiter.is_limiting()).then_some(memory)
    }

    /// Asks for a place. A [`Permit::Go`] must be matched by one call of [`answered`](Self::answered).
    pub fn permit(&mut self, now: Instant) -> Permit {
        if let Some(until) = self.pauses.at(now) {
            return Permit::WaitUntil(until);
        }
        if self.taken() >= self.allowed() {
            return Permit::WaitForAnswer;
        }
        let is_free = self.pauses.is_probing() || self.policy.is_fixed;
        if let Some(until) = self.announced.used_up(self.next_sequence, now).filter(|_| !is_free) {
            return Permit::WaitUntil(until);
        }
        let by_rate = if self.pauses.is_probing() { None } else { self.counting.next_send() };
        if let Some(at) = by_rate.max(self.next_by_terms).filter(|&at| at > now) {
            return Permit::WaitUntil(at);
        }
        self.send(now)
    }

    fn send(&mut self, now: Instant) -> Permit {
        self.counting.sent(now);
        if !self.policy.spacing.is_zero() {
            self.next_by_terms = Some(now + self.policy.spacing);
        }
        self.places.take();
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Permit::Go(SendRecord { sequence, in_flight: self.places.in_flight(), served: self.served })
    }

    /// Slots that may be taken now.
    fn allowed(&self) -> u32 {
        let is_used = || self.budget.is_used(self.places.in_flight());
        let is_suspicious = || self.failures.in_a_row() >= FAILURES_SUSPICIOUS && !self.chance.explains();
        if self.pauses.is_probing() || !self.policy.is_fixed && (is_used() || is_suspicious()) {
            return 1;
        }
        self.window.places().min(self.counting.places())
    }

    fn taken(&self) -> u32 {
        if self.pauses.is_probing() {
            self.places.probing(matches!(self.pauses.limiter(), Limiter::RetryAfter | Limiter::Announced))
        } else {
            self.places.taken(self.window.places(), self.window.cap())
        }
    }

    /// The exchange of this ticket has made no progress for a while: its place is free, it goes on.
    pub fn stalled(&mut self, ticket: SendRecord) {
        self.places.stall(self.pauses.is_after_block(ticket.sequence));
    }

    /// A stalled exchange makes progress again.
    pub fn revived(&mut self, ticket: SendRecord) {
        self.places.revive(self.pauses.is_after_block(ticket.sequence));
    }

    /// Whether the exchange of this ticket, which has made no progress for so long, is to be broken off before its deadline
    /// and made again: others have been served meanwhile, and for most that were made again it was of use. `before` says how
    /// often that has been done for the same URL. Where it is to be done, it counts as done.
    #[must_use]
    pub fn cuts_short(&mut self, ticket: SendRecord, silent_for: Duration, before: u32) -> bool {
        let is_straggler = self.in_flight() <= STRAGGLERS_MAX
            && self.failures.in_a_row() < FAILURES_SUSPICIOUS
            && !self.pauses.is_probing();
        let is_unlucky = self.served > ticket.served || is_straggler;
        let Some(stall_after) = self.stall_after().filter(|_| is_unlucky) else { return false };
        !self.policy.is_fixed && self.early.cuts(silent_for, stall_after, before)
    }

    /// An exchange for a URL of which one was cut short has stalled once more, or has ended without that.
    pub fn made_again(&mut self, was_silent_again: bool) {
        self.early.made_again(was_silent_again);
    }

    /// The answer to this ticket, which is about to be told, announces this.
    pub fn announced(&mut self, ticket: SendRecord, announcement: Announcement) {
        self.announced.say(ticket.sequence, announcement);
    }

    /// The exchange of this ticket is over. `was_stalled` says whether it ended in the stalled state; `jitter` is a
    /// random number in 0..1 from the caller's seeded generator.
    pub fn answered(
        &mut self,
        ticket: SendRecord,
        signal: Signal,
        was_stalled: bool,
        now: Instant,
        jitter: f64,
    ) {
        self.places.give_back(self.pauses.is_after_block(ticket.sequence), was_stalled);
        let is_refused = matches!(signal, Signal::Throttle { .. });
        let asked = self.announced.answered(ticket.sequence, is_refused, self.next_sequence, now);
        match signal {
            Signal::Neutral => {}
            Signal::Success { latency } => {
                self.denials.served();
                self.succeeded(ticket, latency, now);
            }
            // Its place was left to others, who have been answered meanwhile.
            Signal::Congestion if was_stalled && self.served > ticket.served => {}
            Signal::Congestion => self.congested(ticket, now, jitter, false),
            Signal::Absent => self.congested(ticket, now, jitter, true),
            Signal::Throttle { retry_after } => {
                let announced = asked.map(|until| (until - now, Limiter::Announced));
                let asked = retry_after.map(|wait| (wait, Limiter::RetryAfter)).or(announced);
                self.throttled(ticket, asked, now, jitter);
            }
            Signal::Denied { latency } => self.denied(ticket, latency, now, jitter),
        }
        self.keep_to_announced(now, jitter);
        self.counting.go_on(&self.latency, !self.pauses.is_probing(), now);
    }

    /// Leaves the host alone if it has announced that it has nothing left.
    fn keep_to_announced(&mut self, now: Instant, jitter: f64) {
        if let Some(until) = self.announced.used_up(self.next_sequence, now)
            && !self.pauses.is_probing()
            && !self.policy.is_fixed
        {
            self.block(now + stretched(until - now, jitter), Limiter::Announced, now);
        }
    }

    /// What was sent by the pace that the host had before has been answered: it says how much the host takes, and nothing
    /// about this pace.
    pub fn overheard(&mut self, signal: Signal, now: Instant) {
        if let Signal::Success { latency } = signal {
            self.latency.note(latency, now);
            self.counting.accepted(false, true, now);
            self.served_meter.note(now);
            self.served = self.served.saturating_add(1);
        }
    }

    fn is_after_cut(&self, ticket: SendRecord) -> bool {
        ticket.sequence >= self.cut_sequence
    }

    fn succeeded(&mut self, ticket: SendRecord, latency: Duration, now: Instant) {
        self.latency.note(latency, now);
        self.counting.accepted(self.is_after_cut(ticket), true, now);
        self.served_meter.note(now);
        self.served = self.served.saturating_add(1);
        self.last_success = Some(now);
        if self.chance.note(ticket.sequence, false) {
            self.window.reopen();
        }
        let is_beyond_chance = self.chance.is_beyond_chance(self.failures.in_a_row(), true);
        let failing_since = self.failures.end(ticket.sequence);
        if self.pauses.is_probing() && self.pauses.is_after_block(ticket.sequence) {
            self.cut_sequence = self.next_sequence;
            self.budget.begin_anew();
            self.came_back(failing_since.filter(|_| is_beyond_chance), now);
        }
        self.budget.served();
        if !self.chance.is_testing() {
            self.widen(ticket, now);
        }
    }

    /// The host serves again after a block.
    fn came_back(&mut self, failing_since: Option<Instant>, now: Instant) {
        let silence = failing_since.map(|since| now.saturating_duration_since(since));
        let banned_at = self.pauses.came_back(silence.filter(|_| self.has_served_well()));
        if let Some((per_second, lasted)) = banned_at.zip(silence) {
            self.counting.begin(Rate::after_ban(per_second, lasted, now));
        }
    }

    /// One more was served: there may be room for more at a time, or less.
    fn widen(&mut self, ticket: SendRecord, now: Instant) {
        if self.latency.is_queueing() && self.is_after_cut(ticket) {
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

    fn denied(&mut self, ticket: SendRecord, latency: Duration, now: Instant, jitter: f64) {
        self.denials.denied(self.has_served_well());
        if self.denials.is_storm() {
            self.throttled(ticket, None, now, jitter);
        } else {
            self.latency.note(latency, now);
            self.failures.end(ticket.sequence);
            self.last_success = Some(now);
        }
    }

    fn congested(&mut self, ticket: SendRecord, now: Instant, jitter: f64, is_absent: bool) {
        self.failures.note(ticket.sequence, now);
        self.counting.accepted(self.is_after_cut(ticket), false, now);
        if self.chance.note(ticket.sequence, true) {
            self.window.reopen();
        } else if self.is_after_cut(ticket) && !self.chance.explains() && !self.policy.is_fixed {
            if self.failures.after_cut() == 0 && ticket.in_flight > 2 && !self.window.is_at_floor() {
                self.window.broke_at(ticket.in_flight, now);
            } else {
                self.window.halve();
            }
            self.cut_sequence = self.next_sequence;
            self.window_limiter = Limiter::Congestion;
            self.failures.note_cut();
            if self.window.is_at_floor() {
                self.chance.came_to_floor(self.next_sequence);
            }
        }
        self.pause_if_in_vain(ticket, is_absent, now, jitter);
    }

    /// A refusal, and how long the host wishes to be left alone, if it has said that in one way or another.
    fn throttled(
        &mut self,
        ticket: SendRecord,
        asked: Option<(Duration, Limiter)>,
        now: Instant,
        jitter: f64,
    ) {
        let retry_after = asked.map(|(wait, _)| wait);
        self.failures.note(ticket.sequence, now);
        self.chance.note_refused();
        let is_new = self.is_after_cut(ticket);
        let is_apart = ticket.sequence >= self.burst_sequence;
        if is_apart {
            self.burst_sequence = self.next_sequence;
        }
        let reading = self.counting.refused(is_new, is_apart, now);
        let begins_to_count = self.counting.rate().is_none() && reading == Reading::Limit;
        if is_new || begins_to_count {
            if !self.counting.is_testing() {
                self.cut_sequence = self.next_sequence;
            }
            self.counting.cut();
            self.failures.note_cut();
            if retry_after.is_some_and(|wait| wait >= QUOTA_CYCLE_MIN) {
                self.budget.used_up();
            } else if !self.policy.is_fixed && (begins_to_count || !self.pauses.is_probing()) {
                self.slow_down(reading, retry_after.is_some(), now);
            }
        }
        if retry_after.is_none_or(|wait| wait < RETRY_AFTER_SERIOUS) {
            self.pause_if_in_vain(ticket, false, now, jitter);
        }
        if let Some((wait, limiter)) = asked {
            self.block(now + stretched(wait, jitter), limiter, now);
        }
    }

    fn slow_down(&mut self, reading: Reading, is_asked_to_wait: bool, now: Instant) {
        match self.counting.slow_down(reading, is_asked_to_wait, now) {
            Reaction::None => return,
            Reaction::Slowed => {}
            Reaction::Narrow => self.window.narrow(),
            Reaction::Halve => self.window.halve(),
        }
        self.window_limiter = Limiter::Throttle;
    }

    /// Leaves the host alone for a while if slowing down was in vain, unless that has been done since this request was
    /// sent.
    fn pause_if_in_vain(&mut self, ticket: SendRecord, is_absent: bool, now: Instant, jitter: f64) {
        let in_a_row = self.failures.in_a_row();
        let is_cut = self.pauses.is_probing() || self.failures.after_cut() >= FAILURES_BEFORE_BLOCK;
        let is_in_vain = is_cut && self.chance.is_beyond_chance(in_a_row, false);
        if self.policy.is_fixed || !is_in_vain || !self.pauses.is_after_block(ticket.sequence) {
            return;
        }
        let silence = Silence {
            lasted: self
                .failures
                .since()
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            is_absent: is_absent || !self.has_served_well(),
            is_beyond_chance: self.chance.is_beyond_chance(in_a_row, true),
            served: &self.served_meter,
            last_success: self.last_success,
        };
        let pause = self.pauses.next(&silence, now, jitter);
        self.block(now + pause, Limiter::Failing, now);
    }

    fn block(&mut self, until: Instant, limiter: Limiter, now: Instant) {
        self.counting.abandon_test(now);
        self.pauses.block(until, limiter, self.next_sequence);
        self.places.block();
    }

    /// How long an exchange may make no progress before it counts as stalled; `None` while the host has never answered,
    /// for then there is nothing to compare with.
    #[must_use]
    pub fn stall_after(&self) -> Option<Duration> {
        let latency = self.latency.usual()?;
        let latest = STALL_MAX.max(latency * STALL_LATENCIES_MIN);
        Some((latency * STALL_LATENCIES).clamp(STALL_MIN, latest))
    }

    /// Whole exchanges that may be in flight.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.window.places()
    }

    /// The most that the window can be.
    #[must_use]
    pub fn cap(&self) -> u32 {
        self.window.cap()
    }

    /// Exchanges in flight, the stalled ones included.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.places.in_flight()
    }

    /// Requests a second, once the host has shown that it counts them: what is sent now, and what was served when it last
    /// refused.
    #[must_use]
    pub fn rate(&self) -> Option<(f64, f64)> {
        self.counting.rate().map(|rate| (rate.per_second(), rate.limit()))
    }

    /// The time before which nothing is sent, if one is set.
    #[must_use]
    pub fn blocked_until(&self) -> Option<Instant> {
        self.pauses.until()
    }

    /// Whether 403 is what the host says to those who ask too often, and not a matter of the URL.
    #[must_use]
    pub fn is_denying(&self) -> bool {
        self.denials.is_storm()
    }

    /// Whether the next denial may be the first of a storm.
    #[must_use]
    pub fn doubts_denials(&self) -> bool {
        self.has_served_well() && self.denials.are_doubtful()
    }

    /// A storm of denials has lasted for too long to be one: each is for the sake of its URL, and the host is asked on.
    pub fn take_denials_at_their_word(&mut self, now: Instant) {
        let Self { denials, failures, pauses, .. } = self;
        denials.are_of_urls();
        failures.end(u64::MAX);
        pauses.end_own();
        self.counting.forget_rate();
        self.window_limiter = Limiter::Growing;
        self.last_success = Some(now);
    }

    /// Whether it has served enough to be called well.
    #[must_use]
    pub fn has_served_well(&self) -> bool {
        self.served >= SERVED_WELL
    }

    /// How many exchanges in a row have failed, and since when: what the rule for giving a host up looks at.
    #[must_use]
    pub fn failing(&self) -> Option<(u32, Instant)> {
        self.failures.since().map(|since| (self.failures.in_a_row(), since))
    }

    /// Whether the host fails so often anyway that so many failures of one URL say nothing about that URL.
    #[must_use]
    pub fn explains_failures(&self, of_url: u32) -> bool {
        self.chance.explains_url(of_url)
    }

    /// Whether the user has fixed it.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.policy.is_fixed
    }

    /// Whether what it refuses is more than chance: it has shown that it counts, or is left alone for it.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !matches!(self.limiter(), Limiter::Cap | Limiter::Growing | Limiter::Congestion | Limiter::Queue)
    }

    /// What holds the host back.
    #[must_use]
    pub fn limiter(&self) -> Limiter {
        if self.pauses.is_probing() {
            self.pauses.limiter()
        } else if self.counting.rate().is_some() {
            Limiter::Throttle
        } else {
            self.window_limiter
        }
    }
}

/// A wait that a host has asked for, a little longer.
fn stretched(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 + RETRY_AFTER_STRETCH * jitter)
}
