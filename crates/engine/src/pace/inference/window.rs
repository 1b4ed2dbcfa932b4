//! How many requests may be under way.
//!
//! Two more for each answer at first, up to what a browser would have; from there on, where the answers leave room, twice
//! as many each second. Where a row of refusals began with `n` under way and soon ended, fewer than `n` may be the host's
//! limit: it is kept to, and tried again after a while that doubles each time it is found again.

use super::Seconds;

/// Courtesy: about what a browser opens to a host that it does not know.
pub(super) const COURTEOUS: f64 = 8.0;
/// Courtesy: never more, unless the user says so.
pub(in crate::pace) const COURTEOUS_MAX: u32 = 64;
/// Courtesy: beyond a browser's number, so long until there are twice as many ...
const DOUBLING: Seconds = 1.0;
/// ... and no sooner than in so many round trips, for what they cause is only seen then.
const DOUBLING_TRIPS: f64 = 2.0;
/// A browser's number is reached in two round trips from here.
const START: f64 = 4.0;
/// Beyond a browser's number, each step is so large ...
const STEP: f64 = 1.25;
/// ... and takes so many windows, and so many requests at least, before the next.
const LEVEL_WINDOWS: f64 = 1.5;
const LEVEL: f64 = 16.0;
/// Prior: requests, and failures, of a host that nobody knows.
const PRIOR: (f64, f64) = (20.0, 0.4);
/// A limit that has been found is tried again after so long, and then after twice as long each time.
const RETRY_AFTER: Seconds = 1.0;

#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    max: f64,
    limit: Option<f64>,
    retry_at: Seconds,
    hold: Seconds,
    grown_at: Seconds,
    /// More than the limit are tried.
    is_retried: bool,
    /// So many have been under way without more failures than with fewer.
    proven: f64,
    /// Requests, and failures, since the size became what it is; and those before.
    level: (f64, f64),
    below: (f64, f64),
}

impl Window {
    pub(super) fn new(max: u32) -> Self {
        let max = f64::from(max.max(1));
        Self {
            size: START.min(max),
            max,
            limit: None,
            retry_at: 0.0,
            hold: RETRY_AFTER,
            grown_at: 0.0,
            is_retried: false,
            proven: 1.0,
            level: (0.0, 0.0),
            below: PRIOR,
        }
    }

    /// Requests that may be under way.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some hundreds")]
    pub(super) fn places(&self) -> u32 {
        self.size.min(self.limit.unwrap_or(self.max)).max(1.0) as u32
    }

    /// Beyond which the host refuses, as it seems.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some hundreds")]
    pub(super) fn limit(&self) -> Option<u32> {
        self.limit.map(|limit| limit as u32)
    }

    /// One was served, while as many were under way as may be.
    pub(super) fn grow(&mut self, now: Seconds, latency: Seconds, has_room: bool) {
        let since = (now - self.grown_at).clamp(0.0, 0.1);
        self.grown_at = now;
        if let Some(limit) = self.limit
            && self.size >= limit
        {
            if now < self.retry_at {
                return;
            }
            self.limit = None;
            self.is_retried = true;
            self.size = limit + 1.0;
        }
        if self.size < COURTEOUS {
            self.size += 1.0;
        } else if has_room {
            let doubling = DOUBLING.max(DOUBLING_TRIPS * latency);
            let most = (self.proven * STEP).max(COURTEOUS * STEP);
            self.size = (self.size * (since / doubling).exp2()).min(most.max(self.size));
        }
        self.size = self.size.min(self.max);
    }

    /// A request was served or not, and nothing but the window held it back: do more fail with so many under way than with
    /// fewer? Then it is taken back.
    pub(super) fn note(&mut self, is_bad: bool, now: Seconds) {
        self.level.0 += 1.0;
        self.level.1 += f64::from(u8::from(is_bad));
        let (all, bad) = self.level;
        let expected = all * self.below.1 / self.below.0;
        let is_strained = bad > 2.0 + 1.3 * expected + 2.0 * expected.sqrt();
        if is_strained && self.size > self.proven {
            if std::mem::take(&mut self.is_retried) {
                self.hold *= 2.0;
            }
            self.size = self.proven.max((0.75 * self.size).floor()).max(1.0);
            self.limit = Some(self.size);
            self.retry_at = now + self.hold;
            self.level = (0.0, 0.0);
        } else if all >= (LEVEL_WINDOWS * self.size).max(LEVEL) {
            self.proven = self.proven.max(self.size);
            self.below = (0.5 * self.below.0 + all, 0.5 * self.below.1 + bad);
            self.level = (0.0, 0.0);
        }
    }

    /// Whether as many have been under way without harm.
    pub(super) fn has_proven(&self, under_way: u32) -> bool {
        f64::from(under_way) <= self.proven
    }

    /// Whether as many have been under way without harm, or no more than seem to be let in.
    pub(super) fn is_within(&self, under_way: u32) -> bool {
        f64::from(under_way) <= self.proven.max(self.limit.unwrap_or(0.0))
    }

    /// A row of refusals began, and so many of those under way were served.
    pub(super) fn refused_beyond(&mut self, under_way: u32, now: Seconds) {
        let limit = f64::from(under_way.max(1));
        if std::mem::take(&mut self.is_retried) {
            self.hold *= 2.0;
        }
        self.limit = Some(limit);
        self.retry_at = now + self.hold;
        self.size = self.size.min(2.0);
    }

    /// It was not for the number.
    pub(super) fn forget_limit(&mut self) {
        self.limit = None;
        self.hold = RETRY_AFTER;
    }

    /// Requests wait for each other.
    pub(super) fn narrow(&mut self, to: f64) {
        self.size = to.clamp(1.0, self.max);
    }

    /// No rate holds it back any more: as many as it had under way.
    pub(super) fn go_on_with(&mut self, places: f64) {
        self.size = places.clamp(1.0, self.max);
    }

    /// Begins with few again.
    pub(super) fn begin_anew(&mut self) {
        self.size = self.size.min(2.0);
    }

    /// A rate is held back by the window: more are tried, if more may be.
    pub(super) fn widen(&mut self) -> bool {
        let places = self.places();
        self.limit = None;
        self.size = self.size.max(1.5 * f64::from(places)).min(self.max);
        self.places() > places
    }

    /// At least so many, for a rate needs them.
    pub(super) fn widen_to(&mut self, places: f64) {
        self.size = self.size.max(places.min(self.max));
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_browsers_number_is_reached_at_once_and_more_within_seconds() {
        let mut window = Window::new(64);
        (0..4).for_each(|_| window.grow(0.1, 0.1, true));
        assert_eq!(window.places(), 8);
        for at in 0..200_u32 {
            window.note(false, 0.1);
            window.grow(0.1 + f64::from(at) * 0.05, 0.1, true);
        }
        assert!(window.places() > 16, "{}", window.places());
        assert!(window.places() <= 64);
    }

    #[test]
    fn a_limit_is_kept_to_and_tried_again() {
        let mut window = Window::new(64);
        window.refused_beyond(3, 0.0);
        (0..50).for_each(|_| window.grow(0.5, 0.1, true));
        assert_eq!(window.places(), 3);
        (0..5).for_each(|_| window.grow(1.5, 0.1, true));
        assert!(window.places() > 3);
    }
}
