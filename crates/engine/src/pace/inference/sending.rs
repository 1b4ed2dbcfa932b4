//! Decides whether another request may be sent, and for which row.

use super::Seconds;
use super::held_denials::Next;
use super::signal::FailureMode;
use super::{Controller, Open, Permit, Pick, REMEMBERED, Sent, Ticket, Work};

/// A host that has served this many requests is well known.
pub(super) const KNOWN_HOST_SERVED_MIN: u64 = 30;
/// With more stalled exchanges than this, the next URLs of the list may be slow: then only every n-th request is for
/// one of them.
const STALLED_MAX: usize = 2;
const NEXT_EVERY: u64 = 4;
/// Waits before probes of a host that has denied every request: they cover the most common bans.
const FIRST_PROBES: [Seconds; 3] = [0.5, 2.0, 8.0];
/// The longest mean gap between served requests from which the pace of a round follows.
const ROUND_GAP_MAX: Seconds = 5.0;
/// After this many denied probes a row is probed that was served before.
const WITNESS_PROBE_AFTER: u32 = 2;
/// After this many failed probes with growing waits, the denials of such a host are charged to the URLs.
const DENIALS_BELIEVED: u32 = 11;

impl Controller {
    /// Whether another request may be sent now. After [`Permit::Go`] the caller calls [`sent`](Self::sent), or does
    /// nothing.
    pub(super) fn permit(&mut self, now: Seconds, work: Work) -> Permit {
        self.remaining = work.remaining;
        let until = self.not_before.max(self.next_by_spacing);
        if now < until {
            return Permit::At(until);
        }
        if let Some(permit) = self.permit_where_all_is_denied(now, work) {
            return permit;
        }
        if let Some(pause) = &self.backoff.pause {
            if self.slots_used > 0 {
                return Permit::OnAnswer;
            }
            if work.ready == 0 && pause.failures() >= DENIALS_BELIEVED {
                // No other row is left, and waiting has not helped.
                self.backoff.pause = None;
                self.held_denials.settle_all();
                return Permit::OnAnswer;
            }
            let is_any = work.ready > 0 || !self.held_denials.is_empty();
            return if now < pause.next_probe {
                Permit::At(pause.next_probe)
            } else if is_any {
                self.pick_probe(work)
            } else {
                Permit::OnAnswer
            };
        }
        let is_round = self.held_denials.is_round();
        let allowed = if is_round {
            (self.window.slots() / self.held_denials.rate_divisor()).max(1)
        } else {
            self.window.slots()
        };
        if self.blocked_by.is_some() && self.slots_used > 0 {
            return Permit::OnAnswer;
        }
        while self.slots_freed_at.front().is_some_and(|&at| at <= now) {
            self.slots_freed_at.pop_front();
        }
        if let Some(&at) = self.slots_freed_at.front()
            && self.slots_used < allowed
            && self.slots_used as usize + self.slots_freed_at.len() >= allowed as usize
        {
            return Permit::At(at);
        }
        if self.slots_used >= allowed
            || self.open.len() >= (self.window_max as usize).max(2 * allowed as usize + 8)
        {
            if let Some(rate) = self.rate.as_mut().filter(|rate| rate.next() <= now) {
                rate.limited_by_window();
            }
            return Permit::OnAnswer;
        }
        if let Some(rate) = self.rate.as_mut().filter(|_| self.unit.counts(work.idle == 0)) {
            let next = rate.next()
                + if is_round {
                    f64::from(self.held_denials.rate_divisor()) / rate.limit_per_second.min(rate.per_second)
                        - 1.0 / rate.per_second
                } else {
                    0.0
                };
            if now < next {
                rate.limited_by_rate();
                return Permit::At(next);
            }
        }
        if is_round
            && let Some(next) = self.next_in_round()
            && now < next
        {
            return Permit::At(next);
        }
        match self.held_denials.next(work.ready, self.window.slots(), self.slots_used, now) {
            Next::Row(url) => Permit::Go(Pick::Held(url)),
            Next::NotBefore(at) => Permit::At(at),
            Next::Witness(Some(url)) => Permit::Go(Pick::Served(url)),
            Next::Witness(None) => Permit::Go(Pick::Any),
            Next::Nothing if work.ready > 0 && !self.held_denials.is_round() => {
                // If the next URLs of the list are silent, others may respond.
                let stalled = self.open.len() - self.slots_used as usize;
                let is_stuck = if self.served < KNOWN_HOST_SERVED_MIN {
                    stalled > 0
                } else {
                    self.stalls.are_slow_urls()
                        && (stalled > self.window_max as usize / 2
                            || stalled > STALLED_MAX && !self.next_sequence.is_multiple_of(NEXT_EVERY))
                };
                Permit::Go(if is_stuck { Pick::Elsewhere } else { Pick::Any })
            }
            Next::Nothing => Permit::OnAnswer,
        }
    }

