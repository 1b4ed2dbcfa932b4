//! The adaptive pace: finds the fastest pace that a host tolerates, and keeps near it.
//!
//! # State
//! - **window**: how many requests may be in flight. Clocked by answers, not by time: it starts at a few, as a browser
//!   does, doubles per round trip up to eight, and then grows by one per round trip up to the cap.
//! - **rate**: requests a second; none until the host has shown that it counts them.
//! - **pause**: a time before which nothing is sent: the host said so (Retry-After), or it has failed several times in
//!   a row. After a pause one request at a time is sent, until one of them succeeds.
//! - **announced**: what the host says that it will still serve, once it has shown that it counts.
//! - **budget**: how many requests a host serves between two pauses that it asks for.
//! - **stalled**: requests without progress. They keep their sockets and their deadlines but give up their slots in the
//!   window, so that a few silent requests do not idle a host that answers others. Those that stay silent while others
//!   are served are aborted and repeated (`stall_retry`).
//! - **denials**: whether 403 concerns the URLs, or is what the host says to clients that ask too often.
//!
//! | input | window | rate | pause |
//! |---|---|---|---|
//! | success | grows, unless requests queue at the host | along its curve | a probe's: ends |
//! | requests queue at the host | narrowed once per round trip | | |
//! | reset, timeout, 502, 504; refused, no such name | first to one less than were open, then halved, not below 2 | where a ban was the cause | after three in a row that a cut did not help |
//! | 429, 503, 509, 529, a storm of 403 | | below what was served | after three in a row that a cut did not help |
//! | the same with Retry-After | | only where the pauses come soon after each other | until that time |
//! | nothing remains, as announced | | | until the announced reset |
//! | a silence that was cut short, or that others' responses outlasted | | | |
//! | a failure of the URL itself (404, a bad response), of this machine | | | |
//! | denials that outlast the user's patience are charged to the URLs | grows again | forgotten | our own ends |
//!
//! The pace is cut once per round trip: the responses to requests that were sent before the cut say nothing about the pace
//! after it. Likewise one burst of failures makes one pause, however many requests were in flight.
//!
//! A host that breaks a share of its responses whatever the pace would keep the window at its floor for ever:
//! `random_failures` tests whether slowing down helps. Nor do single refusals slow the pace down: only several in a row
//! show that the host counts, and a limit is no limit if a small part of it is refused just as often. A rate that began
//! when next to nothing was known of the host is a guess: it is climbed from in steps, and the next refusal is tested.

mod backoff;
mod budget;
mod evidence;
pub(super) mod meter;
pub(super) mod rate;
mod rate_limit_estimator;
mod refusals;
pub(super) mod stall_retry;
mod window;

use std::time::Duration;

use tokio::time::Instant;

use super::announced::{Announced, Announcement};
use super::belief::Belief;
use super::controller::{Controller, Denial, Permit, SendRecord, UserLimits, Work};
use super::courtesy::SERVED_WELL;
use super::denial_storm::DenialStorm;
use super::failures::Failures;
use super::latency::Latency;
use super::learned::Learned;
use super::limiter::Limiter;
use super::memory::{Memory, common_pause};
use super::offset::Offset;
use super::pause::Pause;
use super::random_failure_test::RandomFailureTest;
use super::signal::Signal;
use super::slot_accounting::SlotAccounting;
use backoff::Backoff;
use budget::Budget;
use meter::Meter;
use rate::Rate;
use rate_limit_estimator::RateLimitEstimator;
use stall_retry::StallRetry;
use window::Window;

/// The window that a host starts with: about what a browser opens to a new host.
const WINDOW_START: u32 = 4;
/// This many failures in a row, whenever they were sent: nothing more is sent before those in flight have ended.
const FAILURES_SUSPICIOUS: u32 = 4;
/// So few requests in flight at the end of a list say nothing about the host when they are silent.
const STRAGGLERS_MAX: u32 = 2;

/// The controller behind `--pace adaptive`.
#[derive(Debug, Clone)]
pub struct AdaptivePace {
    limits: UserLimits,
    /// When the user's spacing allows the next request.
    next_by_spacing: Option<Instant>,
    window: Window,
    /// Why the window has its present size.
    window_limiter: Limiter,
    rate_limit: RateLimitEstimator,
    pause: Pause,
    backoff: Backoff,
    budget: Budget,
    announced: Announced,
    slots: SlotAccounting,
    failures: Failures,
    denials: DenialStorm,
    stall_retry: StallRetry,
    random_failures: RandomFailureTest,
    latency: Latency,
    served_meter: Meter,
    served: u32,
    last_success: Option<Instant>,
    next_sequence: u64,
    /// Requests before this one were sent before the last cut.
    cut_sequence: u64,
    /// Requests before this one were sent before the last burst of refusals.
    burst_sequence: u64,
}

