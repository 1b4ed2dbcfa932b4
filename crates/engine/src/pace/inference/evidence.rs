//! What requests came to, in the order in which they were sent.
//!
//! A failure by chance has no memory: after a failure the next request fails as often as after a success. A limit has: what
//! is sent after the first refusal is refused, too, until something changes. So the share of failures is measured where the
//! request before succeeded ([`Evidence::share`]), and a row of failures is a limit's once a cumulative sum of log likelihood
//! ratios (Page's test, 1954) between 'nearly all fail' and 'they fail by that share' has become large.

use std::collections::VecDeque;

use super::Seconds;
use super::signal::{Form, Proved};

/// Requests that are remembered one by one.
const REMEMBERED: usize = 2048;
/// Under a limit so many of the requests fail that are sent while it holds.
const FAILING: f64 = 0.95;
/// How much evidence is needed, in natural logarithms: a false alarm in e^4 = 55 failures ...
const CERTAIN: f64 = 4.5;
/// ... and more the longer it goes well, so that a long list has no more false alarms than a short one.
const CERTAIN_FOR: f64 = 10.0;
/// Prior: two failures in a hundred requests of a host that nobody knows.
const PRIOR: (f64, f64) = (0.4, 20.0);
/// Counts are halved beyond so many, for a host may change.
const FADES_AFTER: f64 = 600.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Pending,
    Good,
    Bad(Form),
    /// Says nothing.
    Void,
}

/// What one failure and one success say for a limit, in natural logarithms of likelihood ratios.
#[derive(Debug, Clone, Copy)]
struct Weights {
    bad: f64,
    good: f64,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Served,
    InVain(Form),
    /// It says nothing about the host.
    Void,
}

/// The recent past of a host.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    first: u64,
    known: VecDeque<(Seconds, Known)>,
    /// Only what was sent from here on is judged.
    since: u64,
    /// Up to here the share has been counted.
    counted: u64,
    was_good: bool,
    /// Failures after a success, of the forms that are often chance, and of the others.
    bad: f64,
    seldom: f64,
    all: f64,
    /// Everything that was heard.
    heard: f64,
    /// Failures have not been looked at, as something sent before them may still be answered.
    pub(super) is_open: bool,
}