    /// Whether the host has denied every request so far, and the denials are not charged to the URLs yet.
    pub(super) fn denies_all(&self) -> bool {
        self.served == 0 && !self.held_denials.is_empty() && !self.is_denying_all
    }

    /// The permit where the host has denied every request so far: URLs from elsewhere in the list are requested after
    /// growing waits, and then the denials are charged to the URLs.
    fn permit_where_all_is_denied(&mut self, now: Seconds, work: Work) -> Option<Permit> {
        if !self.denies_all() {
            return None;
        }
        if !self.open.is_empty() {
            return Some(Permit::OnAnswer);
        }
        if work.ready > 0
            && let Some(wait) = FIRST_PROBES.get(self.first_probes)
        {
            if now < self.denied_at + wait {
                return Some(Permit::At(self.denied_at + wait));
            }
            self.first_probes += 1;
            return Some(Permit::Go(Pick::Elsewhere));
        }
        self.is_denying_all = true;
        self.held_denials.settle_all();
        None
    }

    /// When the next request of a round may be sent although no rate is known: the pace of a round is a part of the rate
    /// at which the host served, unless denials are known to belong to URLs.
    fn next_in_round(&self) -> Option<Seconds> {
        let (first, last) = (self.served_at.front()?, self.served_at.back()?);
        let is_needed = self.rate.is_none() && !self.held_denials.are_of_urls() && self.served_at.len() > 1;
        let gap = ((last - first) / (self.served_at.len() - 1) as f64).min(ROUND_GAP_MAX);
        is_needed.then_some(self.sent.back()?.at + gap * f64::from(self.held_denials.rate_divisor()))
    }

    pub(super) fn pick_probe(&mut self, work: Work) -> Permit {
        // A row that was served before is better evidence than one that may be denied for its own sake.
        let witness = self.held_denials.witness().map(Pick::Served);
        let failures = self.backoff.pause.as_ref().map_or(0, super::backoff::Pause::failures);
        let needs_witness = self.limit_mode == Some(FailureMode::Denied) && failures >= WITNESS_PROBE_AFTER;
        if let Some(pick) = witness.filter(|_| needs_witness) {
            return Permit::Go(pick);
        }
        if work.ready > 0 {
            return Permit::Go(Pick::Elsewhere);
        }
        witness.or_else(|| self.held_denials.any_held().map(Pick::Held)).map_or(Permit::OnAnswer, Permit::Go)
    }

    /// Records a request for this row. `is_new`: the request opens a connection.
    pub(super) fn sent(&mut self, now: Seconds, url: u64, is_new: bool) -> Ticket {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.slots_used += 1;
        self.next_by_spacing = now + self.spacing;
        if let Some(rate) = self.rate.as_mut().filter(|_| self.unit.counts(is_new)) {
            rate.sent(now);
        }
        self.run_detector.sent(now);
        if self.held_denials.is_held(url) {
            self.held_denials.request_sent(url);
        } else {
            self.held_denials.witness_sent();
        }
        let sent =
            Sent { at: now, in_flight: self.slots_used, is_new, counts: self.counts(sequence, is_new, now) };
        self.sent.push_back(sent);
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
        let is_witness = self.held_denials.is_witness(url);
        let open =
            Open { sent, url, is_witness, has_begun: false, is_stalled: false, served_before: self.served };
        self.open.insert(sequence, open);
        Ticket(sequence)
    }

    /// The number of open connections, idle ones included; the caller closes idle ones in excess. Open connections are
    /// worth keeping, because the host may limit new ones.
    #[must_use]
    pub(super) fn connections(&self) -> u32 {
        if self.served == 0 && self.denied > 0 {
            // The host may deny clients with too many connections, idle ones included: a probe has one.
            return 1;
        }
        let stalled = u32::try_from(self.open.len()).unwrap_or(u32::MAX).saturating_sub(self.slots_used);
        stalled + self.window.limit().unwrap_or(self.window_max)
    }
}
