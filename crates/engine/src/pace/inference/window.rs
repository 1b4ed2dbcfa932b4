//! How many requests may be under way.
//!
//! Two more for each answer at first, up to what a browser would have; from there on, where the answers leave room, twice
//! as many each second. Where a row of refusals began with `n` under way and soon ended, fewer than `n` may be the host's
//! limit: it is kept to, and tried again after a while that doubles each time it is found again.

use super::Seconds;

/// Courtesy: about what a browser opens to a host that it does not know.
pub(super) const BROWSER_WINDOW: f64 = 8.0;
/// Courtesy: never more, unless the user says so.
pub(in crate::pace) const COURTEOUS_MAX: u32 = 64;
/// Courtesy: beyond a browser's number, so long until there are twice as many ...
const DOUBLING: Seconds = 1.0;
/// ... and no sooner than in so many round trips, for what they cause is only seen then.
const DOUBLING_ROUND_TRIPS: f64 = 2.0;
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
    current: (f64, f64),
    baseline: (f64, f64),
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
            current: (0.0, 0.0),
            baseline: PRIOR,
        }
    }

    /// Requests that may be under way.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at size_max some hundreds")]
    pub(super) fn slots(&self) -> u32 {
        self.size.min(self.limit.unwrap_or(self.max)).max(1.0) as u32
    }

    /// Beyond which the host refuses, as it seems.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at size_max some hundreds")]
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
        if self.size < BROWSER_WINDOW {
            self.size += 1.0;
        } else if has_room {
            let doubling = DOUBLING.max(DOUBLING_ROUND_TRIPS * latency);
            let size_max = (self.proven * STEP).max(BROWSER_WINDOW * STEP);
            self.size = (self.size * (since / doubling).exp2()).min(size_max.max(self.size));
        }
        self.size = self.size.min(self.max);
    }

    /// A request was served or not, and nothing but the window held it back: do more fail with so many under way than with
    /// fewer? Then it is taken back.
    pub(super) fn record(&mut self, is_failure: bool, now: Seconds) {
        self.current.0 += 1.0;
        self.current.1 += f64::from(u8::from(is_failure));
        let (all, failure) = self.current;
        let expected = all * self.baseline.1 / self.baseline.0;
        let is_strained = failure > 2.0 + 1.3 * expected + 2.0 * expected.sqrt();
        if is_strained && self.size > self.proven {
            if std::mem::take(&mut self.is_retried) {
                self.hold *= 2.0;
            }
            self.size = self.proven.max((0.75 * self.size).floor()).max(1.0);
            self.limit = Some(self.size);
            self.retry_at = now + self.hold;
            self.current = (0.0, 0.0);
        } else if all >= (LEVEL_WINDOWS * self.size).max(LEVEL) {
            self.proven = self.proven.max(self.size);
            self.baseline = (0.5 * self.baseline.0 + all, 0.5 * self.baseline.1 + failure);
            self.current = (0.0, 0.0);
        }
    }

    /// Whether as many have been under way without harm.
    pub(super) fn has_proven(&self, in_flight: u32) -> bool {
        f64::from(in_flight) <= self.proven
    }

    /// Whether as many have been under way without harm, or no more than seem to be let in.
    pub(super) fn is_within(&self, in_flight: u32) -> bool {
        f64::from(in_flight) <= self.proven.max(self.limit.unwrap_or(0.0))
    }

    /// A row of refusals began, and so many of those under way were served.
    pub(super) fn refused_beyond(&mut self, in_flight: u32, now: Seconds) {
        let limit = f64::from(in_flight.max(1));
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
    pub(super) fn shrink_to(&mut self, to: f64) {
        self.size = to.clamp(1.0, self.max);
    }

    /// No rate holds it back any more: as many as it had under way.
    pub(super) fn resize_to(&mut self, slots: f64) {
        self.size = slots.clamp(1.0, self.max);
    }

    /// Begins with few again.
    pub(super) fn restart(&mut self) {
        self.size = self.size.min(2.0);
    }

    /// A rate is held back by the window: more are tried, if more may be.
    pub(super) fn widen(&mut self) -> bool {
        let slots = self.slots();
        self.limit = None;
        self.size = self.size.max(1.5 * f64::from(slots)).min(self.max);
        self.slots() > slots
    }

    /// At least so many, for a rate needs them.
    pub(super) fn widen_to(&mut self, slots: f64) {
        self.size = self.size.max(slots.min(self.max));
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_browsers_number_is_reached_at_once_and_more_within_seconds() {
        let mut window = Window::new(64);
        (0..4).for_each(|_| window.grow(0.1, 0.1, true));
        assert_eq!(window.slots(), 8);
        for at in 0..200_u32 {
            window.record(false, 0.1);
            window.grow(0.1 + f64::from(at) * 0.05, 0.1, true);
        }
        assert!(window.slots() > 16, "{}", window.slots());
        assert!(window.slots() <= 64);
    }

    #[test]
    fn a_limit_is_kept_to_and_tried_again() {
        let mut window = Window::new(64);
        window.refused_beyond(3, 0.0);
        (0..50).for_each(|_| window.grow(0.5, 0.1, true));
        assert_eq!(window.slots(), 3);
        (0..5).for_each(|_| window.grow(1.5, 0.1, true));
        assert!(window.slots() > 3);
    }
}
