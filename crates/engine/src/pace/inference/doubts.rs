//! Single failures: chance, or a limit that is just met?

use super::Seconds;
use super::horizons::MARGIN;
use super::random_failure_test::FailurePattern;
use super::rate::Rate;
use super::signal::Form;
use super::{Controller, Onset};

/// So much more chance than was known at a ban makes it doubtful.
const BAN_DOUBTFUL: f64 = 0.12;

/// At least this part of what was asked for lately was let in.
const LET_IN_LEAST: f64 = 0.1;
/// Breaks that are more often than this are looked at twice, as refusals are.
const GRAVE: f64 = 0.2;

impl Controller {
    /// Single failures: more than chance explains?
    pub(super) fn doubt(&mut self, sequence: u64, form: Form, now: Seconds) {
        let is_limited = self.limit_form == Some(form)
            && self.rate.as_ref().is_some_and(|rate| rate.is_confirmed && rate.costs.is_none());
        if self.chance.is_testing() || !self.chance.is_improbable(form, is_limited) {
            return;
        }
        let next = self.next_sequence;
        let share = self.chance.share(form);
        let share_at_least = self.chance.share_at_least(form);
        if let Some(rate) = &self.rate
            && rate.costs.is_some()
        {
            // A ban refuses everybody or nobody. Single failures are chance, or those of a limit that is no ban.
            let known = if form.is_often_chance() { rate.share_when_fixed } else { self.chance.known(form) };
            if share <= known + BAN_DOUBTFUL {
                return;
            }
            self.horizons[self.unit as usize].forget();
            if let Some(rate) = &mut self.rate {
                rate.costs = None;
            }
        }
        self.choose_unit();
        let let_in = self.let_in(sequence);
        let before = self.horizons[self.unit as usize].between(0, sequence);
        self.burst.get_or_insert(before);
        self.cut_sequence = next;
        let wanted = self.wanted(sequence, now);
        if let Some(rate) = &mut self.rate {
            self.cuts += 1;
            let (per_second, requests) = let_in.unwrap_or((rate.per_second * 0.9, 1.0));
            let per_second = per_second.max(wanted);
            rate.cut(per_second.min(rate.per_second), requests, now, next);
        } else {
            let lately = self.horizons[self.unit as usize].pace(sequence, self.waited, now)
                * (1.0 - share).max(LET_IN_LEAST);
            self.rate = Some(Rate::new(MARGIN * lately, 1.0, now, next));
        }
        self.evidence.judge_from(next);
        self.onset = Some(Onset { sequence });
        self.bads.drain(..self.bads.partition_point(|bad| bad.0 < sequence));
        if is_limited && self.cuts <= 2 {
            self.chance.begin_anew(next);
        } else {
            self.limit_form = Some(form);
            self.is_halved = false;
            self.chance.test(form, share_at_least, next);
        }
    }

    /// A test of chance against a limit has ended, or not.
    pub(super) fn judge(&mut self, verdict: FailurePattern, now: Seconds) {
        let next = self.next_sequence;
        self.chance.begin_anew(next);
        self.cut_sequence = next;
        self.cuts = 0;
        match verdict {
            FailurePattern::RandomFailureTest(form) => {
                let is_grave = !form.is_often_chance() || self.chance.tested_share() > GRAVE;
                // Chance does not care whether a connection is opened.
                let is_of_openings = self.openings.are_counted();
                if let Some(rate) =
                    self.rate.as_mut().filter(|_| is_of_openings || !self.is_halved && is_grave)
                {
                    // What about half the pace?
                    self.is_halved = true;
                    self.openings.begin_anew();
                    rate.per_second *= 0.5;
                    rate.rest(now);
                    self.chance.test(form, self.chance.tested_share(), next);
                    return;
                }
                self.chance.prove(form, self.chance.tested_share());
                if self.rate.as_ref().is_none_or(|rate| rate.costs.is_none()) {
                    self.rate = None;
                    self.window.forget_limit();
                }
            }
            FailurePattern::Limit => {
                if let Some(rate) = &mut self.rate {
                    rate.confirm();
                }
            }
        }
    }
}
