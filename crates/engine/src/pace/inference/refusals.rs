//! When the host refuses everybody, and what is learned from it once it serves again.

use super::Seconds;
use super::horizons::MARGIN;
use super::pause_lengths::{Closed, LONG, Pause};
use super::rate::Rate;
use super::signal::Form;
use super::units::Unit;
use super::{Controller, Onset};

/// Rows of failures that chance makes more often than this in so many requests say nothing.
const FALSE_ALARM: f64 = 0.02;
/// Fewer refusals with a Retry-After are no row.
const ROW: usize = 3;
/// A second row of refusals within so many windows of requests is not for the window.
const SOON: u32 = 3;
/// Where less than this may be chance, a row of refusals needs no further test.
const CHANCE_MATTERS: f64 = 0.08;

impl Controller {
    /// The host refuses everybody: nothing is sent but single probes.
    pub(super) fn pause(&mut self, (onset, form): (u64, Form), now: Seconds) {
        self.limit_form = Some(form);
        let began = self.circumstances(onset).map_or(now, |sent| sent.at);
        if let Some(sent) = self.circumstances(onset) {
            for (horizons, counts) in self.horizons.iter_mut().zip(&sent.counts) {
                horizons.suspect(onset, counts);
            }
        }
        let gap = self.rate.as_ref().map_or(0.0, |rate| 1.0 / rate.per_second);
        let least = (2.0 * self.trip()).min(1.0).max(gap);
        self.pauses.begin(onset, began, self.next_sequence, now, least);
        (self.held_by, self.doubtful) = (None, None);
        if self.not_before > now {
            self.pauses.asked(self.not_before);
        }
        self.fates.interrupt();
        self.chance.abandon();
    }

    /// What was let in between the last two times the host was empty: a second, and how many. All that was not refused
    /// counts, also what broke by chance.
    pub(super) fn let_in(&self, until: u64) -> Option<(f64, f64)> {
        let last = self.onset?;
        let form = self.limit_form?;
        let mut bads = self.bads.iter().filter(|bad| bad.1 == form).peekable();
        let in_vain = |sequence: u64| {
            while bads.next_if(|bad| bad.0 < sequence).is_some() {}
            bads.peek().is_some_and(|bad| bad.0 == sequence)
        };
        self.horizons[self.unit as usize].bucket(
            last.sequence,
            until,
            self.burst.unwrap_or(1.0).max(1.0),
            in_vain,
        )
    }

    /// The host serves again.
    pub(super) fn resume(&mut self, pause: &Pause, closed: Closed, now: Seconds) {
        let form = self.limit_form.unwrap_or(Form::Broken);
        let range = (pause.onset, pause.probes_from);
        let in_vain = self.bads.iter().filter(|bad| (range.0..range.1).contains(&bad.0)).count();
        let is_long = closed.whole > LONG.max(6.0 * self.trip())
            && (closed.failures >= 2 || closed.whole > 2.0 * LONG && in_vain >= ROW);
        self.note_openings(form, pause, is_long);
        self.choose_unit();
        self.doubt_unit(pause.onset);
        let let_in = self.let_in(pause.onset);
        let last = self.onset.map_or(0, |onset| onset.sequence);
        self.onset = Some(Onset { sequence: pause.onset });
        // What is let in at once is no more than what was let in before the first refusal.
        let before = self.horizons[self.unit as usize].between(0, pause.onset);
        self.burst.get_or_insert(before);
        let requests = (pause.onset - last) as f64;
        let by_chance = self.evidence.by_chance(form, range, closed.failures, requests, self.chance.proved());
        // One may be chance; several soon after each other are not.
        self.alarms = (self.alarms + by_chance.ln()).min(0.0);
        let is_chance = self.alarms > FALSE_ALARM.ln();
        if !is_chance {
            self.alarms = 0.0;
        }
        if form == Form::Denied {
            self.fates.is_urgent();
        }
        let is_chance = is_chance || self.served <= 1;
        self.go_on();
        let next = self.next_sequence;
        let bads = &self.bads;
        let is_in_vain =
            |at: u64| bads.binary_search_by_key(&at, |bad| bad.0).is_ok_and(|at| bads[at].1 == form);
        let is_new = self.is_new(pause.onset);
        for (unit, horizons) in [Unit::Requests, Unit::Openings].into_iter().zip(&mut self.horizons) {
            let is_it = is_long && !is_chance && unit.counts(is_new);
            let kept = self.assumed.filter(|_| unit == self.unit);
            horizons.end(is_it, kept, pause.probes_from, is_in_vain);
        }
        if is_chance {
            if let Some(rate) = &mut self.rate {
                rate.rest(now);
            }
            return;
        }
        self.evidence.uncount();
        self.bads.drain(..self.bads.partition_point(|bad| bad.0 < pause.onset));
        if is_long {
            self.learn_from_long(pause.onset, closed, let_in, now);
            return;
        }
        if in_vain < ROW && self.rate.is_none() || form == Form::Silent && closed.whole < LONG {
            // Too little to go by: some URLs are slow, or have a Retry-After of their own.
            return;
        }
        if let Some(form) = self.limit_form {
            self.chance.doubt_known(form);
        }
        let together = pause.onset..pause.probes_from;
        let under_way =
            together.filter_map(|at| self.circumstances(at)).map(|sent| sent.under_way).max().unwrap_or(1);
        let is_again = last > 0 && requests < f64::from(SOON * under_way);
        if self.unit == Unit::Requests
            && self.rate.is_none()
            && under_way >= 2
            && closed.failures <= u32::from(form.is_often_chance())
            && !self.window.has_proven(under_way)
            && !is_again
        {
            // More than ever were under way, and one alone was served: fewer, perhaps as often.
            self.window.refused_beyond(self.served_together(pause, under_way), now);
            return;
        }
        let (per_second, requests) = let_in.unwrap_or_else(|| self.let_in_since(last, pause, closed));
        let per_second = per_second.max(self.wanted(pause.onset, now));
        if let Some(rate) = &mut self.rate {
            rate.cut(per_second.min(rate.per_second), requests, now, next);
        } else {
            self.window.begin_anew();
            self.rate = Some(Rate::new(per_second * MARGIN, requests, now, next));
        }
        // Does it help?
        let by_chance = self.evidence.share_at_most();
        if let Some(rate) = &mut self.rate
            && let Some(form) = self.limit_form
        {
            if by_chance < CHANCE_MATTERS || !form.is_often_chance() {
                rate.confirm();
            } else {
                self.chance.test(form, by_chance, next);
            }
        }
    }

