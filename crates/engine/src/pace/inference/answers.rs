//! What answers and failures say, and how the pace follows them.

use super::Seconds;
use super::evidence::Outcome;
use super::latency::Waiting;
use super::rate::Rate;
use super::rows::SHOWN;
use super::signal::Form;
use super::units::Unit;
use super::{Controller, Open, REMEMBERED, Sent};

/// A host that fails by chance less than this is waited for at its first failure: what came after it?
const SHARE_CLEAN: f64 = 0.08;

impl Controller {
    pub(super) fn succeeded(&mut self, sequence: u64, open: &Open, latency: Seconds, now: Seconds) {
        self.served += 1;
        self.good_in_a_row += 1;
        self.refused_in_a_row = 0;
        if self.good_in_a_row > 200 {
            self.cuts = 0;
        }
        if let Some((first, is_served)) = &mut self.asked
            && sequence > *first
        {
            let is_shown = !*is_served;
            self.asked = None;
            self.shown += u32::from(is_shown);
            if is_shown && self.shown == SHOWN && self.limit_form == Some(Form::Throttled) {
                // What was learned from such refusals was no limit.
                self.rate = self.rate.take().filter(|rate| rate.costs.is_some());
                self.chance.abandon();
            }
        }
        if self.is_late(sequence) {
            self.evidence.revoke();
            self.chance.revoke(Form::Silent);
        }
        let is_probe = self.pauses.now.as_ref().is_some_and(|pause| sequence >= pause.probes_from);
        let is_news = !is_probe && self.bears(sequence, &open.sent, now);
        self.fates.served(open.url, sequence);
        if self.fates.are_own() && !self.chance.is_known(Form::Denied) {
            self.denials_are_own();
        }
        // One that so many overtook was not waiting for others, nor was one that was made again: it is slow by nature.
        let is_overtaken = self.served > open.served_before + 2 * u64::from(open.sent.under_way);
        let waiting = if open.is_stalled && (is_overtaken || self.stalls.was_stopped(open.url)) {
            None
        } else {
            self.latency.note(latency, sequence, open.sent.under_way)
        };
        self.stalls.ended(open.url);
        if let Some(pause) = &self.pauses.now {
            self.evidence.note(sequence, Outcome::Served);
            if sequence >= pause.probes_from {
                if let Some((pause, closed)) = self.pauses.end(open.sent.at) {
                    self.resume(&pause, closed, now);
                }
            } else if sequence >= pause.onset && open.is_stalled {
                // It was only slow: so are others, perhaps.
                self.pauses.now = None;
                self.horizons.iter_mut().for_each(|horizons| horizons.end(false, None, 0, |_| false));
                self.go_on();
            }
            return;
        }
        if is_news {
            self.choose_again(now);
        }
        self.note(sequence, Outcome::Served, now);
        if sequence < self.cut_sequence {
            return;
        }
        self.adapt(sequence, open, waiting, now);
    }

    /// It was let in, whatever the answer says of its URL. The first probe of a pause ends it.
    pub(super) fn answered(&mut self, sequence: u64, now: Seconds) {
        self.note(sequence, Outcome::Served, now);
        let is_probe = self.pauses.now.as_ref().is_some_and(|pause| sequence >= pause.probes_from);
        if is_probe
            && let Some(sent) = self.circumstances(sequence)
            && let Some((pause, closed)) = self.pauses.end(sent.at)
        {
            self.resume(&pause, closed, now);
        }
    }

    /// One more was served at this pace: there may be room for more, or less.
    pub(super) fn adapt(&mut self, sequence: u64, open: &Open, waiting: Option<Waiting>, now: Seconds) {
        let trip = self.trip();
        if let Some(Waiting::Queue(right)) = waiting {
            if self.window.places() <= 2 {
                self.latency.forget_floor();
            } else {
                self.window.narrow(right);
            }
            self.latency.begin_anew(self.next_sequence);
            return;
        }
        if let Some(rate) = self.rate.as_ref().filter(|_| self.unit == Unit::Requests) {
            self.window.widen_to(rate.per_second * trip * 1.5 + 2.0);
        }
        let is_guess = self.rate.as_ref().is_some_and(Rate::is_guess);
        if self.fates.is_round() || self.chance.has_failed() || self.chance.is_testing() && !is_guess {
            return;
        }
        let left = self.units_left();
        if let Some(rate) = self.rate.as_mut().filter(|_| self.unit.counts(open.sent.is_new)) {
            let before = rate.per_second;
            let is_free = rate.served(sequence, self.next_sequence, now, left);
            if rate.per_second > before {
                self.chance.raised(before);
            }
            if is_free && !self.window.widen() {
                self.window.go_on_with(1.2 * rate.per_second * trip + 1.0);
                self.rate = None;
            }
        } else if open.sent.under_way + 1 >= self.window.places() {
            self.window.grow(now, trip, self.latency.has_room());
        }
    }

