//! The controller of `--pace inference`, the default: it infers what a host limits from the outcomes of the requests.
//!
//! AIMD (additive increase, multiplicative decrease, as in TCP) has one control variable, the window. It raises the
//! window while requests succeed and halves it after each loss. It assumes that every loss means overload, and it has
//! to cause losses again and again to stay near the limit. A web host differs from a network link. It may fail a share
//! of all requests at any pace, limit the requests per second, limit the requests in flight, or ban a client for
//! minutes after one excess. So this controller answers four questions, each with a standard test.
//!
//! 1. **Are failures random, or does a limit cause them?** Random failures are independent: a request that follows a
//!    failure fails no more often than one that follows a success. A limit also refuses the requests sent after the
//!    first refusal. So the controller orders outcomes by time of sending and looks for a run of failures with a
//!    cumulative sum test, CUSUM (`run_detector`). Single failures among successes need a second test. The controller
//!    lowers the pace to the rate that the host accepted, and a sequential probability ratio test decides whether
//!    failures continue there (`random_failure_test`, `single_failures`). Failures that continue are random, and the
//!    controller does not slow down for them.
//! 2. **How long does the host refuse?** After a run of failures the controller pauses: it sends single probes at
//!    growing intervals until one is served (`backoff`). A short pause means that the host had no capacity for a
//!    moment. A pause of seconds means a ban, or a quota that is used up.
//! 3. **What does the host count?** A token bucket that is empty at two refusals has accepted in between what flowed
//!    in, so the accepted count divided by the time is the rate of the limit (`refusals`,
//!    [`horizons::Horizons::bucket`]). If more requests were in flight than ever before, the controller tries a smaller
//!    window first (`window`). A ban shows that some count was too high: the count of one second, of ten seconds, or of
//!    a minute. Each such horizon is a hypothesis with a prior. A count that the host accepts rules out the horizons
//!    whose limit is below it. Among the others the controller chooses the rate that minimises the expected time for
//!    the rest of the list (`horizons`).
//! 4. **Has the limit changed?** The controller holds a rate for some time and then tests higher rates in growing
//!    steps. Each time the old limit is found again, the next test comes after twice the time (`rate`). After a ban it
//!    tests only if the gain outweighs another ban. The window grows in steps; it shrinks when a step has more failures
//!    than the steps below it, or when latency shows that requests queue at the host (`latency`).
//!
//! The controller sets three values: the rate of requests, or of new connections if the host limits those (`units`);
//! the requests in flight; and the open connections ([`Controller::connections`]).
//!
//! The controller refuses to charge a failure to a URL without evidence. A denial (403) counts against a URL only if
//! the URL is denied again at half the pace, between two requests that the host serves (`held_denials`). Other failures
//! count only while the host serves, and only if they are too many to be random (`url_evidence`).
//!
//! The state machine has no clock and no I/O: the time and a random number are arguments. `adapter` implements the
//! trait [`Controller`](super::Controller) with it.

mod adapter;
mod backoff;
mod concurrency_test;
mod held_denials;
mod horizons;
mod latency;
mod memory;
mod outcomes;
mod random_failure_test;
mod rate;
mod refusals;
mod run_detector;
mod sending;
mod signal;
mod single_failures;
mod stalls;
mod two_shares;
mod units;
mod url_evidence;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backoff::Backoff;
use concurrency_test::ConcurrencyTest;
use held_denials::HeldDenials;
use horizons::{Counts, Horizons};
use latency::Latency;
use random_failure_test::RandomFailureTest;
use rate::Rate;
use run_detector::{Outcome, RunDetector};
use signal::FailureMode;
use stalls::Stalls;
use units::{ConnectionTest, Unit};
use window::Window;

use signal::{End, Permit, Pick, Ticket, Work};

pub use adapter::InferencePace;

/// Seconds since the controller was made, or between two events.
type Seconds = f64;

/// Requests whose [`Sent`] record is kept.
const REMEMBERED: usize = 1024;

/// Served requests whose rate is measured.
const SERVED_AT_KEPT: usize = 32;

/// URLs that are remembered for a failure; when there are more, all are forgotten.
const URLS_MAX: usize = 16 * 1024;

/// What the controller keeps of a request that it sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Seconds,
    /// Requests in flight at that time, including this one.
    in_flight: u32,
    /// Whether the request opened a connection.
    is_new: bool,
    counts: [Counts; Unit::COUNT],
}

/// A request in flight.
#[derive(Debug, Clone, Copy)]
struct Open {
    sent: Sent,
    url: u64,
    /// It requests a row once more that was served before.
    is_witness: bool,
    has_begun: bool,
    is_stalled: bool,
    served_before: u64,
}

