//! Single failures among successes: chance, or a limit that is only just met?
//!
//! A limit that is slightly exceeded refuses one in ten, evenly, and so does a host that fails by chance. They differ in what
//! happens at the pace that was let in: there the limit refuses nobody. So where failures are more than is known of chance,
//! and enough to matter, the pace becomes what was let in, and a sequential test (Wald, 1945) decides between the share that
//! was seen and next to none. Chance that has been proved is remembered, and only more than that is looked at again.

use super::signal::{Form, Proved};

/// Prior: chance that needs no proof, for each form: refusals are seldom accidents, breaks often.
const BY_CHANCE: [f64; Form::COUNT] = [0.01, 0.01, 0.03, 0.03];
/// Courtesy, and what is worth a test: so much more than chance, for each form.
const MATTERS: [f64; Form::COUNT] = [0.02, 0.03, 0.15, 0.15];
/// The evidence that decides, in natural logarithms.
const CERTAIN: f64 = 3.5;
/// At the pace that it lets in, a limit refuses at most this part of what it refused.
const LEFT: f64 = 0.1;
/// A share of fewer requests means little.
const SAMPLE: f64 = 20.0;
/// Failures that are improbable to this degree are looked at.
const IMPROBABLE: f64 = 0.005;
/// What is known to be chance is more, for it is not known exactly.
const INEXACT: f64 = 1.3;

#[derive(Debug, Clone, Copy)]
struct Test {
    form: Form,
    share: f64,
    sum: f64,
    /// It has failed at least once at the pace of the test.
    has_failed: bool,
    /// The pace was raised from this, while nothing failed.
    raised_from: Option<f64>,
    /// It failed after that: back to it.
    is_too_high: bool,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailurePattern {
    RandomFailureTest(Form),
    Limit,
}

#[derive(Debug, Clone)]
pub(super) struct RandomFailureTest {
    known: [f64; Form::COUNT],
    all: f64,
    failed: [f64; Form::COUNT],
    test: Option<Test>,
    tested_share: f64,
    /// What was sent before says nothing.
    since: u64,
}

impl RandomFailureTest {
    pub(super) fn new() -> Self {
        Self {
            known: BY_CHANCE,
            all: 0.0,
            failed: [0.0; Form::COUNT],
            test: None,
            tested_share: 0.0,
            since: 0,
        }
    }

    /// The pace has changed.
    pub(super) fn begin_anew(&mut self, sequence: u64) {
        self.since = sequence;
        self.all = 0.0;
        self.failed = [0.0; Form::COUNT];
    }

    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    pub(super) fn abandon(&mut self) {
        self.test = None;
    }

    /// The shares that are known to be chance.
    pub(super) const fn proved(&self) -> Proved {
        self.known
    }

    /// The share of this form that is known to be chance.
    pub(super) fn known(&self, form: Form) -> f64 {
        self.known[form.index()]
    }

    /// What was let in is the pace from this request on.
    pub(super) fn test(&mut self, form: Form, share: f64, sequence: u64) {
        self.test = Some(Test {
            form,
            share: share.clamp(0.02, 0.9),
            sum: 0.0,
            has_failed: false,
            raised_from: None,
            is_too_high: false,
        });
        self.begin_anew(sequence);
    }

    /// A row of failures of this form was none of chance: what is known of chance may have been a limit's, too.
    pub(super) fn doubt_known(&mut self, form: Form) {
        let known = &mut self.known[form.index()];
        *known = (*known * 0.5).max(BY_CHANCE[form.index()]);
    }

    /// Whether failures of this form have been shown to be chance.
    pub(super) fn is_known(&self, form: Form) -> bool {
        self.known(form) > BY_CHANCE[form.index()]
    }

    /// The share of failures of this form since the pace changed.
    pub(super) fn share(&self, form: Form) -> f64 {
        self.failed[form.index()] / self.all.max(1.0)
    }

    /// The same, with less trust in few requests.
    pub(super) fn share_at_least(&self, form: Form) -> f64 {
        (self.failed[form.index()] + 0.5) / (self.all + 10.0)
    }

    /// Whether something has failed in the test that is made: the pace is not raised any more.
    pub(super) fn has_failed(&self) -> bool {
        self.test.is_some_and(|test| test.has_failed)
    }

    /// The share that the last test was about.
    pub(super) fn tested_share(&self) -> f64 {
        self.tested_share
    }

