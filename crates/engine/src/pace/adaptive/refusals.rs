//! Whether a refusal shows that a host counts requests, or is one of those that it makes whatever the pace.
//!
//! A host that counts refuses in rows, and next to nothing while it is asked less than it takes. One that refuses by
//! chance refuses one here and one there. So a row of refusals is evidence of a limit if it is improbable for a host
//! that refuses as large a share by chance as this one has refused so far. What is not decided by that is put to the
//! test, at twice the rate: a limit that has just refused then refuses every second request, and chance refuses the
//! same share as before. How many answers that takes is decided while they come (Wald's sequential test of the ratio
//! of probabilities, 1945): two or three refusals, or some ten answers without one. Half the rate would be politer, but
//! there the two differ so little that fifty slow answers are needed, and one time in ten they mislead.

/// A row begins a rate if it is less probable than this: three refusals in a row of a host of which little is known. Two are
/// not enough, for a host that refuses one in twenty does so twice in a row before it has served a few hundred ...
const TO_BEGIN: f64 = 0.0001;
/// ... and moves a rate that has begun if it is less probable than this ...
const TO_MOVE: f64 = 0.03;
/// ... or than this, where chance has been shown before.
const TO_DOUBT_CHANCE: f64 = 0.0003;
/// Fewer rows than this are no habit of the host.
const HABIT_ROWS: f64 = 2.0;
/// With so many it is time to find out what they mean: a window that is only just too wide is refused for ever so.
const PERSISTENT_ROWS: f64 = 8.0;
/// What is presumed of a host before it is known: so many answers, of which so many were refusals.
const PRESUMED_ANSWERS: f64 = 16.0;
const PRESUMED_REFUSALS: f64 = 0.5;
/// Answers that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;
/// The share that a host refuses at twice the rate that it bears, or a little more.
const SHARE_ABOVE_LIMIT: f64 = 0.4;
/// The logarithm of the ratio of probabilities at which a test is decided, for either side: one in fifty is misled.
const DECIDED: f64 = 4.0;
/// A host that refuses more than this by chance is out of order, and is slowed down for.
const OWN_SHARE_MAX: f64 = 0.25;
/// Weight of the newest answer in the share of refusals lately ...
const RECENT_WEIGHT: f64 = 1.0 / 32.0;
/// ... and just now.
const NEWEST_WEIGHT: f64 = 1.0 / 8.0;
/// A host that refuses more than this just now has a limit that has fallen, and no bad luck.
const LUCK_MAX: f64 = 0.4;
/// Where more than this are refused just now, one place less would not be enough: two of the newest four, or one in seven
/// all the time.
const NOW_AND_THEN_MAX: f64 = 0.2;
/// No host is believed to refuse so little by chance that a test would never end.
const OWN_SHARE_MIN: f64 = 0.03;
/// Refusals may be the pace's doing again when their share is so much above the host's own: this factor ...
const EXCESS_FACTOR: f64 = 1.5;
/// ... and this much more.
const EXCESS: f64 = 0.03;
/// Answers after a test that showed a limit, until the next one ...
const PATIENCE_ANSWERS: f64 = 96.0;
/// ... and each further one waits so many times longer.
const PATIENCE_GROWTH: f64 = 2.0;

/// What a refusal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The host counts, and was asked for more than it takes.
    Limit,
    /// It would have been refused at any pace.
    RandomFailureTest,
    /// Either.
    Doubtful,
    /// It has decided a test, and the rate is what that has shown.
    Settled,
}

/// What a test has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Limit,
    RandomFailureTest,
}

#[derive(Debug, Clone)]
pub(super) struct Refusals {
    answers: f64,
    /// Rows of refusals: however many were under way at once, they are one.
    rows: f64,
    in_a_row: u32,
    /// The share of all answers lately that were refusals, 0 to 1, however they came.
    recent_share: f64,
    /// The same, just now.
    newest_share: f64,
    /// The share that has been shown not to depend on the pace.
    own_share: Option<f64>,
    test: Option<Test>,
    answers_to_test: f64,
    patience_answers: f64,
}

/// A test that is going on.
#[derive(Debug, Clone, Copy)]
struct Test {
    /// The share before it.
    share: f64,
    /// How much more probable the answers are by a limit than by chance, as a logarithm.
    for_limit: f64,
}