/// The pace of one host: a state machine without clock or I/O.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    /// Requests in flight at most, by the user's limit.
    window_max: u32,
    /// The least time between two requests, by the user's limit.
    spacing: Seconds,
    /// When that allows the next request.
    next_by_spacing: Seconds,
    window: Window,
    concurrency_test: ConcurrencyTest,
    rate: Option<Rate>,
    run_detector: RunDetector,
    /// What the host counts, as far as the controller can tell, and the evidence for new connections.
    unit: Unit,
    connection_test: ConnectionTest,
    horizons: [Horizons; Unit::COUNT],
    latency: Latency,
    backoff: Backoff,
    random_failure_test: RandomFailureTest,
    held_denials: HeldDenials,
    stalls: Stalls,
    sent: VecDeque<Sent>,
    open: BTreeMap<u64, Open>,
    /// Requests in flight that have not stalled.
    slots_used: u32,
    /// When the slots of requests that failed early become free: not before a response would have come.
    slots_freed_at: VecDeque<Seconds>,
    next_sequence: u64,
    /// Until then the host has asked for silence.
    not_before: Seconds,
    /// When the wait before that one ended.
    wait_ended: Seconds,
    /// Only outcomes of requests from this one on describe the present pace.
    valid_from: u64,
    empty_at: Option<u64>,
    /// Failures since then, in the order of sending.
    failures: VecDeque<(u64, FailureMode)>,
    rate_cuts: u32,
    consecutive_successes: u32,
    consecutive_refusals: u32,
    /// The horizon that the present rate assumes.
    assumed_horizon: Option<Seconds>,
    /// The largest burst that the host accepts.
    burst: Option<f64>,
    /// A failure that is examined once the outcome of the next request is known.
    pending_failure: Option<(u64, FailureMode)>,
    /// A refusal: nothing is sent until the outcome of the next request is known.
    blocked_by: Option<u64>,
    /// Natural logarithm of the probability that the last runs of failures were all random.
    ln_random_probability: f64,
    /// Whether the pace was halved for a second test.
    is_halved: bool,
    /// How the host refuses when its limit is exceeded.
    limit_mode: Option<FailureMode>,
    served: u64,
    /// When the last requests were served outside of rounds.
    served_at: VecDeque<Seconds>,
    denied: u64,
    /// Every request so far was denied, so the denials are charged to the URLs.
    is_denying_all: bool,
    /// When the host last denied a request, and how many probes were sent while it had denied all of them.
    denied_at: Seconds,
    first_probes: usize,
    refused: u64,
    failed_requests: u64,
    remaining: u32,
    /// The first refusal with a Retry-After, until a request that was sent later is served.
    retry_after_from: Option<u64>,
    url_waits_seen: u32,
    /// URLs that returned a Retry-After of their own.
    urls_with_wait: BTreeSet<u64>,
}

impl Controller {
    /// A controller for an unknown host.
    #[must_use]
    fn new(window_max: u32, spacing: Seconds) -> Self {
        Self {
            window_max,
            spacing,
            next_by_spacing: 0.0,
            window: Window::new(window_max),
            concurrency_test: ConcurrencyTest::new(),
            rate: None,
            run_detector: RunDetector::new(),
            unit: Unit::Requests,
            connection_test: ConnectionTest::default(),
            horizons: Default::default(),
            latency: Latency::default(),
            backoff: Backoff::default(),
            random_failure_test: RandomFailureTest::new(),
            held_denials: HeldDenials::default(),
            stalls: Stalls::default(),
            sent: VecDeque::new(),
            open: BTreeMap::new(),
            slots_used: 0,
            slots_freed_at: VecDeque::new(),
            next_sequence: 0,
            not_before: 0.0,
            wait_ended: 0.0,
            valid_from: 0,
            empty_at: None,
            failures: VecDeque::new(),
            rate_cuts: 0,
            consecutive_successes: 0,
            consecutive_refusals: 0,
            assumed_horizon: None,
            burst: None,
            pending_failure: None,
            blocked_by: None,
            ln_random_probability: 0.0,
            is_halved: false,
            limit_mode: None,
            served: 0,
            served_at: VecDeque::new(),
            denied: 0,
            is_denying_all: false,
            denied_at: 0.0,
            first_probes: 0,
            refused: 0,
            failed_requests: 0,
            remaining: 0,
            retry_after_from: None,
            url_waits_seen: 0,
            urls_with_wait: BTreeSet::new(),
        }
    }