    /// Failures of this form are chance.
    pub(super) fn prove(&mut self, form: Form, share: f64) {
        let known = &mut self.known[form.index()];
        *known = known.max((INEXACT * share).min(if form.is_often_chance() { 0.6 } else { 0.5 }));
    }

    /// The pace was raised from this, as nothing had failed.
    pub(super) fn raised(&mut self, from: f64) {
        if let Some(test) = &mut self.test {
            test.raised_from = Some(from);
        }
    }

    /// Whether that was too much: the pace to go back to.
    pub(super) fn step_back(&mut self, sequence: u64) -> Option<f64> {
        let test = self.test.as_mut().filter(|test| test.is_too_high)?;
        test.is_too_high = false;
        self.since = sequence;
        test.raised_from.take()
    }

    /// One that had been taken for a failure was none.
    pub(super) fn revoke(&mut self, form: Form) {
        let failed = &mut self.failed[form.index()];
        *failed = (*failed - 1.0).max(0.0);
        if let Some(test) = self.test.as_mut().filter(|test| test.form == form) {
            test.sum -= (1.0 / LEFT).ln();
        }
    }

    /// One was in vain, or served.
    pub(super) fn note(&mut self, sequence: u64, failed: Option<Form>) -> Option<FailurePattern> {
        if sequence < self.since {
            return None;
        }
        self.all += 1.0;
        if let Some(form) = failed {
            self.failed[form.index()] += 1.0;
        }
        if self.all > 400.0 {
            self.all *= 0.5;
            self.failed.iter_mut().for_each(|failed| *failed *= 0.5);
        }
        let test = self.test.as_mut()?;
        let left = test.share * LEFT;
        match failed {
            Some(form) if form == test.form => {
                test.has_failed = true;
                if test.raised_from.is_some() {
                    test.is_too_high = true;
                } else {
                    test.sum += (test.share / left).ln();
                }
            }
            Some(_) => {}
            None => test.sum += ((1.0 - test.share) / (1.0 - left)).ln(),
        }
        if test.sum > CERTAIN {
            let Test { form, share, .. } = *test;
            (self.test, self.tested_share) = (None, share);
            Some(FailurePattern::RandomFailureTest(form))
        } else if test.sum < -CERTAIN {
            self.test = None;
            Some(FailurePattern::Limit)
        } else {
            None
        }
    }

    /// Whether there are more failures of this form than chance makes probable.
    pub(super) fn is_improbable(&self, form: Form, is_limited: bool) -> bool {
        let by_chance = self.known(form);
        let failed = self.failed[form.index()];
        if is_limited {
            // A host that is known to count is believed sooner.
            let expected = 0.02 + self.all * by_chance;
            return failed >= 1.0 && tail(failed, expected) < 10.0 * IMPROBABLE;
        }
        failed >= 3.0
            && self.all >= SAMPLE
            && failed / self.all > by_chance + MATTERS[form.index()]
            && tail(failed, self.all * by_chance) < IMPROBABLE
    }
}

/// The probability of so many or more where so many are expected (Poisson).
fn tail(count: f64, expected: f64) -> f64 {
    let (mut term, mut below, mut k) = ((-expected).exp(), 0.0, 0.0);
    while k < count {
        below += term;
        k += 1.0;
        term *= expected / k;
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::signal::Form;
    use super::{FailurePattern, RandomFailureTest, tail};

    fn tested(is_bad: impl Fn(u64) -> bool) -> Option<FailurePattern> {
        let mut chance = RandomFailureTest::new();
        chance.test(Form::Broken, 0.2, 0);
        (0..200).find_map(|at| chance.note(at, is_bad(at).then_some(Form::Broken)))
    }

    #[test]
    fn what_goes_on_at_the_pace_that_was_let_in_is_chance() {
        assert_eq!(tested(|at| at % 5 == 0), Some(FailurePattern::RandomFailureTest(Form::Broken)));
    }

    #[test]
    fn what_ends_at_the_pace_that_was_let_in_was_a_limit() {
        assert_eq!(tested(|_| false), Some(FailurePattern::Limit));
    }

    #[test]
    fn the_tail_of_a_poisson_distribution() {
        assert!((tail(0.0, 3.0) - 1.0).abs() < 1e-12);
        assert!((tail(1.0, 2.0) - (1.0 - (-2.0_f64).exp())).abs() < 1e-12);
        assert!(tail(10.0, 1.0) < 1e-6);
    }
}
