//! How many requests a second, once a host has shown that it counts them.
//!
//! The rate keeps below what was refused last and comes back to it along a cubic curve (as CUBIC's window does, RFC
//! 9438): steeply at first, flat around the remembered limit, then probing upwards. Where the limit is found at the same
//! place again, the next probe comes later and dips less; where nothing refuses beyond a third more, the limit has gone
//! up, and the rate is searched anew in steps.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::offset::Offset;

/// After a refusal the rate goes down to this part of what was served ...
const DIP: f64 = 0.7;
/// ... the first time to this, for what is on its way is not counted yet ...
const DIP_FIRST: f64 = 0.8;
/// ... and to this, where the limit is known to about a fifth.
const DIP_NEAR: f64 = 0.93;
/// A host that refuses is believed to have served this part of what it was asked for, at least.
const SERVED_LEAST: f64 = 0.5;
/// Two estimates this close are one limit.
const NEAR: f64 = 0.2;
/// The time until the rate is back at the limit, at least ...
const RETURN_MIN: f64 = 10.0;
/// ... but less after the first refusal, whose estimate is a guess ...
const RETURN_FIRST: f64 = 4.0;
/// ... and at most, in seconds: what a limit that rose is noticed by.
const RETURN_MAX: f64 = 170.0;
/// ... or, where the host once bore more than twice as much, this: it may again.
const RETURN_MAX_FALLEN: f64 = 16.0;
/// The limit found at the same place again lets the next return take so many times longer.
const RETURN_GROWTH: f64 = 2.0;
/// Beyond this part above the remembered limit, the limit has gone up.
const OUTGROWN: f64 = 1.25;
/// The step of a search ...
const SEARCH_STEP: f64 = 1.5;
/// ... and where the limit is a guess, which says little about the way up.
const SEARCH_STEP_GUESS: f64 = 1.7;
/// A step lasts for so many seconds at least ...
const STEP_SECONDS: f64 = 1.0;
/// ... and for so many requests: fewer cannot be told from none.
const STEP_REQUESTS: f64 = 3.0;
/// Where the limit is a guess, these are enough.
const STEP_REQUESTS_GUESS: f64 = 2.0;
/// A step has been used if so much of it was sent.
const USED: f64 = 0.7;
/// So many steps in a row that were not used: the window holds the host back, and no rate.
const UNUSED_MAX: u32 = 4;
/// A limit that has gone down to this part of itself in small steps is in doubt.
const DRIFTED: f64 = 0.75;
/// So is one that has gone down to this part of itself since it was last tested, in steps of any size: no estimate is so
/// wrong.
const FALLEN_FAR: f64 = 0.4;
/// What is left of the rate while it is found out whether it matters.
const HELD: f64 = 2.0;
/// The rate never falls below this: a request a minute shows that a host serves again.
const RATE_MIN: f64 = 1.0 / 60.0;
/// The first estimate is never below this: where next to nothing was asked for before, next to nothing was served, and
/// the way down is shorter than the way up.
const FIRST_MIN: f64 = 1.0;
/// After a ban the climb above what led to it takes so many times what the ban cost.
const BAN_COST: f64 = 10.0;
/// The longest such climb, in seconds.
const BAN_RETURN_MAX: f64 = 3_600.0;

/// More than this part is most of it.
const MOST: f64 = 0.5;

/// A rate as a memory holds it.
pub(in crate::pace) type RateMemory = Rate<Offset>;

/// The rate of one host. `T` is a time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pace) struct Rate<T = Instant> {
    per_second: f64,
    /// What was served when it was last refused.
    limit: f64,
    /// The most that it has been.
    limit_most: f64,
    /// The limit as it was when it was first thought of, or last put to the test.
    limit_tested: f64,
    /// The limit as it was when it was first found twice at the same place.
    limit_confirmed: Option<f64>,
    /// Next to nothing was known of the host when the limit was first thought of, and it was not put to the test since.
    is_guess: bool,
    dip: f64,
    return_seconds: f64,
    /// When the curve began.
    since: T,
    phase: Phase<T>,
    next_send: T,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase<T = Instant> {
    Curve,
    /// Far below the limit, to see what is refused there.
    Held,
    /// The last step was taken at this time; so many since have not been used.
    Search {
        step_at: T,
        unused: u32,
    },
}

impl<T> Rate<T> {
    fn map_times<U>(self, map: impl Fn(T) -> U) -> Rate<U> {
        let Self { per_second, limit, limit_most, limit_tested, limit_confirmed, is_guess, .. } = self;
        let phase = match self.phase {
            Phase::Curve => Phase::Curve,
            Phase::Held => Phase::Held,
            Phase::Search { step_at, unused } => Phase::Search { step_at: map(step_at), unused },
        };
        Rate {
            per_second,
            limit,
            limit_most,
            limit_tested,
            limit_confirmed,
            is_guess,
            dip: self.dip,
            return_seconds: self.return_seconds,
            since: map(self.since),
            phase,
            next_send: map(self.next_send),
        }
    }
}

