//! How fast one host is asked, and what its answers mean for the rows of the list.
//!
//! AIMD (TCP's additive increase, multiplicative decrease) raises a window while all goes well and halves it at each loss. It
//! takes every loss for a sign of too much, knows one knob, and must lose again and again to stay near the limit. Hosts differ
//! from networks: some fail by chance however slowly they are asked, some count requests a second, some count what is under
//! way, and some ban for minutes whoever oversteps once. This controller asks four questions in turn.
//!
//! 1. **Chance or limit?** Chance has no memory: after a failure the next request fails as often as after a success. Under a
//!    limit, what is *sent after* the first refusal is refused, too. So answers are put into the order of sending, and a row
//!    of failures is tested against the share of single ones (`evidence`). Single failures among successes are tested by
//!    pace: a limit refuses nobody at what it was seen to let in, or at half of that; chance does not care
//!    (`random_failure_test`, `doubts`). What has been proved to be chance is not slowed down for.
//! 2. **How long?** After a row of refusals nothing is sent but single probes, ever later (`pause_lengths`). A host that
//!    serves again at once had no place at the moment; one that takes seconds has banned us, or its window is used up.
//! 3. **What is counted?** For a moment: what was let in between two moments at which the host was empty, by the time
//!    between, is its rate, as for a bucket of tokens (`refusals`, [`horizons::Horizons::bucket`]); or as many were under way
//!    as never before, and fewer are tried first (`window`). For a ban: the count that was too many, within a second, ten, a
//!    minute. Each such horizon is a hypothesis, which is ruled out by counts that were served before or are served later;
//!    among those left the rate is chosen that makes the expected time for the rest of the list least (`horizons`).
//! 4. **Has it changed?** A rate is kept for a while and then tested in growing steps, each time after twice as long (`rate`);
//!    after a ban only where the gain is worth another ban. The window grows in steps that are each compared with those
//!    below, and gives way where latency says that requests wait for each other (`latency`).
//!
//! There are three knobs: requests a second, evenly spaced, or connections opened a second where those are what is refused
//! (`units`); requests under way; and connections open, of which idle ones are closed first
//! ([`Controller::connections`]). The state machine has no clock and no I/O: `now` is an argument, and so is a
//! random number. `adapter` puts it behind the trait [`Controller`](super::Controller).
//!
//! Rows are never burnt: a denial (403) is a URL's own only after it was denied again at half the pace, between two requests
//! for a URL that is known to be served (`fates`); a failure is charged to a URL only while others are served.

mod adapter;
mod backoff;
mod held_denials;
mod horizons;
mod latency;
mod memory;
mod outcomes;
mod random_failure_test;
mod rate;
mod refusals;
mod row_decision;
mod run_detector;
mod sending;
mod signal;
mod single_failures;
mod stalls;
mod units;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backoff::Backoff;
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

use signal::{End, PacePolicy, Permit, Phase, Pick, RowDecision, Ticket, Work};

pub use adapter::InferencePace;
pub(in crate::pace) use window::COURTEOUS_MAX;

/// Seconds, since the controller was made or between two events.
type Seconds = f64;

/// Requests whose circumstances are remembered.
const REMEMBERED: usize = 1024;

/// URLs of which failures are remembered; beyond that they are forgotten, and counted from the start.
const URLS_MAX: usize = 16 * 1024;

/// What is remembered of a request that was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Seconds,
    /// Under way then, itself included.
    in_flight: u32,
    /// It opened a connection.
    is_new: bool,
    counts: [Counts; Unit::COUNT],
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Open {
    sent: Sent,
    url: u64,
    has_begun: bool,
    is_stalled: bool,
    served_before: u64,
}

/// The pace of one host: a state machine without clock or I/O.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    policy: PacePolicy,
    next_by_policy: Seconds,
    window: Window,
    rate: Option<Rate>,
    run_detector: RunDetector,
    /// What the host counts, as it seems, and what speaks for connections that are opened.
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
    /// Those of them that have not stalled.
    slots_used: u32,
    /// When places are free again whose requests failed sooner than an answer would have come.
    slots_freed_at: VecDeque<Seconds>,
    next_sequence: u64,
    /// The host has asked to be left alone until then.
    not_before: Seconds,
    /// When the wait before that one ended.
    wait_ended: Seconds,
    /// Answers to what was sent before this say nothing about the pace after it.
    valid_from: u64,
    empty_at: Option<u64>,
    /// Requests in vain since then, in the order of sending.
    failures: VecDeque<(u64, FailureMode)>,
    rate_cuts: u32,
    consecutive_successes: u32,
    consecutive_refusals: u32,
    /// The same before the last failure.
    successes_before_failure: u32,
    /// The horizon whose limit is kept.
    assumed_horizon: Option<Seconds>,
    /// What it lets in at once, at most.
    burst: Option<f64>,
    /// A failure that is looked at once it is known what came after it.
    pending_failure: Option<(u64, FailureMode)>,
    /// A refusal: nothing is sent until it is known what came after it.
    blocked_by: Option<u64>,
    /// How probable chance has made the last rows of failures, which were taken for chance: a natural logarithm.
    ln_random_probability: f64,
    /// The pace was halved for a second test.
    is_halved: bool,
    /// How the host refuses.
    limit_mode: Option<FailureMode>,
    served: u64,
    denied: u64,
    /// Nobody was ever served, and each request was denied: the denials are the URLs' own.
    is_denying_all: bool,
    /// When the host denied a request last, and how many probes were made while it had denied everybody.
    denied_at: Seconds,
    first_probes: usize,
    refused: u64,
    failed_requests: u64,
    remaining: u32,
    /// The first refusal with a Retry-After, until a request that was sent later is served.
    retry_after_from: Option<u64>,
    url_waits_seen: u32,
    /// Rows with a Retry-After of their own.
    urls_with_wait: BTreeSet<u64>,
    failures_by_url: BTreeMap<u64, u32>,
}

