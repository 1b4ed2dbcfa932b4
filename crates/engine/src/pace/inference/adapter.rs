//! Implements the trait [`Controller`](crate::pace::Controller) with the state machine: converts times to seconds,
//! signals to ends, and what it decides about rows to what the shard asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Controller as Machine;
use super::Seconds;
use super::memory::Memory as Known;
use super::signal::{End, Ticket};
use crate::pace::announced::{Announced, Announcement};
use crate::pace::belief::Belief;
use crate::pace::controller::{Controller, Denial, FirstByte, Permit, Pick, SendRecord, UserLimits, Work};
use crate::pace::courtesy::stretched;
use crate::pace::failures::Failures;
use crate::pace::learned::Learned;
use crate::pace::limiter::Limiter;
use crate::pace::memory::{Memory, common_pause};
use crate::pace::signal::Signal;

/// When nothing is in flight, no response can arrive: the shard asks again after this.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Two times differ by at least this, so that a caller who waits until a time finds it passed.
const TICK: Duration = Duration::from_micros(1);
/// A placeholder until the row is assigned.
const UNASSIGNED: u64 = u64::MAX;

/// The controller that infers the limits of a host from the outcomes of its requests.
#[derive(Debug, Clone)]
pub struct InferencePace {
    machine: Machine,
    limits: UserLimits,
    /// Time 0 of the state machine.
    epoch: Instant,
    /// The latest time that the caller has passed.
    now: Instant,
    announced: Announced,
    failures: Failures,
    /// The row of the request that was permitted last.
    pick: Pick,
    /// Requests that are being aborted because they have stalled.
    aborted: BTreeSet<u64>,
    /// The request that ended last, if its row is held.
    held: Option<u64>,
    settled: Vec<u64>,
    /// Why the machine sends nothing before its time `not_before`: how the host asked for that.
    asked_by: Limiter,
    /// Requests served before this controller began.
    served_before: u32,
}

impl InferencePace {
    /// A controller for an unknown host.
    #[must_use]
    pub fn new(limits: UserLimits, now: Instant) -> Self {
        Self::recalling(limits, &[], now)
    }

    /// A controller for a host with one memory, or for several hosts that share one limit, with a memory of each: rates
    /// add up to a guess.
    #[must_use]
    pub fn recalling(limits: UserLimits, memories: &[Memory], now: Instant) -> Self {
        let learned = Learned::of_all(memories.iter().filter_map(|memory| memory.learned.as_deref()));
        let limits = UserLimits { window_max: limits.window_max.max(1), ..limits };
        let known: Vec<Known> = memories.iter().map(known).collect();
        let mut machine =
            Machine::recalling_all(limits.window_max, limits.spacing.as_secs_f64(), &known, 0.0);
        machine.next_by_spacing = learned.spacing_left.as_secs_f64();
        let mut asked_by = Limiter::RetryAfter;
        if let Some((lasts, limiter)) = common_pause(memories) {
            machine.not_before = lasts.as_secs_f64();
            asked_by = limiter;
        }
        Self {
            machine,
            limits,
            epoch: now,
            now,
            announced: Announced::new(),
            failures: Failures::default(),
            pick: Pick::Next,
            aborted: BTreeSet::new(),
            held: None,
            settled: Vec::new(),
            asked_by,
            served_before: learned.served,
        }
    }

    fn at(&mut self, now: Instant) -> Seconds {
        self.now = self.now.max(now);
        self.now.saturating_duration_since(self.epoch).as_secs_f64()
    }

    /// A time of the machine, never before the next tick.
    fn instant(&self, at: Seconds) -> Instant {
        let since = Duration::try_from_secs_f64(at.max(0.0)).unwrap_or(Duration::MAX);
        self.epoch.checked_add(since).unwrap_or(self.now + ASK_AGAIN).max(self.now + TICK)
    }

    fn served(&self) -> u32 {
        self.served_before.saturating_add(u32::try_from(self.machine.served).unwrap_or(u32::MAX))
    }

    fn take_settled(&mut self) {
        self.settled.extend(self.machine.settled());
    }

    /// Counts consecutive failures.
    fn count(&mut self, sequence: u64, signal: Signal, now: Instant) {
        match signal {
            Signal::Neutral => {}
            Signal::Success { .. } => self.failures.end(sequence),
            Signal::Denied { .. } if self.machine.served == 0 => self.failures.end(sequence),
            _ => self.failures.note(sequence, now),
        }
    }

    /// Waits until the announced reset if the host has announced that no request remains.
    fn keep_to_announced(&mut self, now: Instant) {
        if let Some(until) = self.announced.used_up(self.machine.next_sequence, now)
            && self.machine.backoff.pause.is_none()
        {
            let at = until.saturating_duration_since(self.epoch).as_secs_f64();
            self.note_asked(at, Limiter::Announced);
            self.machine.not_before = self.machine.not_before.max(at);
        }
    }

