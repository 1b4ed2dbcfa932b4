//! Whether a host breaks responses because of the pace, or breaks a share of them at any pace.
//!
//! The two look alike from response to response, and the wrong guess is costly: slowing down because of random failures
//! keeps the window at its floor for ever, and not slowing down for a limit makes the host refuse most requests. So this
//! tests it: when failures have brought the window to its floor, the window is held there for a while, and the share of
//! broken responses is compared with the share before. If the share is not much lower, slowing down does not help: that
//! share is the host's own, and only a share well above it is caused by the pace. If it is much lower, the host has a
//! limit. The test is repeated much later, and each time later still, because hosts change.

/// Weight of the newest response in the share of broken responses.
const SHARE_WEIGHT: f64 = 1.0 / 32.0;
/// Responses in one test: where a tenth is broken by chance, one test in six errs, and a later one corrects it.
pub(super) const TEST_ANSWERS: u32 = 64;
/// Slowing down has helped if the share of broken responses at the floor is below this part of the share before.
const HELPED_BELOW: f64 = 0.5;
/// A host that breaks more than this at the floor is out of order: nothing can be learned from that.
const OWN_SHARE_MAX: f64 = 0.5;
/// The host's own share is forgotten when so small a part of it is seen: the cause has gone.
const OWN_SHARE_DOUBT: f64 = 0.25;
/// The pace breaks responses again when their share exceeds the host's own by this factor ...
const EXCESS_FACTOR: f64 = 1.5;
/// ... and this much more.
const EXCESS: f64 = 0.05;
/// Responses from a test that showed a limit, or nothing, to the next test; each further one waits twice as long.
const RETEST_ANSWERS: u32 = 256;

/// Consecutive failures are not random if their probability, as the host is known, is below this ...
const ROW_PROBABILITY_MAX: f64 = 1e-4;
/// ... or below this where the consequence is a pause of minutes: by chance that happens once in a hundred million
/// responses, and a list may have as many.
const ROW_PROBABILITY_LONG_MAX: f64 = 1e-8;
/// After this many responses a host is known well enough to say that it fails a URL by chance ...
const KNOWN_ANSWERS_MIN: f64 = 32.0;
/// ... if consecutive failures of one URL are not less probable than this.
const URL_PROBABILITY_MIN: f64 = 1e-3;
/// The prior: this many responses, of which this many were broken.
const PRESUMED_ANSWERS: f64 = 8.0;
const PRESUMED_BROKEN: f64 = 1.0;
/// Responses that count: older ones fade.
const KNOWN_ANSWERS_MAX: f64 = 256.0;

/// What is known of the responses that a host breaks.
#[derive(Debug, Clone)]
pub(super) struct RandomFailureTest {
    /// The recent share of broken responses, 0 to 1.
    share: f64,
    /// The share that a test has shown not to depend on the pace.
    own_share: Option<f64>,
    test: Option<Test>,
    /// All responses so far, fading, and those of them that were broken.
    known_answers: f64,
    known_broken: f64,
    /// Responses until the next test may begin.
    answers_to_test: u32,
    retest_answers: u32,
}

/// A test in progress.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// Requests before this one were sent before the window was at its floor.
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
            retest_answers: RETEST_ANSWERS,
        }
    }

    /// Takes the end of the request with this sequence number. Returns true if that ended a test which showed that slowing
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
            self.answers_to_test = self.retest_answers;
            self.retest_answers = self.retest_answers.saturating_mul(2);
        }
        is_own
    }

    /// A refusal breaks nothing, but it is one more consecutive failure.
    pub(super) fn note_refused(&mut self) {
        self.known_answers += 1.0;
        self.known_broken += 1.0;
    }

    /// Whether the recent failures are no more than the host's own share.
    pub(super) fn explains(&self) -> bool {
        self.own_share.is_some_and(|own| self.share <= EXCESS_FACTOR * own + EXCESS)
    }

    /// The window has reached its floor, and the next request has this sequence number: a test begins, if one is due.
    pub(super) fn came_to_floor(&mut self, next_sequence: u64) {
        if self.test.is_none() && self.answers_to_test == 0 {
            self.test =
                Some(Test { sequence: next_sequence, share_before: self.share, answers: 0, broken: 0 });
        }
    }

    /// Whether a test holds the window at its floor.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// Whether the host fails so often at any pace that this many failures of one URL say nothing about the URL.
    pub(super) fn explains_url(&self, failures: u32) -> bool {
        let share = self.known_broken / self.known_answers.max(KNOWN_ANSWERS_MIN);
        self.known_answers >= KNOWN_ANSWERS_MIN
            && share <= OWN_SHARE_MAX
            && share.powf(f64::from(failures)) >= URL_PROBABILITY_MIN
    }

    /// Whether the last `in_a_row` consecutive failures are more than the host's random failures explain. `is_long` asks for
    /// the certainty that a pause of minutes needs.
    pub(super) fn is_beyond_chance(&self, in_a_row: u32, is_long: bool) -> bool {
        let row = f64::from(in_a_row);
        let answers = (self.known_answers - row).max(0.0) + PRESUMED_ANSWERS;
        let broken = (self.known_broken - row).max(0.0) + PRESUMED_BROKEN;
        let limit = if is_long { ROW_PROBABILITY_LONG_MAX } else { ROW_PROBABILITY_MAX };
        (broken / answers).powf(row) < limit
    }
}