impl Controller {
    /// A host of which nothing is known.
    #[must_use]
    fn new(policy: PacePolicy) -> Self {
        Self {
            policy,
            next_by_policy: 0.0,
            window: Window::new(policy.window_max),
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
            successes_before_failure: 0,
            assumed_horizon: None,
            burst: None,
            pending_failure: None,
            blocked_by: None,
            ln_random_probability: 0.0,
            is_halved: false,
            limit_mode: None,
            served: 0,
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
            failures_by_url: BTreeMap::new(),
        }
    }

    /// Something was heard of it: a first byte, or more of them.
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
        // It was let in.
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
            // That is the URL's own affair.
            self.record(ticket.0, Outcome::Neutral, now);
        } else {
            self.failed(ticket.0, FailureMode::Silent, now);
        }
    }

    /// Whether to stop an exchange that has been silent for so long; then its end is [`End::Cut`].
    fn should_abort(&self, ticket: Ticket, silent: Seconds) -> bool {
        let Some(open) = self.open.get(&ticket.0) else { return false };
        let is_probe = self.backoff.pause.as_ref().is_some_and(|pause| ticket.0 >= pause.probes_from);
        let others = self.served > open.served_before || self.remaining <= 2;
        let after = self.stall_after();
        is_probe && self.served > 0 && silent >= after
            || others && self.backoff.pause.is_none() && self.stalls.should_abort(open.url, silent, after)
    }

    /// An exchange without progress for so long has stalled.
    #[must_use]
    fn stall_after(&self) -> Seconds {
        stalls::after(self.latency.mean(), self.latency.deviation())
    }

    /// The exchange is over. `jitter` is a random number from 0 to 1.
    fn ended(&mut self, ticket: Ticket, end: End, now: Seconds, jitter: f64) -> RowDecision {
        let sequence = ticket.0;
        let Some(open) = self.open.remove(&sequence) else { return RowDecision::Failed };
        if !open.is_stalled {
            self.slots_used -= 1;
        }
        let url = open.url;
        if let Some(mean) = self.latency.mean()
            && !matches!(end, End::Served { .. } | End::Local)
            && open.sent.at + mean > now
        {
            // A place is not free sooner for a failure than for an answer.
            self.slots_freed_at.push_back(open.sent.at + mean);
        }
        match end {
            End::Served { latency } => {
                self.held_denials.release(url);
                self.failures_by_url.remove(&url);
                self.urls_with_wait.remove(&url);
                self.succeeded(sequence, &open, latency, now);
                RowDecision::Done
            }
            End::Denied { .. } => self.denied(sequence, url, now),
            End::Refused { retry_after, .. } => {
                let not_before = self.refused(url, sequence, retry_after, now, jitter);
                self.retry(url, now, not_before)
            }
            End::Broken(phase) => {
                // Where something came, the host had let it in.
                if phase != Phase::Body && !open.has_begun {
                    self.failed(sequence, FailureMode::Broken, now);
                } else if self.backoff.pause.as_ref().is_none_or(|pause| sequence < pause.probes_from) {
                    self.record(sequence, Outcome::Accepted, now);
                } else {
                    self.backoff.reprobe(now);
                }
                self.retry(url, now, now)
            }
            End::Silent => {
                self.failed(sequence, FailureMode::Silent, now);
                self.retry(url, now, now)
            }
            End::Aborted => {
                if !open.is_stalled || self.backoff.pause.is_some() {
                    self.failed(sequence, FailureMode::Silent, now);
                }
                self.stalls.aborted(url);
                self.retry_uncharged(url, now)
            }
            End::Local => {
                self.record(sequence, Outcome::Neutral, now);
                self.retry_uncharged(url, now)
            }
        }
    }

    /// Rows that were kept and turned out to be denied for their own sake, since the last time.
    fn settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.held_denials.settled)
    }
}