impl RateMemory {
    /// The rate that was remembered.
    pub(super) fn recall(&self, now: Instant) -> Rate {
        self.clone().map_times(|offset| offset.after(now))
    }
}

impl Rate {
    pub(super) fn memory(&self, now: Instant) -> RateMemory {
        self.clone().map_times(|at| Offset::of(at, now))
    }

    /// A host that has refused for the first time, while it served so many a second.
    pub(super) fn new(served: f64, now: Instant) -> Self {
        let mut rate = Self {
            per_second: 0.0,
            limit: served.max(FIRST_MIN),
            limit_most: served,
            limit_tested: served.max(FIRST_MIN),
            limit_confirmed: None,
            is_guess: false,
            dip: DIP_FIRST,
            return_seconds: RETURN_FIRST,
            since: now,
            phase: Phase::Curve,
            next_send: now,
        };
        rate.per_second = (rate.dip * rate.limit).max(RATE_MIN);
        rate.keep_distance(now);
        rate
    }

    /// The same, where next to nothing is known of it: what it takes is searched for from the start, and the next refusal is
    /// put to the test.
    pub(super) fn guessed(served: f64, now: Instant) -> Self {
        let mut rate = Self::new(served, now);
        rate.phase = Phase::Search { step_at: now, unused: 0 };
        rate.is_guess = true;
        rate
    }

    /// A host that has banned us while it served so many a second, and serves again after so long.
    pub(super) fn after_ban(served: f64, cost: Duration, now: Instant) -> Self {
        let mut rate = Self::new(served, now);
        rate.dip = DIP_NEAR;
        rate.return_seconds = (BAN_COST * cost.as_secs_f64()).min(BAN_RETURN_MAX);
        rate.per_second = rate.dip * rate.limit;
        rate
    }

    /// A host that is known to take so many a second.
    pub(super) fn recalled(limit: f64, now: Instant) -> Self {
        let mut rate = Self::new(limit, now);
        // It may be a small part of a rate that is shared, and is no guess.
        rate.limit = limit.max(RATE_MIN);
        rate.limit_tested = rate.limit;
        rate.dip = DIP_NEAR;
        rate.return_seconds = RETURN_MIN;
        rate.per_second = (rate.dip * rate.limit).max(RATE_MIN);
        rate.next_send = now;
        rate
    }

    /// One host that was taken for several, of which these had shown that they count: it takes what they took together.
    /// Where no single one of them took most of that and most of it is guessed, `served`, which is given that sum and
    /// measures what was served lately, is the better guess.
    pub(super) fn merged(rates: &[Self], served: impl FnOnce(f64) -> f64, now: Instant) -> Option<Self> {
        let largest = rates.iter().max_by(|a, b| a.limit.total_cmp(&b.limit))?;
        let limit: f64 = rates.iter().map(|rate| rate.limit).sum();
        let guessed: f64 = rates.iter().filter(|rate| rate.is_guess).map(|rate| rate.limit).sum();
        let mut merged = if largest.limit > MOST * limit {
            let mut main = largest.clone();
            // Who was testing it is not known any more.
            main.resume(now);
            main.scaled(limit / largest.limit)
        } else if guessed > MOST * limit {
            Self::guessed(served(limit).max(limit - guessed), now)
        } else {
            Self::recalled(limit, now)
        };
        let latest = rates.iter().map(|rate| rate.next_send).max().unwrap_or(now);
        merged.next_send = latest.min(now + merged.gap());
        Some(merged)
    }

    /// The same of a host that takes so many times as much.
    fn scaled(self, factor: f64) -> Self {
        Self {
            per_second: factor * self.per_second,
            limit: factor * self.limit,
            limit_most: factor * self.limit_most,
            limit_tested: factor * self.limit_tested,
            limit_confirmed: self.limit_confirmed.map(|limit| factor * limit),
            ..self
        }
    }

    /// Refused, while so many a second were served. `is_single` says that most of what was sent since the last refusal has
    /// been served.
    pub(super) fn refused(&mut self, served: f64, is_single: bool, now: Instant) {
        // Along the curve the time of the measure was spent below, so that it falls short of what was borne.
        let is_along = is_single && self.is_below_limit();
        let least = if is_along {
            DIP_NEAR
        } else if self.is_below_limit() {
            DIP
        } else {
            SERVED_LEAST
        };
        let served = served.clamp(least * self.per_second, self.per_second).max(RATE_MIN);
        let is_near = self.phase == Phase::Curve && (served - self.limit).abs() < NEAR * self.limit;
        self.return_seconds = if is_near {
            (self.return_seconds * RETURN_GROWTH).min(RETURN_MAX.max(self.return_seconds))
        } else {
            (10.0 / served).clamp(RETURN_MIN, RETURN_MAX)
        };
        self.dip = if is_near { DIP_NEAR } else { DIP };
        self.limit = served;
        self.limit_confirmed = if is_near { self.limit_confirmed.or(Some(served)) } else { None };
        self.limit_most = self.limit_most.max(served);
        if served < 0.5 * self.limit_most {
            self.return_seconds = self.return_seconds.min(RETURN_MAX_FALLEN);
        }
        self.per_second = (self.dip * served).max(RATE_MIN);
        self.since = now;
        self.phase = Phase::Curve;
        self.keep_distance(now);
    }