    /// The exchange progresses: its first byte has arrived, or more bytes.
    fn progressed(&mut self, ticket: Ticket, now: Seconds) {
        let Some(open) = self.open.get_mut(&ticket.0) else { return };
        let is_first = !std::mem::replace(&mut open.has_begun, true);
        if std::mem::take(&mut open.is_stalled) {
            self.slots_used += 1;
            if self.is_late(ticket.0) {
                self.run_detector.revoke();
                self.random_failure_test.revoke(FailureMode::Silent);
            }
        }
        // The host has accepted the request.
        if is_first && self.backoff.pause.is_none() {
            self.record(ticket.0, Outcome::Accepted, now);
        }
    }

    /// The exchange has made no progress for [`stall_after`](Self::stall_after).
    fn stalled(&mut self, ticket: Ticket, now: Seconds) {
        let Some(open) = self.open.get_mut(&ticket.0).filter(|open| !open.is_stalled) else { return };
        open.is_stalled = true;
        self.slots_used -= 1;
        let is_repeated = self.stalls.stalled(open.url);
        if is_repeated && self.backoff.pause.is_none() {
            // A URL that stalls again is slow: this says nothing about the host.
            self.record(ticket.0, Outcome::Neutral, now);
        } else {
            self.failed(ticket.0, FailureMode::Silent, now);
        }
    }

    /// Whether to abort an exchange after this much silence; it then ends with [`End::Aborted`].
    fn should_abort(&self, ticket: Ticket, silent: Seconds) -> bool {
        let Some(open) = self.open.get(&ticket.0) else { return false };
        let is_probe = self.backoff.pause.as_ref().is_some_and(|pause| ticket.0 >= pause.probes_from);
        let is_known = self.stalls.has_helped() || self.served >= sending::KNOWN_HOST_SERVED_MIN;
        let others = self.served > open.served_before || self.remaining <= 2 && is_known;
        let after = self.stall_after();
        // Where the URLs that are left are slow, a probe that is aborted again shows nothing: it has its whole deadline.
        let is_fresh = !self.stalls.was_aborted(open.url);
        is_probe && is_fresh && self.served > 0 && silent >= after
            || others && self.backoff.pause.is_none() && self.stalls.should_abort(open.url, silent, after)
    }

    /// An exchange has stalled after this much time without progress.
    #[must_use]
    fn stall_after(&self) -> Seconds {
        stalls::after(self.latency.mean(), self.latency.deviation())
    }

    /// The exchange is over. Returns whether its row is held: the controller requests it by [`Pick::Held`], or settles it.
    fn ended(&mut self, ticket: Ticket, end: End, now: Seconds) -> bool {
        let sequence = ticket.0;
        let Some(open) = self.open.remove(&sequence) else { return false };
        if !open.is_stalled {
            self.slots_used -= 1;
        }
        let url = open.url;
        if let Some(mean) = self.latency.mean()
            && !matches!(end, End::Served { .. } | End::Local)
            && open.sent.at + mean > now
        {
            // A failure frees its slot no earlier than a response would.
            self.slots_freed_at.push_back(open.sent.at + mean);
        }
        match end {
            End::Served { latency } => {
                self.held_denials.release(url);
                self.urls_with_wait.remove(&url);
                self.succeeded(sequence, &open, latency, now);
                return false;
            }
            End::Denied => return self.denied(sequence, &open, now),
            End::Refused { retry_after } => {
                self.refused(url, sequence, retry_after, now);
                self.count_failure(&open);
            }
            End::Broken => {
                // A response that has begun shows that the host accepted the request, and does not deny the URL.
                if open.has_begun {
                    self.held_denials.release(url);
                    if self.backoff.pause.as_ref().is_none_or(|pause| sequence < pause.probes_from) {
                        self.record(sequence, Outcome::Accepted, now);
                    } else {
                        self.backoff.failed(open.sent.at, true, now);
                    }
                } else {
                    self.failed(sequence, FailureMode::Broken, now);
                }
                self.count_failure(&open);
            }
            End::Silent => {
                self.failed(sequence, FailureMode::Silent, now);
                self.count_failure(&open);
            }
            End::Aborted => {
                if !open.is_stalled || self.backoff.pause.is_some() {
                    self.failed(sequence, FailureMode::Silent, now);
                }
                self.stalls.aborted(url);
            }
            End::Local => {
                self.record(sequence, Outcome::Neutral, now);
                self.forget_row(&open);
            }
        }
        !open.is_witness && self.held_denials.is_held(url) && self.held_denials.failed_otherwise(url)
    }

    /// Rows whose denial is charged to their URL, since the last call.
    fn settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.held_denials.settled)
    }
}
