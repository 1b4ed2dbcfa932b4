//! What a denial, a refusal or a failure says about its URL.

use super::Seconds;
use super::run_detector::Outcome;
use super::signal::FailureMode;
use super::{Controller, Open, URLS_MAX};

/// Courtesy: a Retry-After applies to its URL only if others were served meanwhile this many times ...
pub(super) const URL_WAITS_MIN: u32 = 3;
/// ... and if at most this share of the requests is refused so.
const URL_SHARE_MAX: f64 = 0.1;
/// If a smaller share of requests opens connections, a denial may apply to the connection.
const NEW_CONNECTION_SHARE_MAX: f64 = 0.5;
/// Consecutive failures of one URL that are less probable than this, if failures are random, belong to the URL.
const RANDOM_PROBABILITY_MIN: f64 = 1e-4;
/// A host that fails more often than this is out of order, so each URL waits longer after each failure.
const RANDOM_SHARE_MAX: f64 = 0.75;

impl Controller {
    /// A request was denied. Returns whether its row is held.
    pub(super) fn denied(&mut self, sequence: u64, open: &Open, now: Seconds) -> bool {
        let url = open.url;
        self.denied += 1;
        self.denied_at = now;
        if self.served == 0 {
            // Whether the host denies every request is known once all requests in flight have an outcome.
            self.record(sequence, Outcome::Neutral, now);
            if self.is_denying_all {
                return false;
            }
            self.held_denials.hold(url, sequence, false);
            return true;
        }
        if open.is_witness {
            if self.backoff.pause.is_none() {
                self.held_denials.witness_denied(now);
            }
            self.failed(sequence, FailureMode::Denied, now);
            return false;
        }
        let is_known = self.random_failure_test.is_proven_random(FailureMode::Denied);
        let is_expected = self.held_denials.is_held(url) && (self.backoff.pause.is_none() || is_known);
        if is_expected && is_known && self.limit_mode != Some(FailureMode::Denied) {
            // The host responds, as far as its rate limit is concerned.
            self.answered(sequence, now);
        } else if self.held_denials.are_of_urls() && self.backoff.pause.is_none() {
            self.held_denials.denied_as_expected();
            self.record(sequence, Outcome::Neutral, now);
        } else if is_expected && self.backoff.pause.is_none() {
            // An expected denial says nothing about the host.
            self.record(sequence, Outcome::Neutral, now);
        } else {
            self.failed(sequence, FailureMode::Denied, now);
        }
        let is_new = self.is_new(sequence) && self.new_connection_share() < NEW_CONNECTION_SHARE_MAX;
        self.held_denials.hold(url, sequence, is_new);
        true
    }

    /// The exchange failed because of this machine: that says nothing about the row.
    pub(super) fn forget_row(&mut self, open: &Open) {
        if open.is_witness {
            self.held_denials.forget_witness(open.url);
        } else {
            self.held_denials.forget(open.url);
        }
    }

    /// Counts a failure towards the share of failures that are random, unless the row is held or is a witness.
    pub(super) fn count_failure(&mut self, open: &Open) {
        self.failed_requests += u64::from(!open.is_witness && !self.held_denials.is_held(open.url));
    }

    /// Records a refusal, perhaps with a Retry-After.
    pub(super) fn refused(&mut self, url: u64, sequence: u64, retry_after: Option<Seconds>, now: Seconds) {
        self.consecutive_refusals += 1;
        self.refused += 1;
        let Some(wait) = retry_after else {
            self.failed(sequence, FailureMode::Throttled, now);
            return;
        };
        let until = now + wait;
        self.served_at.clear();
        let is_seldom = self.refused as f64 <= URL_SHARE_MAX * (self.served + 20) as f64;
        let is_of_url = self.url_waits_seen >= URL_WAITS_MIN && is_seldom;
        let is_first = self.retry_after_from.is_none_or(|first| now >= self.not_before && sequence >= first);
        if is_first {
            self.retry_after_from = Some(sequence);
        }
        if is_of_url
            && self.backoff.pause.is_none()
            && (self.consecutive_refusals <= 2 || self.urls_with_wait.contains(&url))
        {
            if self.urls_with_wait.len() >= URLS_MAX {
                self.urls_with_wait.clear();
            }
            self.urls_with_wait.insert(url);
            if let Some(rate) = &mut self.rate {
                let share = self.refused as f64 / (self.served + self.refused) as f64;
                rate.fall_back(share, now, self.next_sequence);
            }
            self.record(sequence, Outcome::Neutral, now);
            return;
        }
        if self.not_before <= now {
            self.wait_ended = self.not_before;
        }
        self.failed(sequence, FailureMode::Throttled, now);
        self.backoff.retry_after(until);
        self.not_before = self.not_before.max(until);
    }

    /// Whether random failures explain this many failures of one URL. They do not where hardly anything is served.
    pub(super) fn explains(&self, failures: u32) -> bool {
        let share = (self.failed_requests + 1) as f64 / (self.failed_requests + self.served + 20) as f64;
        share <= RANDOM_SHARE_MAX
            && share.powi(i32::try_from(failures).unwrap_or(i32::MAX)) >= RANDOM_PROBABILITY_MIN
    }

    /// Charges all held denials to their URLs, because the user's limit for failing hosts is reached.
    pub(super) fn charge_denials_to_urls(&mut self) {
        self.backoff.pause = None;
        self.held_denials.settle_all();
        self.discard_denial_limit();
        self.restart_measurements();
    }
}
