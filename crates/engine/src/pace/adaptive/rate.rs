//! How many requests a second, once a host has shown that it counts them.
//!
//! The rate stays below the one that was refused last and returns to it along a cubic curve (as CUBIC's window does, RFC
//! 9438): steeply at first, flat around the limit, then probing upwards. Where the limit is found at the same place again,
//! the next probe comes later and dips less. Where nothing is refused well above the limit, the limit has risen, and the
//! rate searches for it in steps.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::offset::Offset;

/// After a refusal the rate falls to this part of the rate that was served ...
const DIP: f64 = 0.7;
/// ... the first time to this part, for the requests in flight are not counted yet ...
const DIP_FIRST: f64 = 0.8;
/// ... and to this part where the limit is known to about a fifth.
const DIP_NEAR: f64 = 0.93;
/// A host that refuses is assumed to have served at least this part of the requests.
const SERVED_LEAST: f64 = 0.5;
/// Two estimates that differ by less than this part are one limit.
const NEAR: f64 = 0.2;
/// The least time in seconds until the rate is back at the limit ...
const RETURN_MIN: f64 = 10.0;
/// ... less after the first refusal, whose estimate is a guess ...
const RETURN_FIRST: f64 = 4.0;
/// ... and the longest: a limit that has risen is noticed within this time.
const RETURN_MAX: f64 = 170.0;
/// The longest where the host once served more than twice as much: it may again.
const RETURN_MAX_FALLEN: f64 = 16.0;
/// Where the limit is found at the same place again, the next return takes this many times longer.
const RETURN_GROWTH: f64 = 2.0;
/// Where nothing is refused at this many times the limit, the limit has risen.
const OUTGROWN: f64 = 1.25;
/// The growth of the rate in one step of a search ...
const SEARCH_STEP: f64 = 1.5;
/// ... and where the limit is a guess.
const SEARCH_STEP_GUESS: f64 = 1.7;
/// A step lasts at least this many seconds ...
const STEP_SECONDS: f64 = 1.0;
/// ... and this many requests ...
const STEP_REQUESTS: f64 = 3.0;
/// ... or, where the limit is a guess, these.
const STEP_REQUESTS_GUESS: f64 = 2.0;
/// A step has been used if this part of its rate was sent.
const USED: f64 = 0.7;
/// After this many unused steps in a row the window limits the host, and no rate.
const UNUSED_MAX: u32 = 4;
/// A limit that has fallen to this part of itself in small steps is doubtful.
const DRIFTED: f64 = 0.75;
/// So is a limit that has fallen to this part of itself since the last test, in steps of any size: no estimate is so wrong.
const FALLEN_FAR: f64 = 0.4;
/// The factor of the rate during a test.
const HELD: f64 = 2.0;
/// The least rate: a request a minute shows that a host serves again.
const RATE_MIN: f64 = 1.0 / 60.0;
/// The least first estimate: where few requests were sent, few were served, and the rate falls sooner than it rises.
const FIRST_MIN: f64 = 1.0;
/// After a ban, the climb to the rate that led to it takes this many times as long as the ban ...
const BAN_COST: f64 = 10.0;
/// ... and this many seconds at most.
const BAN_RETURN_MAX: f64 = 3_600.0;

/// More than this part is most of it.
const MOST: f64 = 0.5;

/// A rate as a memory holds it.
pub(in crate::pace) type RateMemory = Rate<Offset>;

/// The rate of one host. `T` is a time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pace) struct Rate<T = Instant> {
    per_second: f64,
    /// The rate that was served when the host last refused.
    limit: f64,
    /// The highest limit so far.
    limit_most: f64,
    /// The limit when it was first estimated, or last tested.
    limit_tested: f64,
    /// The limit when it was first found twice at the same place.
    limit_confirmed: Option<f64>,
    /// Next to nothing was known of the host when the limit was estimated, and no test has confirmed it since.
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
    /// Kept constant while a test goes on.
    Held,
    /// The time of the last step, and the number of unused steps since.
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
    /// The rate, with its times counted from `now`.
    pub(super) fn recall(&self, now: Instant) -> Rate {
        self.clone().map_times(|offset| offset.after(now))
    }
}

impl Rate {
    pub(super) fn memory(&self, now: Instant) -> RateMemory {
        self.clone().map_times(|at| Offset::of(at, now))
    }

    /// A host that has refused for the first time, while it served this many requests a second.
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

    /// The same, where next to nothing is known of the host: searches for the limit from the start, and tests the next
    /// refusal.
    pub(super) fn guessed(served: f64, now: Instant) -> Self {
        let mut rate = Self::new(served, now);
        rate.phase = Phase::Search { step_at: now, unused: 0 };
        rate.is_guess = true;
        rate
    }

    /// A host that banned us while it served this many requests a second, and serves again after a time of `cost`.
    pub(super) fn after_ban(served: f64, cost: Duration, now: Instant) -> Self {
        let mut rate = Self::new(served, now);
        rate.dip = DIP_NEAR;
        rate.return_seconds = (BAN_COST * cost.as_secs_f64()).min(BAN_RETURN_MAX);
        rate.per_second = rate.dip * rate.limit;
        rate
    }

