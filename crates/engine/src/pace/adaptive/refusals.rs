//! Whether a refusal shows a limit on the rate, or would have come at any pace.
//!
//! A host that counts requests refuses several in a row, and next to none below its limit. Random refusals come one here
//! and one there. So consecutive refusals are evidence of a limit if they are improbable for a host that randomly refuses
//! the share that this one has refused so far. What that does not decide is tested at twice the rate: a limit that has
//! just refused then refuses every second request, and a random refuser refuses the same share as before. The number of
//! responses that this takes is decided as they arrive (Wald's sequential probability ratio test, 1945): two or three
//! refusals, or some ten responses without one. Half the rate would be more polite, but there the two differ so little
//! that fifty slow responses are needed, and one test in ten errs.
//!
//! A *run* is a sequence of consecutive refusals: however many requests were in flight, they make one run.

/// A run begins a rate if it is less probable than this: three refusals of a host of which little is known. Two are not
/// enough, for a host that refuses one request in twenty refuses two in a row before it has served a few hundred ...
const TO_BEGIN: f64 = 0.0001;
/// ... and lowers a rate that has begun if it is less probable than this ...
const TO_MOVE: f64 = 0.03;
/// ... or than this where a test has shown random refusals before.
const TO_DOUBT_CHANCE: f64 = 0.0003;
/// A host with at least this many runs refuses regularly.
const REGULAR_RUNS: f64 = 2.0;
/// With this many runs a test is due: a window that is only a little too wide causes such refusals for ever.
const PERSISTENT_RUNS: f64 = 8.0;
/// The prior: this many responses, of which this many were refusals.
const PRESUMED_ANSWERS: f64 = 16.0;
const PRESUMED_REFUSALS: f64 = 0.5;
/// Responses that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;
/// The share that a host refuses at twice its limit, or a little less than that.
const SHARE_ABOVE_LIMIT: f64 = 0.4;
/// The log-likelihood ratio at which a test is decided, either way: one test in fifty errs.
const DECIDED: f64 = 4.0;
/// A host that refuses more than this is asked too fast, whatever a test has shown.
const OWN_SHARE_MAX: f64 = 0.25;
/// Weight of the newest response in the recent share of refusals ...
const RECENT_WEIGHT: f64 = 1.0 / 32.0;
/// ... and in the newest share.
const NEWEST_WEIGHT: f64 = 1.0 / 8.0;
/// A newest share above this is no chance: a limit has fallen.
const LUCK_MAX: f64 = 0.4;
/// A newest share above this takes more than one slot less: two of the newest four, or one in seven all the time.
const RARE_MAX: f64 = 0.2;
/// The least random share that a test assumes, or it would never end.
const OWN_SHARE_MIN: f64 = 0.03;
/// The pace may cause refusals again when their share exceeds the host's own by this factor ...
const EXCESS_FACTOR: f64 = 1.5;
/// ... and this much more.
const EXCESS: f64 = 0.03;
/// Responses from a test that showed a limit to the next test ...
const RETEST_ANSWERS: f64 = 96.0;
/// ... and the growth of that number from test to test.
const RETEST_GROWTH: f64 = 2.0;

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The rate was above a limit of the host.
    Limit,
    /// It would have come at any pace.
    Random,
    /// Either.
    Doubtful,
    /// It has decided a test, and the rate follows from that.
    Settled,
}

/// What a test has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Limit,
    Random,
}

/// Tells limits from random refusals.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    answers: f64,
    runs: f64,
    in_a_row: u32,
    /// The share of refusals among some dozens of responses, 0 to 1.
    recent_share: f64,
    /// The same among some eight responses.
    newest_share: f64,
    /// The share that a test has shown not to depend on the pace.
    own_share: Option<f64>,
    test: Option<Test>,
    answers_to_test: f64,
    retest_answers: f64,
}

/// A test in progress.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// The share of refusals before the test.
    share: f64,
    /// The log-likelihood ratio of a limit to random refusals.
    for_limit: f64,
}

