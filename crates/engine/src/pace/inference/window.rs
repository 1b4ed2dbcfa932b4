//! The window: how many requests may be in flight.
//!
//! While latency leaves room, the window grows by one for each response up to a browser's window, and then doubles each
//! second. If a run of refusals began with `n` requests in flight and soon ended, fewer than `n` may be the host's
//! limit. The window stays there for a time that doubles each time the limit is found again.

use super::Seconds;
use super::run_detector::{PRIOR_FAILURES, PRIOR_REQUESTS};

/// Courtesy: about the number of connections that a browser opens to an unknown host.
pub(super) const BROWSER_WINDOW: f64 = 8.0;
/// Courtesy: beyond a browser's window, the time in which the window doubles ...
const DOUBLING: Seconds = 1.0;
/// ... and at least this many round trips, because the effects appear only then.
const DOUBLING_ROUND_TRIPS: f64 = 2.0;
/// The first window: two round trips from a browser's.
const START: f64 = 4.0;
/// Beyond a browser's window, each step has this factor ...
const STEP: f64 = 1.25;
/// ... and lasts this many windows of requests, and at least this many requests.
const LEVEL_WINDOWS: f64 = 1.5;
const LEVEL: f64 = 16.0;
/// How long a limit is kept before a larger window is tried; twice as long each time it is found again.
const RETRY_AFTER: Seconds = 1.0;

#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    max: f64,
    limit: Option<f64>,
    retry_at: Seconds,
    hold: Seconds,
    grown_at: Seconds,
    /// A window beyond the limit is being tried.
    is_retried: bool,
    /// With this many in flight, failures were no more frequent than with fewer.
    proven: f64,
    /// Requests, and failures among them, at the present size, and at the sizes below it.
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
            baseline: (PRIOR_REQUESTS, PRIOR_FAILURES),
        }
    }

    /// Requests that may be in flight.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at size_max some hundreds")]
    pub(super) fn slots(&self) -> u32 {
        self.size.min(self.limit.unwrap_or(self.max)).max(1.0) as u32
    }

    /// The window beyond which the host seems to refuse.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at size_max some hundreds")]
    pub(super) fn limit(&self) -> Option<u32> {
        self.limit.map(|limit| limit as u32)
    }

    /// A request was served with a full window.
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
        if !has_room {
            return;
        }
        if self.size < BROWSER_WINDOW {
            self.size += 1.0;
        } else {
            let doubling = DOUBLING.max(DOUBLING_ROUND_TRIPS * latency);
            let size_max = (self.proven * STEP).max(BROWSER_WINDOW * STEP);
            self.size = (self.size * (since / doubling).exp2()).min(size_max.max(self.size));
        }
        self.size = self.size.min(self.max);
    }

    /// Records an outcome while only the window limits the requests. If failures are significantly more frequent than
    /// at smaller sizes, the window shrinks.
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

    /// The largest number in flight that has been proven harmless.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some hundreds")]
    pub(super) fn proven(&self) -> u32 {
        self.proven as u32
    }

    /// Whether this many in flight have been proven harmless.
    pub(super) fn has_proven(&self, in_flight: u32) -> bool {
        f64::from(in_flight) <= self.proven
    }

    /// Whether this many in flight are proven harmless, or within the limit.
    pub(super) fn is_within(&self, in_flight: u32) -> bool {
        f64::from(in_flight) <= self.proven.max(self.limit.unwrap_or(0.0))
    }

    /// A run of refusals began, and the host accepted this many of the requests in flight.
    pub(super) fn refused_beyond(&mut self, in_flight: u32, now: Seconds) {
        let limit = f64::from(in_flight.max(1));
        if std::mem::take(&mut self.is_retried) {
            self.hold *= 2.0;
        }
        self.limit = Some(limit);
        self.retry_at = now + self.hold;
        self.size = self.size.min(2.0);
    }

    /// The host refuses requests beyond this many in flight.
    pub(super) fn limit_to(&mut self, in_flight: u32, now: Seconds) {
        let limit = f64::from(in_flight.max(1));
        if std::mem::take(&mut self.is_retried) {
            self.hold *= 2.0;
        }
        self.limit = Some(limit);
        self.proven = self.proven.min(limit);
        self.retry_at = now + self.hold;
        self.size = self.size.min(limit);
        self.current = (0.0, 0.0);
    }

    /// The window is not what the host limits.
    pub(super) fn forget_limit(&mut self) {
        self.limit = None;
        self.hold = RETRY_AFTER;
    }

    /// Requests queue at the host: shrinks the window.
    pub(super) fn shrink_to(&mut self, to: f64) {
        self.size = to.clamp(1.0, self.max);
    }

    /// The rate no longer limits the requests: sets the window to the number it kept in flight.
    pub(super) fn resize_to(&mut self, slots: f64) {
        self.size = slots.clamp(1.0, self.max);
    }

    /// Starts with a small window again.
    pub(super) fn restart(&mut self) {
        self.size = self.size.min(2.0);
    }

    /// The window holds the rate back: widens it, if possible. Returns whether it grew.
    pub(super) fn widen(&mut self) -> bool {
        let slots = self.slots();
        self.limit = None;
        self.size = self.size.max(1.5 * f64::from(slots)).min(self.max);
        self.slots() > slots
    }

    /// Widens the window to at least what the rate needs.
    pub(super) fn widen_to(&mut self, slots: f64) {
        self.size = self.size.max(slots.min(self.max));
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn the_window_reaches_a_browsers_at_once_and_doubles_within_seconds() {
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
    fn the_window_does_not_grow_while_requests_queue() {
        let mut window = Window::new(64);
        (0..50).for_each(|at| window.grow(f64::from(at), 1.0, false));
        assert_eq!(window.slots(), 4);
    }

    #[test]
    fn a_limit_holds_for_a_while_and_is_then_tested() {
        let mut window = Window::new(64);
        window.refused_beyond(3, 0.0);
        (0..50).for_each(|_| window.grow(0.5, 0.1, true));
        assert_eq!(window.slots(), 3);
        (0..5).for_each(|_| window.grow(1.5, 0.1, true));
        assert!(window.slots() > 3);
    }
}