    /// A ban refuses everybody who comes after the first; from other rows each request tells.
    fn note_openings(&mut self, form: Form, pause: &Pause, is_long: bool) {
        let until = if is_long { pause.onset + 1 } else { pause.probes_from };
        for sequence in pause.onset..until {
            let how = self.bads.binary_search_by_key(&sequence, |bad| bad.0).map(|at| self.bads[at].1);
            if how.is_ok_and(|how| how != form) {
                continue;
            }
            self.note_opening(sequence, how.is_ok(), is_long);
        }
    }

    /// Of so many that were under way when the row of refusals began, so many were served.
    pub(super) fn served_together(&self, pause: &Pause, under_way: u32) -> u32 {
        let end = pause.probes_from.min(pause.onset + u64::from(under_way));
        let bad = self.bads.iter().filter(|bad| (pause.onset..end).contains(&bad.0)).count();
        let all = end - pause.onset;
        let good = all - (bad as u64).min(all);
        let share = u32::try_from(u64::from(under_way) * good / all.max(1)).unwrap_or(1);
        // At most as many as there were beside one that was refused.
        let refused = self.bads.iter().filter(|bad| (pause.onset..pause.probes_from).contains(&bad.0));
        let beside = refused.filter_map(|bad| self.circumstances(bad.0)).map(|sent| sent.under_way - 1).min();
        share.min(beside.unwrap_or(share)).clamp(1, under_way - 1)
    }

    /// What was sent before says nothing about the pace from now on.
    pub(super) fn go_on(&mut self) {
        let next = self.next_sequence;
        self.evidence.begin_anew(next);
        self.latency.begin_anew(next);
        self.chance.begin_anew(next);
        self.cut_sequence = next;
    }

    /// What was let in a second since the host began to refuse, as it was empty then.
    pub(super) fn let_in_since(&self, first: u64, pause: &Pause, closed: Closed) -> (f64, f64) {
        let units = &self.horizons[self.unit as usize];
        let before = units.between(first, pause.onset);
        if before > 0.0 {
            // How long it was empty is not known: at most, all that it ever let in came from what flowed in.
            let since =
                self.circumstances(first).map_or(closed.whole, |sent| pause.began + closed.whole - sent.at);
            return (before / since, 1.0);
        }
        let last = pause.probes_from - 1;
        let in_vain = self.bads.iter().filter(|bad| bad.0 >= pause.onset && bad.0 <= last).count();
        let let_in = units.between(pause.onset, pause.probes_from) - in_vain as f64;
        let span = self.circumstances(last).map_or(0.0, |sent| sent.at - pause.began);
        if let_in >= 3.0 && span > 0.0 {
            (let_in / span, let_in)
        } else {
            ((let_in + 1.0) / closed.whole.max(0.001), let_in + 1.0)
        }
    }

    pub(super) fn learn_from_long(
        &mut self,
        onset: u64,
        closed: Closed,
        let_in: Option<(f64, f64)>,
        now: Seconds,
    ) {
        let next = self.next_sequence;
        let below = self.rate.as_ref().map_or(f64::INFINITY, |rate| 0.9 * rate.per_second);
        let cost = closed.gap.max(closed.whole * 0.5);
        let chosen = self.horizons[self.unit as usize].choose(self.units_left(), cost, below, closed.whole);
        self.assumed = chosen.map(|(_, over)| over);
        let per_second = match (chosen, let_in) {
            (Some((rate, _)), _) => rate,
            (None, Some((rate, _))) => (MARGIN * rate).min(below),
            // No horizon explains it: half of what it was asked for.
            (None, None) => below.min(0.5 * self.horizons[self.unit as usize].pace(onset, self.waited, now)),
        };
        let rate = self.rate.get_or_insert_with(|| Rate::new(per_second, 1.0, now, next));
        rate.fix(per_second, cost, now, next);
        rate.share_when_fixed = self.evidence.share_at_most();
        self.window.begin_anew();
        // What flowed in while nothing was asked for says nothing about the rate.
        self.onset = None;
    }

    /// A horizon has been ruled out: a shorter one may allow more.
    pub(super) fn choose_again(&mut self, now: Seconds) {
        let next = self.next_sequence;
        let left = self.units_left();
        if let Some(rate) = &mut self.rate
            && let Some(cost) = rate.costs
            && let Some((per_second, over)) =
                self.horizons[self.unit as usize].choose(left, cost, f64::INFINITY, 0.0)
            && per_second > 1.05 * rate.per_second
        {
            rate.fix(per_second, cost, now, next);
            self.assumed = Some(over);
        }
    }
}