    /// The next request comes a whole gap from now: a host that has just refused has nothing left.
    fn keep_distance(&mut self, now: Instant) {
        self.next_send = self.next_send.max(now + self.gap());
    }

    /// The time between two requests.
    fn gap(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }

    /// Whether no more is asked for than what was once accepted, or hardly more.
    fn is_below_limit(&self) -> bool {
        self.phase == Phase::Curve && self.per_second <= (1.0 + NEAR) * self.limit
    }

    /// Whether the limit has gone down little by little, as it does where every refusal is taken for one.
    pub(super) fn has_drifted(&self) -> bool {
        self.limit_confirmed.is_some_and(|confirmed| self.limit < DRIFTED * confirmed)
    }

    /// Whether the limit has gone down so far that it may be none.
    pub(super) fn has_fallen_far(&self) -> bool {
        self.is_below_limit() && self.limit < FALLEN_FAR * self.limit_tested
    }

    /// A test has shown that there is a limit.
    pub(super) fn found(&mut self, now: Instant) {
        self.is_guess = false;
        self.resume(now);
        self.keep_distance(now);
    }

    /// Whether the limit is no more than a guess.
    pub(super) fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// Stays at twice what it was until it is resumed.
    pub(super) fn hold(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Search { .. }) {
            // So much has just been borne.
            self.limit = self.per_second;
        }
        self.per_second = (HELD * self.per_second).max(RATE_MIN);
        self.limit_tested = self.limit;
        self.since = now;
        self.phase = Phase::Held;
    }

    /// Goes on after a hold: the limit is what it was, and where that is still a guess, it is searched for.
    pub(super) fn resume(&mut self, now: Instant) {
        self.limit_confirmed = None;
        if self.phase == Phase::Held {
            self.per_second = (DIP * self.limit).max(RATE_MIN);
            self.dip = DIP;
            self.since = now;
            self.phase = if self.is_guess { Phase::Search { step_at: now, unused: 0 } } else { Phase::Curve };
        }
    }

    /// How long a step of the search lasts, if there is one: `answer` is the usual time to an answer.
    pub(super) fn step(&self, answer: Duration) -> Option<Duration> {
        matches!(self.phase, Phase::Search { .. }).then(|| self.step_of_search(answer))
    }

    fn step_of_search(&self, answer: Duration) -> Duration {
        let requests = if self.is_guess { STEP_REQUESTS_GUESS } else { STEP_REQUESTS };
        let answers = 2.0 * answer.as_secs_f64();
        Duration::from_secs_f64(answers.max(STEP_SECONDS).max(requests / self.per_second))
    }

    /// Goes on along the curve. `sent` is how many a second were sent lately, `answer` the usual time to an answer.
    pub(super) fn go_on(&mut self, sent: f64, answer: Duration, now: Instant) {
        match self.phase {
            Phase::Curve => {
                let passed = now.saturating_duration_since(self.since).as_secs_f64();
                let bend = (passed - self.return_seconds) / self.return_seconds;
                // Below the limit the curve begins at the dip; above it, it is the same whatever the dip was.
                let bulge = if bend < 0.0 { 1.0 - self.dip } else { 1.0 - DIP };
                let wanted = self.limit * (1.0 + bulge * bend.powi(3));
                if wanted > OUTGROWN * self.limit {
                    self.phase = Phase::Search { step_at: now, unused: 0 };
                    self.return_seconds = (self.return_seconds / 2.0).max(RETURN_MIN);
                } else if wanted <= self.per_second || sent >= 0.6 * self.per_second {
                    self.per_second = wanted.max(RATE_MIN);
                } else {
                    // What is not used proves nothing: the curve waits.
                    self.since += Duration::from_millis(50);
                }
            }
            Phase::Held => {}
            Phase::Search { step_at, unused } => {
                if now.saturating_duration_since(step_at) >= self.step_of_search(answer) {
                    let is_used = sent >= USED * self.per_second;
                    if is_used {
                        self.per_second *= if self.is_guess { SEARCH_STEP_GUESS } else { SEARCH_STEP };
                    }
                    self.phase = Phase::Search { step_at: now, unused: if is_used { 0 } else { unused + 1 } };
                }
            }
        }
    }

    /// Whether the host takes so much more than it once refused that there is no limit to speak of.
    pub(super) fn is_outgrown(&self) -> bool {
        matches!(self.phase, Phase::Search { unused: UNUSED_MAX.., .. })
    }

    /// The next request may be sent at this time.
    pub(super) fn next_send(&self) -> Instant {
        self.next_send
    }

    /// A request is sent. What was not sent in time is not made up for, but for a tenth of a second.
    pub(super) fn sent(&mut self, now: Instant) {
        let gap = self.gap();
        let credit = gap.min(Duration::from_millis(100));
        self.next_send = self.next_send.max(now.checked_sub(credit).unwrap_or(now)) + gap;
    }

    pub(super) fn per_second(&self) -> f64 {
        self.per_second
    }

    /// What was served when it was last refused.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }
}
