//! The fixed pace: as many requests in flight as the user allows, whatever the host answers.
//!
//! Only a pause that the host itself asks for stops it; one request at a time follows, until one is served. It keeps
//! account of failures and denials for the rules that give up rows and hosts, and draws no conclusion about the pace.

mod denial_storm;
mod failure_share;
mod pause;
mod slot_accounting;
mod stalls;

use std::time::Duration;

use tokio::time::Instant;

use super::announced::{Announced, Announcement};
use super::belief::Belief;
use super::controller::{Controller, Denial, Permit, SendRecord, UserLimits, Work};
use super::courtesy::{SERVED_WELL, stretched};
use super::failures::Failures;
use super::learned::Learned;
use super::limiter::Limiter;
use super::memory::{Memory, common_pause};
use super::signal::Signal;
use denial_storm::DenialStorm;
use failure_share::FailureShare;
use pause::Pause;
use slot_accounting::SlotAccounting;
use stalls::UsualLatency;

/// The controller behind `--pace fixed`.
#[derive(Debug, Clone)]
pub struct FixedPace {
    limits: UserLimits,
    /// When the user's spacing allows the next request.
    next_by_spacing: Option<Instant>,
    pause: Pause,
    announced: Announced,
    slots: SlotAccounting,
    failures: Failures,
    denials: DenialStorm,
    failure_share: FailureShare,
    latency: UsualLatency,
    served: u32,
    next_sequence: u64,
}

impl FixedPace {
    /// A controller for a host with these memories. Only what the host served and the pause that it asked for matter.
    #[must_use]
    pub fn recalling(limits: UserLimits, memories: &[Memory], now: Instant) -> Self {
        let learned = Learned::of_all(memories.iter().filter_map(|memory| memory.learned.as_deref()));
        let mut pause = Pause::new();
        if let Some((lasts, limiter)) = common_pause(memories) {
            pause.begin(now + lasts, limiter, 0);
        }
        Self {
            limits: UserLimits { window_max: limits.window_max.max(1), ..limits },
            next_by_spacing: Some(now + learned.spacing_left).filter(|&at| at > now),
            pause,
            announced: Announced::new(),
            slots: SlotAccounting::default(),
            failures: Failures::default(),
            denials: DenialStorm::default(),
            failure_share: FailureShare::default(),
            latency: UsualLatency::default(),
            served: learned.served,
            next_sequence: 0,
        }
    }

    fn refused(&mut self, sent: SendRecord, now: Instant) {
        self.failures.note(sent.sequence, now);
        self.failure_share.note(true);
    }

    fn is_full(&self) -> bool {
        let window = self.limits.window_max;
        if self.pause.is_probing() {
            self.slots.probing(self.pause.is_asked_for()) >= 1
        } else {
            self.slots.taken(window) >= window
        }
    }
}

impl Controller for FixedPace {
    fn permit(&mut self, _work: Work, now: Instant) -> Permit {
        if let Some(until) = self.pause.at(now) {
            return Permit::WaitUntil(until);
        }
        if self.is_full() {
            return Permit::WaitForAnswer;
        }
        if let Some(at) = self.next_by_spacing.filter(|&at| at > now) {
            return Permit::WaitUntil(at);
        }
        self.next_by_spacing = Some(now + self.limits.spacing).filter(|&at| at > now);
        self.slots.take();
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Permit::Go(SendRecord { sequence, in_flight: self.slots.in_flight(), served: self.served })
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
        let announced = self.announced.answered(sent.sequence, is_refused, self.next_sequence, now);
        match signal {
            Signal::Neutral => {}
            Signal::Success { latency } => {
                self.denials.served();
                self.latency.note(latency);
                self.served = self.served.saturating_add(1);
                self.failure_share.note(false);
                self.failures.end(sent.sequence);
                if self.pause.precedes(sent.sequence) {
                    self.pause.end();
                }
            }
            Signal::Congestion | Signal::Silence | Signal::ServerError
                if was_stalled && self.served > sent.served => {}
            Signal::Congestion | Signal::Silence | Signal::ServerError | Signal::Absent => {
                self.failures.note(sent.sequence, now);
                self.failure_share.note(true);
            }
            Signal::Throttle { retry_after } => {
                self.refused(sent, now);
                let announced = announced.map(|until| (until - now, Limiter::Announced));
                let asked = retry_after.map(|wait| (wait, Limiter::RetryAfter)).or(announced);
                if let Some((wait, limiter)) = asked {
                    self.pause.begin(now + stretched(wait, jitter), limiter, self.next_sequence);
                    self.slots.pause();
                }
            }
            Signal::Denied { latency } => {
                self.denials.denied(self.has_served_well());
                if self.denials.is_storm() {
                    self.refused(sent, now);
                } else {
                    self.latency.note(latency);
                    self.failures.end(sent.sequence);
                }
            }
        }
    }

    fn stall_after(&self) -> Option<Duration> {
        self.latency.stall_after()
    }

    fn denial(&self, _sent: SendRecord, served_since: bool) -> Denial {
        if self.denials.is_storm() {
            Denial::OfPace
        } else if self.has_served_well() && self.denials.are_doubtful() && !served_since {
            Denial::Undecided
        } else {
            Denial::OfUrl
        }
    }

    fn charge_denials_to_urls(&mut self, _now: Instant) {
        self.denials.are_of_urls();
        self.failures.end(u64::MAX);
    }

    fn failing(&self) -> Option<(u32, Instant)> {
        self.failures.run()
    }

    fn has_served_well(&self) -> bool {
        self.served >= SERVED_WELL
    }

    fn explains_failures(&self, of_url: u32) -> bool {
        self.failure_share.explains_url(of_url)
    }

    fn learns(&self) -> bool {
        false
    }

    fn in_flight(&self) -> u32 {
        self.slots.in_flight()
    }

    fn limits(&self) -> UserLimits {
        self.limits
    }

    fn belief(&self) -> Belief {
        let limiter = if self.pause.is_probing() { self.pause.limiter() } else { Limiter::Cap };
        let Self { limits: UserLimits { window_max: window, .. }, ref pause, .. } = *self;
        Belief { limiter, window, rate: None, blocked_until: pause.until() }
    }

    fn memory(&self, now: Instant) -> Memory {
        let learned = Learned {
            served: self.served,
            spacing_left: self.next_by_spacing.map_or(Duration::ZERO, |at| at.saturating_duration_since(now)),
            ..Learned::default()
        };
        Memory { learned: Some(Box::new(learned)), ..Memory::of_belief(&self.belief(), now) }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