impl Evidence {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            known: VecDeque::new(),
            since: 0,
            counted: 0,
            was_good: true,
            bad: PRIOR.0,
            seldom: PRIOR.0,
            all: PRIOR.1,
            heard: 0.0,
            is_open: false,
        }
    }

    /// The next request is sent.
    pub(super) fn sent(&mut self, now: Seconds) {
        self.known.push_back((now, Known::Pending));
        if self.known.len() > REMEMBERED {
            self.known.pop_front();
            self.first += 1;
            self.counted = self.counted.max(self.first);
        }
    }

    /// What one came to. Returns what is known now without a gap, in the order of sending: each request, and how it was in
    /// vain if it was.
    pub(super) fn note(&mut self, sequence: u64, outcome: Outcome) -> Vec<(u64, Option<Form>)> {
        let known = match outcome {
            Outcome::Served => Known::Good,
            Outcome::InVain(form) => Known::Bad(form),
            Outcome::Void => Known::Void,
        };
        let Some(index) = sequence.checked_sub(self.first) else { return Vec::new() };
        if let Some(slot) = self.known.get_mut(usize::try_from(index).expect("some thousands")) {
            slot.1 = known;
        }
        self.heard += 1.0;
        let mut news = Vec::new();
        while let Some(known) = self.at(self.counted).filter(|&known| known != Known::Pending) {
            let form = match known {
                Known::Good => None,
                Known::Bad(form) => Some(form),
                _ => {
                    self.counted += 1;
                    continue;
                }
            };
            news.push((self.counted, form));
            self.counted += 1;
            if self.was_good {
                self.all += 1.0;
                match form {
                    Some(form) if form.is_often_chance() => self.bad += 1.0,
                    Some(_) => self.seldom += 1.0,
                    None => {}
                }
                if self.all > FADES_AFTER {
                    self.all *= 0.5;
                    self.bad *= 0.5;
                    self.seldom *= 0.5;
                }
            }
            self.was_good = form.is_none();
        }
        news
    }

    fn at(&self, sequence: u64) -> Option<Known> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.known.get(index).map(|&(_, known)| known)
    }

    /// The share of requests that fail by chance.
    pub(super) fn share(&self) -> f64 {
        (self.bad / self.all).min(0.6)
    }

    /// What that share may well be.
    pub(super) fn share_at_most(&self) -> f64 {
        ((self.bad + self.bad.sqrt() + 0.5) / self.all).min(0.6)
    }

    /// One that had been taken for a failure was none.
    pub(super) fn revoke(&mut self) {
        self.bad = (self.bad - 1.0).max(PRIOR.0.min(self.bad));
    }

    /// The first failure of a row was a limit's, and is not counted for chance.
    pub(super) fn uncount(&mut self) {
        self.bad = (self.bad - 1.0).max(PRIOR.0.min(self.bad));
        self.seldom = (self.seldom - 1.0).max(PRIOR.0.min(self.seldom));
        self.all = (self.all - 1.0).max(PRIOR.1);
    }

    /// How many rows of failures as this one, which began there and ended before that, chance makes among so many requests;
    /// so many probes were in vain as well.
    pub(super) fn by_chance(
        &self,
        form: Form,
        (onset, until): (u64, u64),
        probes: u32,
        requests: f64,
        proved: Proved,
    ) -> f64 {
        let weights = self.weights(self.share_at_most(), proved)[form.index()];
        let (mut sum, mut most) = (0.0_f64, 0.0_f64);
        for sequence in onset.max(self.first)..until {
            match self.at(sequence) {
                Some(Known::Bad(how)) if how == form => sum += weights.bad,
                Some(Known::Good) => sum += weights.good,
                _ => {}
            }
            most = most.max(sum);
        }
        requests.max(10.0) * (-most - weights.bad * f64::from(probes)).exp()
    }

    /// What one failure and one success say, for a limit of each form: the other forms are chance, and say nothing.
    fn weights(&self, often: f64, proved: Proved) -> [Weights; Form::COUNT] {
        let seldom = self.seldom / self.all;
        Form::ALL.map(|form| {
            let others = if form.is_often_chance() { seldom } else { often };
            let share = (form.share(often, seldom, proved) / (1.0 - others.min(0.6))).min(0.75);
            Weights { bad: (FAILING / share).ln(), good: ((1.0 - FAILING) / (1.0 - share)).ln() }
        })
    }

    /// The first of a row of failures that is none of chance, and of which form. Refusals are faster than answers: what was
    /// sent after `since` and has not been answered may still be, and nothing behind it is looked at.
    pub(super) fn onset(&mut self, since: Seconds, proved: Proved) -> Option<(u64, Form)> {
        self.is_open = false;
        let weights = self.weights(self.share(), proved);
        let enough = CERTAIN + (1.0 + self.heard / CERTAIN_FOR).ln();
        let mut rows = [(0.0_f64, None); Form::COUNT];
        let skipped = usize::try_from(self.since.saturating_sub(self.first)).expect("some thousands");
        for (index, (at, known)) in self.known.iter().enumerate().skip(skipped) {
            match known {
                Known::Bad(form) => {
                    let (sum, onset) = &mut rows[form.index()];
                    let onset = *onset.get_or_insert(self.first + index as u64);
                    *sum += weights[form.index()].bad;
                    if *sum > enough {
                        return Some((onset, *form));
                    }
                }
                Known::Good => {
                    for ((sum, onset), weights) in rows.iter_mut().zip(weights) {
                        *sum += weights.good;
                        if *sum <= 0.0 {
                            (*sum, *onset) = (0.0, None);
                        }
                    }
                }
                Known::Pending if *at > since => {
                    self.is_open = true;
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Rows of failures that began before this belong to another pace.
    pub(super) fn judge_from(&mut self, sequence: u64) {
        self.since = sequence;
    }

    /// What was sent before this says nothing any more.
    pub(super) fn begin_anew(&mut self, sequence: u64) {
        self.since = sequence;
        self.counted = self.counted.max(sequence);
        self.was_good = true;
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::Form;
    use super::{Evidence, Outcome};

    const PROVED: [f64; Form::COUNT] = [0.01, 0.01, 0.03, 0.03];

    /// Requests a millisecond apart, each of which ends as told: `true` is a failure.
    fn told(ends: impl Iterator<Item = bool>) -> Evidence {
        let mut evidence = Evidence::new();
        for (at, is_bad) in ends.enumerate() {
            evidence.sent(at as f64 * 0.001);
            let outcome = if is_bad { Outcome::InVain(Form::Broken) } else { Outcome::Served };
            evidence.note(at as u64, outcome);
        }
        evidence
    }

    #[test]
    fn every_fifth_failure_is_chance() {
        let mut evidence = told((0..500).map(|at| at % 5 == 0));
        assert_eq!(evidence.onset(f64::INFINITY, PROVED), None);
        assert!((evidence.share() - 0.25).abs() < 0.02, "one in four after a success: {}", evidence.share());
    }

    #[test]
    fn a_row_of_failures_is_none_of_chance() {
        let mut evidence = told((0..120).map(|at| at >= 100));
        assert_eq!(evidence.onset(f64::INFINITY, PROVED), Some((100, Form::Broken)));
    }

    #[test]
    fn nothing_behind_a_request_that_may_still_be_answered_is_looked_at() {
        let mut evidence = Evidence::new();
        for at in 0..20_u32 {
            evidence.sent(f64::from(at) * 0.001);
        }
        for at in 1..20 {
            evidence.note(at, Outcome::InVain(Form::Throttled));
        }
        assert_eq!(evidence.onset(-1.0, PROVED), None);
        assert!(evidence.is_open);
        assert_eq!(evidence.onset(1.0, PROVED), Some((1, Form::Throttled)), "it has had its time");
    }
}
