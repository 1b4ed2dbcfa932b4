//! Whether a host breaks answers because it is asked too fast, or breaks a share of them whatever the pace.
//!
//! The two look alike from answer to answer, and the wrong guess is costly: slowing down for chance keeps the window at
//! its floor for ever, and not slowing down for a limit has the host refuse most of what it is sent. So it is put to the
//! test. When failures have brought the window to its floor, it is held there for a while, and the share of broken
//! answers is compared with the share before. If slowing down has not brought it down by much, it does not help: that
//! share is the host's own, and only a share well above it is the pace's doing again. If it has helped, the host has a
//! limit; the test is made again much later, and each time later still, because limits and hosts change.

/// Weight of the newest answer in the share of broken answers.
const SHARE_WEIGHT: f64 = 1.0 / 32.0;
/// Answers of one test: with a tenth of them broken by chance, one test in six is misled, and a later one puts it right.
pub(super) const TEST_ANSWERS: u32 = 64;
/// Slowing down has helped if the share of broken answers at the floor is below this part of what it was before.
const HELPED_BELOW: f64 = 0.5;
/// A host that breaks more than this at the floor is out of order, and nothing about its habits can be learned.
const OWN_SHARE_MAX: f64 = 0.5;
/// The host's own share is put in doubt when so small a part of it is seen: whatever broke the answers has been mended.
const OWN_SHARE_DOUBT: f64 = 0.25;
/// Broken answers are the pace's doing again when their share is so much above the host's own: this factor ...
const EXCESS_FACTOR: f64 = 1.5;
/// ... and this much more.
const EXCESS: f64 = 0.05;
/// Answers after a test that showed a limit, or nothing, until the next one; each further one waits twice as long.
const PATIENCE_ANSWERS: u32 = 256;

/// A row of failures is no chance if its probability, as the host is known, is below this.
const ROW_PROBABILITY_MAX: f64 = 1e-4;
/// ... and below this where the consequence is a pause of minutes: by chance that comes once
/// in a hundred million answers, and a list may have as many.
const ROW_PROBABILITY_LONG_MAX: f64 = 1e-8;
/// So many answers make a host known well enough to say that it fails a URL by chance ...
const KNOWN_ANSWERS_MIN: f64 = 32.0;
/// ... if so many failures in a row of one URL are not less probable than this.
const URL_PROBABILITY_MIN: f64 = 1e-3;
/// What is presumed of a host before it is known: so many answers, of which so many were broken.
const PRESUMED_ANSWERS: f64 = 8.0;
const PRESUMED_BROKEN: f64 = 1.0;
/// Answers that count in that: older ones fade.
const KNOWN_ANSWERS_MAX: f64 = 256.0;

/// What is known of the answers that a host breaks.
#[derive(Debug, Clone)]
pub(super) struct RandomFailureTest {
    /// The share of broken answers lately, 0 to 1.
    share: f64,
    /// The share that has been shown not to depend on the pace.
    own_share: Option<f64>,
    test: Option<Test>,
    /// All answers so far, fading, and those of them that were broken.
    known_answers: f64,
    known_broken: f64,
    /// Answers until a test may be made.
    answers_to_test: u32,
    patience_answers: u32,
}

/// A test under way.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// Answers to requests before this one belong to the time above the floor.
    sequence: u64,
    share_before: f64,
    answers: u32,
    broken: u32,
}

impl RandomFailureTest {
    pub(super) fn new() -> Self {
        Self {
            share: 0.0,
            own_share: None,
            test: None,
            known_answers: 0.0,
            known_broken: 0.0,
            answers_to_test: 0,
            patience_answers: PATIENCE_ANSWERS,
        }
    }

    /// Takes in the answer to the request of this sequence number. True if that ended a test and has shown that slowing
    /// down does not help.
    pub(super) fn note(&mut self, sequence: u64, is_broken: bool) -> bool {
        let target = if is_broken { 1.0 } else { 0.0 };
        self.share += SHARE_WEIGHT * (target - self.share);
        if self.known_answers >= KNOWN_ANSWERS_MAX {
            self.known_answers /= 2.0;
            self.known_broken /= 2.0;
        }
        self.known_answers += 1.0;
        self.known_broken += target;
        self.own_share = self.own_share.filter(|own| self.share >= OWN_SHARE_DOUBT * own);
        self.answers_to_test = self.answers_to_test.saturating_sub(1);
        let Some(test) = self.test.as_mut().filter(|test| sequence >= test.sequence) else { return false };
        test.answers += 1;
        test.broken += u32::from(is_broken);
        if test.answers < TEST_ANSWERS {
            return false;
        }
        let share_at_floor = f64::from(test.broken) / f64::from(test.answers);
        let is_own = test.broken > 0
            && share_at_floor >= HELPED_BELOW * test.share_before
            && share_at_floor <= OWN_SHARE_MAX;
        self.test = None;
        if is_own {
            self.own_share = Some(share_at_floor);
            self.share = share_at_floor;
        } else {
            self.own_share = None;
            self.answers_to_test = self.patience_answers;
            self.patience_answers = self.patience_answers.saturating_mul(2);
        }
        is_own
    }

    /// A refusal breaks nothing, but it is one more in a row of failures.
    pub(super) fn note_refused(&mut self) {
        self.known_answers += 1.0;
        self.known_broken += 1.0;
    }

    /// Whether what is broken lately is no more than the host breaks anyway.
    pub(super) fn explains(&self) -> bool {
        self.own_share.is_some_and(|own| self.share <= EXCESS_FACTOR * own + EXCESS)
    }

    /// The window has come to its floor, and the next request has this sequence number: a test begins, if it is time.
    pub(super) fn came_to_floor(&mut self, next_sequence: u64) {
        if self.test.is_none() && self.answers_to_test == 0 {
            self.test =
                Some(Test { sequence: next_sequence, share_before: self.share, answers: 0, broken: 0 });
        }
    }

    /// Whether the window is to be held where it is.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// Whether the host fails so often anyway that so many failures of one URL say nothing about that URL.
    pub(super) fn explains_url(&self, failures: u32) -> bool {
        let share = self.known_broken / self.known_answers.max(KNOWN_ANSWERS_MIN);
        self.known_answers >= KNOWN_ANSWERS_MIN
            && share <= OWN_SHARE_MAX
            && share.powf(f64::from(failures)) >= URL_PROBABILITY_MIN
    }

    /// Whether so many failures in a row, the last ones noted, are more than the host's usual failures would make.
    pub(super) fn is_beyond_chance(&self, in_a_row: u32, is_long: bool) -> bool {
        let row = f64::from(in_a_row);
        let answers = (self.known_answers - row).max(0.0) + PRESUMED_ANSWERS;
        let broken = (self.known_broken - row).max(0.0) + PRESUMED_BROKEN;
        let limit = if is_long { ROW_PROBABILITY_LONG_MAX } else { ROW_PROBABILITY_MAX };
        (broken / answers).powf(row) < limit
    }
}