    /// A host that is known to serve this many requests a second.
    pub(super) fn recalled(limit: f64, now: Instant) -> Self {
        let mut rate = Self::new(limit, now);
        // It may be a small part of a shared rate, and is no guess.
        rate.limit = limit.max(RATE_MIN);
        rate.limit_tested = rate.limit;
        rate.dip = DIP_NEAR;
        rate.return_seconds = RETURN_MIN;
        rate.per_second = (rate.dip * rate.limit).max(RATE_MIN);
        rate.next_send = now;
        rate
    }

    /// The rate of one host that was taken for several with these rates: their limits add up. Where none of them is most of
    /// the sum, and most of the sum is guessed, `served` is the better guess: it gets the sum, and measures the rate that
    /// was served lately.
    pub(super) fn merged(rates: &[Self], served: impl FnOnce(f64) -> f64, now: Instant) -> Option<Self> {
        let largest = rates.iter().max_by(|a, b| a.limit.total_cmp(&b.limit))?;
        let limit: f64 = rates.iter().map(|rate| rate.limit).sum();
        let guessed: f64 = rates.iter().filter(|rate| rate.is_guess).map(|rate| rate.limit).sum();
        let mut merged = if largest.limit > MOST * limit {
            let mut main = largest.clone();
            // The test does not go on.
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

    /// The rate of a host that serves this many times as much.
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

    /// The host refused, while it served this many requests a second. `is_single` says that it served most of the requests
    /// since the last refusal.
    pub(super) fn refused(&mut self, served: f64, is_single: bool, now: Instant) {
        // During the measure the rate was below the limit along the curve, so the measure is too low.
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

    /// Sends the next request a whole gap from now: a host that has just refused has nothing left.
    fn keep_distance(&mut self, now: Instant) {
        self.next_send = self.next_send.max(now + self.gap());
    }

    /// The time between two requests.
    fn gap(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }

    /// Whether the rate is at most a little above the limit.
    fn is_below_limit(&self) -> bool {
        self.phase == Phase::Curve && self.per_second <= (1.0 + NEAR) * self.limit
    }

    /// Whether the limit has fallen in small steps, as it does where random refusals are taken for a limit.
    pub(super) fn has_drifted(&self) -> bool {
        self.limit_confirmed.is_some_and(|confirmed| self.limit < DRIFTED * confirmed)
    }

    /// Whether the limit has fallen so far that it may be no limit.
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

    /// Doubles the rate and keeps it there until [`resume`](Self::resume).
    pub(super) fn hold(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Search { .. }) {
            // This rate has just been served.
            self.limit = self.per_second;
        }
        self.per_second = (HELD * self.per_second).max(RATE_MIN);
        self.limit_tested = self.limit;
        self.since = now;
        self.phase = Phase::Held;
    }

    /// Ends a hold: the limit is what it was, and is searched for where it is still a guess.
    pub(super) fn resume(&mut self, now: Instant) {
        self.limit_confirmed = None;
        if self.phase == Phase::Held {
            self.per_second = (DIP * self.limit).max(RATE_MIN);
            self.dip = DIP;
            self.since = now;
            self.phase = if self.is_guess { Phase::Search { step_at: now, unused: 0 } } else { Phase::Curve };
        }
    }

    /// How long a step lasts, during a search. `answer` is the usual time to the first byte.
    pub(super) fn step(&self, answer: Duration) -> Option<Duration> {
        matches!(self.phase, Phase::Search { .. }).then(|| self.step_of_search(answer))
    }

    fn step_of_search(&self, answer: Duration) -> Duration {
        let requests = if self.is_guess { STEP_REQUESTS_GUESS } else { STEP_REQUESTS };
        let answers = 2.0 * answer.as_secs_f64();
        Duration::from_secs_f64(answers.max(STEP_SECONDS).max(requests / self.per_second))
    }

    /// Moves the rate. `sent` is the recent number of requests a second, `answer` the usual time to the first byte.
    pub(super) fn advance(&mut self, sent: f64, answer: Duration, now: Instant) {
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
                    // A rate that is not used proves nothing: the curve waits.
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

    /// Whether the search has shown no limit that the window reaches.
    pub(super) fn is_outgrown(&self) -> bool {
        matches!(self.phase, Phase::Search { unused: UNUSED_MAX.., .. })
    }

    /// When the next request may be sent.
    pub(super) fn next_send(&self) -> Instant {
        self.next_send
    }

    /// A request is sent. Up to a tenth of a second of unused time is made up for.
    pub(super) fn sent(&mut self, now: Instant) {
        let gap = self.gap();
        let credit = gap.min(Duration::from_millis(100));
        self.next_send = self.next_send.max(now.checked_sub(credit).unwrap_or(now)) + gap;
    }

    pub(super) fn per_second(&self) -> f64 {
        self.per_second
    }

    /// The rate that was served when the host last refused.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }
}