impl Test {
    fn note(&mut self, is_refused: bool) -> Option<Finding> {
        let of = |share: f64| if is_refused { share } else { 1.0 - share };
        self.for_limit += (of(SHARE_ABOVE_LIMIT) / of(self.share)).ln();
        if self.for_limit >= DECIDED {
            Some(Finding::Limit)
        } else if self.for_limit <= -DECIDED {
            Some(Finding::Random)
        } else {
            None
        }
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            answers: 0.0,
            runs: 0.0,
            in_a_row: 0,
            recent_share: 0.0,
            newest_share: 0.0,
            own_share: None,
            test: None,
            answers_to_test: 0.0,
            retest_answers: RETEST_ANSWERS,
        }
    }

    /// A request was not refused. `is_new` says that it was sent after the last change of the rate.
    pub(super) fn other(&mut self, is_new: bool) -> Option<Finding> {
        self.in_a_row = 0;
        self.recent_share -= RECENT_WEIGHT * self.recent_share;
        self.newest_share -= NEWEST_WEIGHT * self.newest_share;
        self.count(0.0);
        self.try_out(is_new, false)
    }

    /// A request was refused. `is_apart` says that it was sent after the last burst of refusals had begun to arrive, so that
    /// it is not one of those.
    pub(super) fn refused(&mut self, is_new: bool, is_apart: bool) -> Option<Finding> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.recent_share += RECENT_WEIGHT * (1.0 - self.recent_share);
        self.newest_share += NEWEST_WEIGHT * (1.0 - self.newest_share);
        if is_apart {
            self.count(if self.in_a_row == 1 { 1.0 } else { 0.0 });
        }
        self.try_out(is_new, true)
    }

    fn count(&mut self, runs: f64) {
        if self.answers >= ANSWERS_MAX {
            self.answers /= 2.0;
            self.runs /= 2.0;
        }
        self.answers += 1.0;
        self.runs += runs;
        self.answers_to_test -= 1.0;
    }

    fn try_out(&mut self, is_new: bool, is_refused: bool) -> Option<Finding> {
        let test = self.test.as_mut().filter(|_| is_new)?;
        let finding = test.note(is_refused)?;
        match finding {
            Finding::Random => {
                self.own_share = Some(test.share);
                self.test = None;
                self.retest_answers = RETEST_ANSWERS;
                self.answers_to_test = 0.0;
            }
            Finding::Limit => self.found_limit(),
        }
        Some(finding)
    }

    fn found_limit(&mut self) {
        self.test = None;
        self.own_share = None;
        self.runs = 0.0;
        self.answers_to_test = self.retest_answers;
        self.retest_answers *= RETEST_GROWTH;
    }

    /// The share of refusals, the present run not counted.
    fn share(&self) -> f64 {
        (((self.runs - 1.0).max(0.0) + PRESUMED_REFUSALS) / (self.answers + PRESUMED_ANSWERS)).min(1.0)
    }

    /// What the last refusal means. `has_rate` says whether the host is known to count requests.
    pub(super) fn reading(&mut self, has_rate: bool) -> Reading {
        let run = f64::from(self.in_a_row);
        if self.test.is_some() {
            return Reading::Random;
        }
        // Whatever tests have shown: a host that refuses this much is asked too fast.
        if !has_rate && self.recent_share > OWN_SHARE_MAX {
            self.own_share = None;
            return Reading::Limit;
        }
        if !has_rate && self.own_share.is_none() && self.is_regular() && !self.may_be_chance() {
            return Reading::Limit;
        }
        if let Some(own_share) = self.own_share {
            if self.share() > EXCESS_FACTOR * own_share + EXCESS {
                self.own_share = None;
                return Reading::Doubtful;
            }
            if self.share().max(own_share).powf(run) >= TO_DOUBT_CHANCE {
                return Reading::Random;
            }
            self.own_share = None;
            return Reading::Limit;
        }
        if has_rate && !self.is_regular()
            || self.share().powf(run) < if has_rate { TO_MOVE } else { TO_BEGIN }
        {
            Reading::Limit
        } else {
            Reading::Doubtful
        }
    }

    /// Whether a test is in progress.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// A pause begins: responses after it say nothing about the rate.
    pub(super) fn abandon_test(&mut self) {
        self.test = None;
    }

    /// Whether the host refuses regularly.
    pub(super) fn is_regular(&self) -> bool {
        self.runs >= REGULAR_RUNS
    }

    /// Whether the host has refused so often that a test is due.
    pub(super) fn is_persistent(&self) -> bool {
        self.runs >= PERSISTENT_RUNS
    }

    /// Whether the host refuses regularly, but rarely.
    pub(super) fn is_rare(&self) -> bool {
        self.is_regular() && self.newest_share <= RARE_MAX
    }

    /// Whether the host has refused randomly before, or may have, and may do so now.
    pub(super) fn is_chance_possible(&self) -> bool {
        (self.own_share.is_some() || self.is_regular()) && self.may_be_chance()
    }

    /// Whether refusals are so rare that they may be random.
    pub(super) fn may_be_chance(&self) -> bool {
        self.newest_share <= LUCK_MAX
    }

    /// Begins a test: the rate is doubled from now on. Returns false if no test is due.
    pub(super) fn begin_test(&mut self) -> bool {
        let is_time = self.answers_to_test <= 0.0;
        if is_time {
            self.begin_test_at_once();
        }
        is_time
    }

    /// Begins a test, due or not.
    pub(super) fn begin_test_at_once(&mut self) {
        let share = self.share().clamp(OWN_SHARE_MIN, OWN_SHARE_MAX);
        self.test = Some(Test { share, for_limit: 0.0 });
    }
}