    /// The host asks to be left alone until this time of the machine: the latest such time has a cause.
    fn note_asked(&mut self, until: Seconds, limiter: Limiter) {
        if until > self.machine.not_before {
            self.asked_by = limiter;
        }
    }

    fn limiter(&self) -> Limiter {
        let machine = &self.machine;
        if self.instant(machine.not_before) > self.now + TICK {
            return self.asked_by;
        }
        if machine.backoff.pause.is_some() {
            return Limiter::Failing;
        }
        let is_broken = machine.limit_mode.is_some_and(super::signal::FailureMode::is_often_random);
        if machine.rate.is_some() || machine.window.limit().is_some() && !is_broken {
            Limiter::Throttle
        } else if machine.window.limit().is_some() {
            Limiter::Congestion
        } else if machine.window.slots() >= self.limits.window_max {
            Limiter::Cap
        } else if machine.latency.has_room() {
            Limiter::Growing
        } else {
            Limiter::Queue
        }
    }

    fn blocked_until(&self) -> Option<Instant> {
        let pause = self.machine.backoff.pause.as_ref().filter(|_| !self.machine.denies_all());
        let probe = pause.map(|pause| pause.next_probe);
        let until = probe.into_iter().chain([self.machine.not_before]).reduce(f64::max)?;
        // A time that has come is rounded up to the next tick.
        Some(self.instant(until)).filter(|&at| at > self.now + TICK)
    }
}

/// The limits that the state machine starts with.
fn known(memory: &Memory) -> Known {
    Known {
        rate: memory.rate.map(|(now, _)| now),
        window: memory.connections_max,
        ban: memory.learned.as_ref().and_then(|learned| learned.ban).map(|ban| ban.as_secs_f64()),
    }
}

impl Controller for InferencePace {
    fn permit(&mut self, work: Work, now: Instant) -> Permit {
        let at = self.at(now);
        if let Some(until) = self.announced.used_up(self.machine.next_sequence, now)
            && self.machine.backoff.pause.is_none()
        {
            return Permit::WaitUntil(until.max(now + TICK));
        }
        let count = |jobs: usize| u32::try_from(jobs).unwrap_or(u32::MAX);
        let jobs = work.jobs_waiting + work.jobs_held + work.jobs_in_flight;
        let work = super::signal::Work {
            ready: count(work.jobs_ready),
            remaining: count(jobs),
            idle: count(work.connections_idle),
        };
        let permit = self.machine.permit(at, work);
        self.take_settled();
        match permit {
            super::signal::Permit::Go(pick) => {
                let (pick, url) = match pick {
                    super::signal::Pick::Any => (Pick::Next, UNASSIGNED),
                    super::signal::Pick::Elsewhere => (Pick::Elsewhere, UNASSIGNED),
                    super::signal::Pick::Held(url) => (Pick::Held(url), url),
                    super::signal::Pick::Served(url) => (Pick::Witness(url), url),
                };
                self.pick = pick;
                let ticket = self.machine.sent(at, url, work.idle == 0);
                let in_flight = self.in_flight();
                Permit::Go(SendRecord { sequence: ticket.number(), in_flight, served: self.served() })
            }
            super::signal::Permit::At(at) => Permit::WaitUntil(self.instant(at)),
            super::signal::Permit::OnAnswer if self.machine.open.is_empty() => {
                Permit::WaitUntil(now + ASK_AGAIN)
            }
            super::signal::Permit::OnAnswer => Permit::WaitForAnswer,
        }
    }

    fn pick(&mut self, _sent: SendRecord) -> Pick {
        self.pick
    }

    fn assigned(&mut self, sent: SendRecord, row: u64) {
        let Some(open) = self.machine.open.get_mut(&sent.sequence) else { return };
        let asked = std::mem::replace(&mut open.url, row);
        if asked == UNASSIGNED || asked == row {
            return;
        }
        // The row that the machine asked for is not here any more, and another one is requested in its place.
        if std::mem::take(&mut open.is_witness) {
            self.machine.held_denials.forget_witness(asked);
        } else {
            self.machine.held_denials.forget(asked);
        }
    }

    fn first_byte(&mut self, sent: SendRecord, first_byte: FirstByte) {
        let at = self.at(first_byte.at);
        self.machine.opened(Ticket(sent.sequence), first_byte.is_new_connection);
        // A refusal is judged at its end, and so is a response that breaks before its body begins.
        if first_byte.status < 400 && first_byte.body_bytes > 0 {
            self.machine.progressed(Ticket(sent.sequence), at);
        }
    }