impl AdaptivePace {
    /// A controller for a host of which nothing is known.
    #[must_use]
    pub fn new(limits: UserLimits) -> Self {
        Self {
            limits,
            next_by_spacing: None,
            window: Window::new(WINDOW_START, limits.window_max.max(1)),
            window_limiter: Limiter::Growing,
            rate_limit: RateLimitEstimator::new(),
            pause: Pause::new(),
            backoff: Backoff::default(),
            budget: Budget::default(),
            announced: Announced::new(),
            slots: SlotAccounting::default(),
            failures: Failures::default(),
            denials: DenialStorm::default(),
            stall_retry: StallRetry::default(),
            random_failures: RandomFailureTest::new(),
            latency: Latency::default(),
            served_meter: Meter::default(),
            served: 0,
            last_success: None,
            next_sequence: 0,
            cut_sequence: 0,
            burst_sequence: 0,
        }
    }

    /// A controller for a host with these memories. Several are those of hosts that turned out to be one: their rates add
    /// up, and the connections that any of them sustained are sustained by all together.
    #[must_use]
    pub fn recalling(limits: UserLimits, memories: &[Memory], now: Instant) -> Self {
        let mut pace = Self::new(limits);
        let learned = || memories.iter().filter_map(|memory| memory.learned.as_deref());
        pace.next_by_spacing = Learned::next_by_spacing(learned(), now);
        pace.served = Learned::served(learned());
        pace.denials = DenialStorm::merged(learned().map(|learned| &learned.denials));
        let rates: Vec<Rate> = memories.iter().filter_map(|memory| rate_of(memory, now)).collect();
        let accepted = learned().map(|learned| &learned.accepted);
        pace.rate_limit = RateLimitEstimator::recalled(&rates, accepted, now);
        if let Some(busiest) = Learned::busiest(learned()) {
            pace.latency = busiest.latency.recall(now);
            pace.stall_retry = busiest.stall_retry.clone();
        }
        if let Some(connections) = memories.iter().filter_map(|memory| memory.connections_max).max() {
            pace.window = Window::recalled(WINDOW_START, limits.window_max.max(1), connections, now);
        }
        if let Some((pause, limiter)) = common_pause(memories) {
            pace.block(now + pause, limiter, now);
        }
        pace
    }

    /// Slots that requests may take now.
    fn allowed(&self) -> u32 {
        let is_suspicious =
            self.failures.in_a_row() >= FAILURES_SUSPICIOUS && !self.random_failures.explains();
        if self.pause.is_probing() || self.budget.is_used(self.slots.in_flight()) || is_suspicious {
            return 1;
        }
        self.window.slots().min(self.rate_limit.slots())
    }

    fn taken(&self) -> u32 {
        if self.pause.is_probing() {
            self.slots.probing(self.pause.is_asked_for())
        } else {
            self.slots.taken(self.window.slots(), self.window.cap())
        }
    }

    fn send(&mut self, now: Instant) -> SendRecord {
        self.rate_limit.sent(now);
        if !self.limits.spacing.is_zero() {
            self.next_by_spacing = Some(now + self.limits.spacing);
        }
        self.slots.take();
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        SendRecord { sequence, in_flight: self.slots.in_flight(), served: self.served }
    }

    /// Whether a denial may be the first of a storm.
    fn doubts_denials(&self) -> bool {
        self.has_served_well() && self.denials.are_doubtful()
    }

    fn rate(&self) -> Option<(f64, f64)> {
        self.rate_limit.rate().map(|rate| (rate.per_second(), rate.limit()))
    }

    fn limiter(&self) -> Limiter {
        if self.pause.is_probing() {
            self.pause.limiter()
        } else if self.rate_limit.rate().is_some() {
            Limiter::Throttle
        } else {
            self.window_limiter
        }
    }
}

/// The rate in a memory, if there is one: in detail within a run, as a limit between runs.
fn rate_of(memory: &Memory, now: Instant) -> Option<Rate> {
    match memory.learned.as_ref().and_then(|learned| learned.rate.as_ref()) {
        Some(rate) => Some(rate.recall(now)),
        None => memory.rate.map(|(_, limit)| Rate::recalled(limit, now)),
    }
}

impl Controller for AdaptivePace {
    fn permit(&mut self, _work: Work, now: Instant) -> Permit {
        if let Some(until) = self.pause.at(now) {
            return Permit::WaitUntil(until);
        }
        if self.taken() >= self.allowed() {
            return Permit::WaitForAnswer;
        }
        let is_probing = self.pause.is_probing();
        if let Some(until) = self.announced.used_up(self.next_sequence, now).filter(|_| !is_probing) {
            return Permit::WaitUntil(until);
        }
        let by_rate = if is_probing { None } else { self.rate_limit.next_send() };
        match by_rate.max(self.next_by_spacing).filter(|&at| at > now) {
            Some(at) => Permit::WaitUntil(at),
            None => Permit::Go(self.send(now)),
        }
    }