    /// Denials were the URLs' own, as far as they were looked at: they are no limit.
    pub(super) fn denials_are_own(&mut self) {
        self.chance.prove(Form::Denied, self.denied as f64 / (self.denied + self.served) as f64);
        if self.limit_form == Some(Form::Denied) {
            self.rate = None;
            self.horizons[self.unit as usize].forget();
            self.window.forget_limit();
            self.limit_form = None;
        }
    }

    /// A usual round trip.
    pub(super) fn trip(&self) -> Seconds {
        self.latency.usual().unwrap_or(0.1)
    }

    /// A request was in vain.
    pub(super) fn failed(&mut self, sequence: u64, form: Form, now: Seconds) {
        self.good_before = std::mem::take(&mut self.good_in_a_row);
        let Err(at) = self.bads.binary_search_by_key(&sequence, |bad| bad.0) else { return };
        self.bads.insert(at, (sequence, form));
        if self.bads.len() > 4 * REMEMBERED {
            self.bads.pop_front();
        }
        if let Some(pause) = &self.pauses.now {
            self.evidence.note(sequence, Outcome::InVain(form));
            if sequence >= pause.probes_from {
                let sent = self.circumstances(sequence).map_or(now, |sent| sent.at);
                // In another way than the row began: by chance, perhaps.
                let is_odd = self.limit_form.is_some_and(|usual| usual != form);
                self.pauses.failed(sent, is_odd, now);
            }
            return;
        }
        let news = self.evidence.note(sequence, Outcome::InVain(form));
        let is_telling = match form {
            Form::Throttled | Form::Denied => !self.chance.is_known(form),
            Form::Broken => self.evidence.share_at_most() < SHARE_CLEAN,
            Form::Silent => false,
        };
        if is_telling {
            self.held_by = Some(self.held_by.map_or(sequence, |held| held.min(sequence)));
        }
        if let Some(onset) = self.evidence.onset(now - self.latency.patience(), self.chance.proved()) {
            self.pause(onset, now);
            return;
        }
        self.weigh(&news, now);
    }

    pub(super) fn note(&mut self, sequence: u64, outcome: Outcome, now: Seconds) {
        let news = self.evidence.note(sequence, outcome);
        if self.pauses.now.is_some() {
            return;
        }
        if self.evidence.is_open
            && !news.is_empty()
            && let Some(onset) = self.evidence.onset(now - self.latency.patience(), self.chance.proved())
        {
            self.pause(onset, now);
            return;
        }
        self.weigh(&news, now);
    }

    /// What has become known, in the order of sending: chance, or a limit that is just met?
    pub(super) fn weigh(&mut self, news: &[(u64, Option<Form>)], now: Seconds) {
        for &(sequence, form) in news {
            if self.held_by.is_some_and(|held| sequence > held) {
                self.held_by = None;
            }
            if (self.rate.is_none() || self.unit == Unit::Openings) && sequence >= self.cut_sequence {
                self.window.note(form.is_some(), now);
            }
            self.note_opening(sequence, form.is_some(), false);
            if self.unit.counts(self.is_new(sequence))
                && let Some(verdict) = self.chance.note(sequence, form)
            {
                self.judge(verdict, now);
            }
            if let Some(before) = self.chance.step_back(self.next_sequence)
                && let Some(rate) = &mut self.rate
            {
                rate.per_second = before;
                rate.rest(now);
            }
            match form {
                Some(form) => self.doubtful = Some((sequence, form)),
                None => {
                    if let Some((sequence, form)) =
                        self.doubtful.take().filter(|it| it.0 >= self.cut_sequence)
                    {
                        self.doubt(sequence, form, now);
                    }
                }
            }
        }
    }

    /// It had been taken for silent. It is not in vain any more.
    pub(super) fn is_late(&mut self, sequence: u64) -> bool {
        self.bads.binary_search_by_key(&sequence, |bad| bad.0).map(|at| self.bads.remove(at)).is_ok()
    }

    pub(super) fn circumstances(&self, sequence: u64) -> Option<Sent> {
        let first = self.next_sequence - self.sent.len() as u64;
        let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.sent.get(index).copied()
    }
}