    fn announced(&mut self, sent: SendRecord, announcement: Announcement) {
        self.announced.say(sent.sequence, announcement);
    }

    fn stalled(&mut self, sent: SendRecord, now: Instant) {
        let at = self.at(now);
        self.machine.stalled(Ticket(sent.sequence), at);
    }

    fn revived(&mut self, sent: SendRecord, now: Instant) {
        let at = self.at(now);
        self.machine.progressed(Ticket(sent.sequence), at);
    }

    fn ended(&mut self, sent: SendRecord, signal: Signal, _was_stalled: bool, now: Instant, jitter: f64) {
        let at = self.at(now);
        let was_aborted = self.aborted.remove(&sent.sequence);
        let is_refused = matches!(signal, Signal::Throttle { .. });
        let announced = self.announced.answered(sent.sequence, is_refused, self.machine.next_sequence, now);
        self.count(sent.sequence, signal, now);
        let end = match signal {
            Signal::Success { latency } => End::Served { latency: latency.as_secs_f64() },
            Signal::Throttle { retry_after } => {
                let announced = announced.map(|until| (until - now, Limiter::Announced));
                let asked = retry_after.map(|wait| (wait, Limiter::RetryAfter)).or(announced);
                let retry_after = asked.map(|(wait, limiter)| {
                    let wait = stretched(wait, jitter).as_secs_f64();
                    self.note_asked(at + wait, limiter);
                    wait
                });
                End::Refused { retry_after }
            }
            Signal::ServerError => End::Refused { retry_after: None },
            Signal::Denied { .. } => End::Denied,
            Signal::Congestion | Signal::Absent => End::Broken,
            Signal::Silence if was_aborted => End::Aborted,
            Signal::Silence => End::Silent,
            Signal::Neutral => End::Local,
        };
        let is_held = self.machine.ended(Ticket(sent.sequence), end, at);
        self.held = is_held.then_some(sent.sequence);
        self.take_settled();
        self.keep_to_announced(now);
    }

    fn stall_after(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.machine.stall_after()).ok()
    }

    fn cuts_short(&mut self, sent: SendRecord, silent_for: Duration) -> bool {
        let is_aborted = self.machine.should_abort(Ticket(sent.sequence), silent_for.as_secs_f64());
        if is_aborted {
            self.aborted.insert(sent.sequence);
        }
        is_aborted
    }

    fn denial(&self, sent: SendRecord, _served_since: bool) -> Denial {
        if self.held == Some(sent.sequence) { Denial::Undecided } else { Denial::OfUrl }
    }

    fn settles_denials(&self) -> bool {
        true
    }

    fn settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.settled)
    }

    fn offer_witness(&mut self, row: u64) -> bool {
        self.machine.held_denials.offer_witness(row)
    }

    fn charges(&self, _sent: SendRecord) -> bool {
        // A host that served and now refuses everybody says nothing about a URL.
        self.machine.backoff.pause.is_none() || self.machine.served == 0
    }

    fn connections_max(&self) -> Option<u32> {
        Some(self.machine.connections())
    }

    fn charge_denials_to_urls(&mut self, _now: Instant) {
        self.machine.charge_denials_to_urls();
        self.take_settled();
        self.failures.end(u64::MAX);
    }

    fn failing(&self) -> Option<(u32, Instant)> {
        self.failures.run()
    }

    fn has_served_well(&self) -> bool {
        // A host that served one request and refuses the next may ban whoever asks twice.
        self.served() > 0
    }

    fn explains_failures(&self, of_url: u32) -> bool {
        self.machine.explains(of_url)
    }

    fn in_flight(&self) -> u32 {
        u32::try_from(self.machine.open.len()).unwrap_or(u32::MAX)
    }

    fn limits(&self) -> UserLimits {
        self.limits
    }

    fn belief(&self) -> Belief {
        let rate = self.machine.rate.as_ref().map(|rate| (rate.per_second, rate.limit_per_second));
        Belief {
            limiter: self.limiter(),
            window: self.machine.window.slots(),
            rate,
            blocked_until: self.blocked_until(),
        }
    }

    fn memory(&self, now: Instant) -> Memory {
        let known = self.machine.memory();
        let next_by_spacing = self.epoch + Duration::from_secs_f64(self.machine.next_by_spacing);
        let learned = Learned {
            served: self.served(),
            spacing_left: next_by_spacing.saturating_duration_since(now),
            ban: known.ban.and_then(|ban| Duration::try_from_secs_f64(ban).ok()),
        };
        let belief = self.belief();
        let of_belief = Memory::of_belief(&belief, now);
        Memory { connections_max: known.window, learned: Some(Box::new(learned)), ..of_belief }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