    fn announced(&mut self, sent: SendRecord, announcement: Announcement) {
        self.announced.say(sent.sequence, announcement);
    }

    fn stalled(&mut self, sent: SendRecord, _now: Instant) {
        self.slots.stall(self.pause.precedes(sent.sequence));
    }

    fn revived(&mut self, sent: SendRecord, _now: Instant) {
        self.slots.revive(self.pause.precedes(sent.sequence));
    }

    fn ended(&mut self, sent: SendRecord, signal: Signal, was_stalled: bool, now: Instant, jitter: f64) {
        self.slots.give_back(self.pause.precedes(sent.sequence), was_stalled);
        let is_refused = matches!(signal, Signal::Throttle { .. });
        let asked = self.announced.answered(sent.sequence, is_refused, self.next_sequence, now);
        match signal {
            Signal::Neutral => {}
            Signal::Success { latency } => {
                self.denials.served();
                self.succeeded(sent, latency, now);
            }
            // Its slot was left to others, which have been answered meanwhile.
            Signal::Congestion | Signal::Silence | Signal::ServerError
                if was_stalled && self.served > sent.served => {}
            Signal::Congestion | Signal::Silence | Signal::ServerError => {
                self.congested(sent, now, jitter, false);
            }
            Signal::Absent => self.congested(sent, now, jitter, true),
            Signal::Throttle { retry_after } => {
                let announced = asked.map(|until| (until - now, Limiter::Announced));
                let asked = retry_after.map(|wait| (wait, Limiter::RetryAfter)).or(announced);
                self.throttled(sent, asked, now, jitter);
            }
            Signal::Denied { latency } => self.denied(sent, latency, now, jitter),
        }
        self.keep_to_announced(now, jitter);
        self.rate_limit.advance(&self.latency, !self.pause.is_probing(), now);
    }

    fn overheard(&mut self, signal: Signal, now: Instant) {
        if let Signal::Success { latency } = signal {
            self.latency.note(latency, now);
            self.rate_limit.accepted(false, true, now);
            self.served_meter.note(now);
            self.served = self.served.saturating_add(1);
        }
    }

    fn stall_after(&self) -> Option<Duration> {
        self.latency.stall_after()
    }

    fn cuts_short(&mut self, sent: SendRecord, silent_for: Duration, cuts_before: u32) -> bool {
        let is_straggler = self.in_flight() <= STRAGGLERS_MAX
            && self.failures.in_a_row() < FAILURES_SUSPICIOUS
            && !self.pause.is_probing();
        let is_unlucky = self.served > sent.served || is_straggler;
        let stall_after = self.stall_after().filter(|_| is_unlucky);
        stall_after.is_some_and(|stall_after| self.stall_retry.cuts(silent_for, stall_after, cuts_before))
    }

    fn repeated(&mut self, stalled_again: bool) {
        self.stall_retry.repeated(stalled_again);
    }

    fn denial(&self, _sent: SendRecord, served_since: bool) -> Denial {
        if self.denials.is_storm() {
            Denial::OfPace
        } else if self.doubts_denials() && !served_since {
            Denial::Undecided
        } else {
            Denial::OfUrl
        }
    }

    fn charge_denials_to_urls(&mut self, now: Instant) {
        self.denials.are_of_urls();
        self.failures.end(u64::MAX);
        self.backoff.reset();
        self.pause.end_own();
        self.rate_limit.forget_rate();
        self.window_limiter = Limiter::Growing;
        self.last_success = Some(now);
    }

    fn failing(&self) -> Option<(u32, Instant)> {
        self.failures.since().map(|since| (self.failures.in_a_row(), since))
    }

    fn has_served_well(&self) -> bool {
        self.served >= SERVED_WELL
    }

    fn explains_failures(&self, of_url: u32) -> bool {
        self.random_failures.explains_url(of_url)
    }

    fn in_flight(&self) -> u32 {
        self.slots.in_flight()
    }

    fn limits(&self) -> UserLimits {
        self.limits
    }

    fn belief(&self) -> Belief {
        Belief {
            limiter: self.limiter(),
            window: self.window.slots(),
            rate: self.rate(),
            blocked_until: self.pause.until(),
        }
    }

    fn memory(&self, now: Instant) -> Memory {
        let learned = Learned {
            served: self.served,
            next_by_spacing: self.next_by_spacing.map(|at| Offset::of(at, now)),
            denials: self.denials.clone(),
            latency: self.latency.memory(now),
            stall_retry: self.stall_retry.clone(),
            rate: self.rate_limit.rate().map(|rate| rate.memory(now)),
            accepted: self.rate_limit.accepted_counts(now),
            ban: None,
        };
        Memory {
            connections_max: self.window.connections_max(),
            learned: Some(Box::new(learned)),
            ..Memory::of_belief(&self.belief(), now)
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