impl Test {
    fn note(&mut self, is_refused: bool) -> Option<Finding> {
        let of = |share: f64| if is_refused { share } else { 1.0 - share };
        self.for_limit += (of(SHARE_ABOVE_LIMIT) / of(self.share)).ln();
        if self.for_limit >= DECIDED {
            Some(Finding::Limit)
        } else if self.for_limit <= -DECIDED {
            Some(Finding::RandomFailureTest)
        } else {
            None
        }
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            answers: 0.0,
            rows: 0.0,
            in_a_row: 0,
            recent_share: 0.0,
            newest_share: 0.0,
            own_share: None,
            test: None,
            answers_to_test: 0.0,
            patience_answers: PATIENCE_ANSWERS,
        }
    }

    /// An answer of another kind. `is_new` says that it was asked for after the rate was last changed.
    pub(super) fn other(&mut self, is_new: bool) -> Option<Finding> {
        self.in_a_row = 0;
        self.recent_share -= RECENT_WEIGHT * self.recent_share;
        self.newest_share -= NEWEST_WEIGHT * self.newest_share;
        self.count(0.0);
        self.try_out(is_new, false)
    }

    /// A refusal. `is_apart` says that it was asked for when the last burst of refusals had begun to be heard, and is not
    /// one of those.
    pub(super) fn refused(&mut self, is_new: bool, is_apart: bool) -> Option<Finding> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.recent_share += RECENT_WEIGHT * (1.0 - self.recent_share);
        self.newest_share += NEWEST_WEIGHT * (1.0 - self.newest_share);
        if is_apart {
            self.count(if self.in_a_row == 1 { 1.0 } else { 0.0 });
        }
        self.try_out(is_new, true)
    }

    fn count(&mut self, rows: f64) {
        if self.answers >= ANSWERS_MAX {
            self.answers /= 2.0;
            self.rows /= 2.0;
        }
        self.answers += 1.0;
        self.rows += rows;
        self.answers_to_test -= 1.0;
    }

    fn try_out(&mut self, is_new: bool, is_refused: bool) -> Option<Finding> {
        let test = self.test.as_mut().filter(|_| is_new)?;
        let finding = test.note(is_refused)?;
        match finding {
            Finding::RandomFailureTest => {
                self.own_share = Some(test.share);
                self.test = None;
                self.patience_answers = PATIENCE_ANSWERS;
                self.answers_to_test = 0.0;
            }
            Finding::Limit => self.found_limit(),
        }
        Some(finding)
    }

    fn found_limit(&mut self) {
        self.test = None;
        self.own_share = None;
        self.rows = 0.0;
        self.answers_to_test = self.patience_answers;
        self.patience_answers *= PATIENCE_GROWTH;
    }

    /// The share of refusals lately, the row that is going on not counted.
    fn share(&self) -> f64 {
        (((self.rows - 1.0).max(0.0) + PRESUMED_REFUSALS) / (self.answers + PRESUMED_ANSWERS)).min(1.0)
    }

    /// What the last refusal says. `has_rate` says whether the host is known to count.
    pub(super) fn reading(&mut self, has_rate: bool) -> Reading {
        let row = f64::from(self.in_a_row);
        if self.test.is_some() {
            return Reading::RandomFailureTest;
        }
        // Whatever was found out about it: a host that refuses as much as this is asked too fast.
        if !has_rate && self.recent_share > OWN_SHARE_MAX {
            self.own_share = None;
            return Reading::Limit;
        }
        if !has_rate && self.own_share.is_none() && self.is_habit() && !self.may_be_chance() {
            return Reading::Limit;
        }
        if let Some(own_share) = self.own_share {
            if self.share() > EXCESS_FACTOR * own_share + EXCESS {
                self.own_share = None;
                return Reading::Doubtful;
            }
            if self.share().max(own_share).powf(row) >= TO_DOUBT_CHANCE {
                return Reading::RandomFailureTest;
            }
            self.own_share = None;
            return Reading::Limit;
        }
        if has_rate && !self.is_habit() || self.share().powf(row) < if has_rate { TO_MOVE } else { TO_BEGIN }
        {
            Reading::Limit
        } else {
            Reading::Doubtful
        }
    }

    /// Whether a test is going on.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// The host is left alone for a while: what comes after that says nothing about the rate.
    pub(super) fn abandon_test(&mut self) {
        self.test = None;
    }

    /// Whether it has refused often enough to have the habit.
    pub(super) fn is_habit(&self) -> bool {
        self.rows >= HABIT_ROWS
    }

    /// Whether it has refused so often that it is time to find out why.
    pub(super) fn is_persistent(&self) -> bool {
        self.rows >= PERSISTENT_ROWS
    }

    /// Whether the host has the habit, and refuses no more than now and then.
    pub(super) fn is_now_and_then(&self) -> bool {
        self.is_habit() && self.newest_share <= NOW_AND_THEN_MAX
    }

    /// Whether the host has refused by chance before, or may have, and may do so now.
    pub(super) fn is_chance_possible(&self) -> bool {
        (self.own_share.is_some() || self.is_habit()) && self.may_be_chance()
    }

    /// Whether refusals come so far apart that they may be chance, whatever they were read as.
    pub(super) fn may_be_chance(&self) -> bool {
        self.newest_share <= LUCK_MAX
    }

    /// The rate is twice what it was, from now on. False if it is too soon for a test.
    pub(super) fn begin_test(&mut self) -> bool {
        let is_time = self.answers_to_test <= 0.0;
        if is_time {
            self.begin_test_at_once();
        }
        is_time
    }

    /// The same, however soon it is.
    pub(super) fn begin_test_at_once(&mut self) {
        let share = self.share().clamp(OWN_SHARE_MIN, OWN_SHARE_MAX);
        self.test = Some(Test { share, for_limit: 0.0 });
    }
}
