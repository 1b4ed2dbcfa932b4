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
mod answers;
mod doubts;
mod evidence;
mod fates;
mod horizons;
mod latency;
mod pause_lengths;
mod random_failure_test;
mod rate;
mod refusals;
mod report;
mod rows;
mod sending;
mod signal;
mod stalls;
mod units;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use evidence::{Evidence, Outcome};
use fates::Fates;
use horizons::{Counts, Horizons};
use latency::Latency;
use pause_lengths::PauseLengths;
use random_failure_test::RandomFailureTest;
use rate::Rate;
use signal::Form;
use stalls::Stalls;
use units::{Openings, Unit};
use window::Window;

use signal::{End, Fate, PacePolicy, Permit, Phase, Pick, Ticket, Work};

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
    under_way: u32,
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

/// With which request the host was last found to be empty.
#[derive(Debug, Clone, Copy)]
struct Onset {
    sequence: u64,
}

/// The pace of one host: a state machine without clock or I/O.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    terms: PacePolicy,
    next_by_terms: Seconds,
    window: Window,
    rate: Option<Rate>,
    evidence: Evidence,
    /// What the host counts, as it seems, and what speaks for connections that are opened.
    unit: Unit,
    openings: Openings,
    horizons: [Horizons; Unit::COUNT],
    latency: Latency,
    pauses: PauseLengths,
    chance: RandomFailureTest,
    fates: Fates,
    stalls: Stalls,
    sent: VecDeque<Sent>,
    open: BTreeMap<u64, Open>,
    /// Those of them that have not stalled.
    places: u32,
    /// When places are free again whose requests failed sooner than an answer would have come.
    cooling: VecDeque<Seconds>,
    next_sequence: u64,
    /// The host has asked to be left alone until then.
    not_before: Seconds,
    /// When the wait before that one ended.
    waited: Seconds,
    /// Answers to what was sent before this say nothing about the pace after it.
    cut_sequence: u64,
    onset: Option<Onset>,
    /// Requests in vain since then, in the order of sending.
    bads: VecDeque<(u64, Form)>,
    cuts: u32,
    good_in_a_row: u32,
    refused_in_a_row: u32,
    /// The same before the last failure.
    good_before: u32,
    /// The horizon whose limit is kept.
    assumed: Option<Seconds>,
    /// What it lets in at once, at most.
    burst: Option<f64>,
    /// A failure that is looked at once it is known what came after it.
    doubtful: Option<(u64, Form)>,
    /// A refusal: nothing is sent until it is known what came after it.
    held_by: Option<u64>,
    /// How probable chance has made the last rows of failures, which were taken for chance: a natural logarithm.
    alarms: f64,
    /// The pace was halved for a second test.
    is_halved: bool,
    /// How the host refuses.
    limit_form: Option<Form>,
    served: u64,
    denied: u64,
    /// Nobody was ever served, and each request was denied: the denials are the URLs' own.
    is_denying_all: bool,
    /// When the host denied a request last, and how many probes were made while it had denied everybody.
    denied_at: Seconds,
    first_probes: usize,
    refused: u64,
    in_vain: u64,
    remaining: u32,
    /// A refusal that asked for a wait, and whether what was sent after it was served.
    asked: Option<(u64, bool)>,
    shown: u32,
    /// Rows with a Retry-After of their own.
    later: BTreeSet<u64>,
    failures_of: BTreeMap<u64, u32>,
}

impl Controller {
    /// A host of which nothing is known.
    #[must_use]
    fn new(terms: PacePolicy) -> Self {
        Self {
            terms,
            next_by_terms: 0.0,
            window: Window::new(terms.window_max),
            rate: None,
            evidence: Evidence::new(),
            unit: Unit::Requests,
            openings: Openings::default(),
            horizons: Default::default(),
            latency: Latency::default(),
            pauses: PauseLengths::default(),
            chance: RandomFailureTest::new(),
            fates: Fates::default(),
            stalls: Stalls::default(),
            sent: VecDeque::new(),
            open: BTreeMap::new(),
            places: 0,
            cooling: VecDeque::new(),
            next_sequence: 0,
            not_before: 0.0,
            waited: 0.0,
            cut_sequence: 0,
            onset: None,
            bads: VecDeque::new(),
            cuts: 0,
            good_in_a_row: 0,
            refused_in_a_row: 0,
            good_before: 0,
            assumed: None,
            burst: None,
            doubtful: None,
            held_by: None,
            alarms: 0.0,
            is_halved: false,
            limit_form: None,
            served: 0,
            denied: 0,
            is_denying_all: false,
            denied_at: 0.0,
            first_probes: 0,
            refused: 0,
            in_vain: 0,
            remaining: 0,
            asked: None,
            shown: 0,
            later: BTreeSet::new(),
            failures_of: BTreeMap::new(),
        }
    }

    /// Something was heard of it: a first byte, or more of them.
    fn heard(&mut self, ticket: Ticket, now: Seconds) {
        let Some(open) = self.open.get_mut(&ticket.0) else { return };
        let is_first = !std::mem::replace(&mut open.has_begun, true);
        if std::mem::take(&mut open.is_stalled) {
            self.places += 1;
            if self.is_late(ticket.0) {
                self.evidence.revoke();
                self.chance.revoke(Form::Silent);
            }
        }
        // It was let in.
        if is_first && self.pauses.now.is_none() {
            self.note(ticket.0, Outcome::Served, now);
        }
    }

    /// The exchange has made no progress for [`stall_after`](Self::stall_after).
    fn stalled(&mut self, ticket: Ticket, now: Seconds) {
        let Some(open) = self.open.get_mut(&ticket.0).filter(|open| !open.is_stalled) else { return };
        open.is_stalled = true;
        self.places -= 1;
        let is_again = self.stalls.stalled(open.url);
        if is_again && self.pauses.now.is_none() {
            // That is the URL's own affair.
            self.note(ticket.0, Outcome::Void, now);
        } else {
            self.failed(ticket.0, Form::Silent, now);
        }
    }

    /// Whether to stop an exchange that has been silent for so long; then its end is [`End::Cut`].
    fn cuts(&self, ticket: Ticket, silent: Seconds) -> bool {
        let Some(open) = self.open.get(&ticket.0) else { return false };
        let is_probe = self.pauses.now.as_ref().is_some_and(|pause| ticket.0 >= pause.probes_from);
        let others = self.served > open.served_before || self.remaining <= 2;
        let after = self.stall_after();
        is_probe && self.served > 0 && silent >= after
            || others && self.pauses.now.is_none() && self.stalls.cuts(open.url, silent, after)
    }

    /// An exchange without progress for so long has stalled.
    #[must_use]
    fn stall_after(&self) -> Seconds {
        stalls::after(self.latency.usual(), self.latency.deviation())
    }

    /// The exchange is over. `jitter` is a random number from 0 to 1.
    fn ended(&mut self, ticket: Ticket, end: End, now: Seconds, jitter: f64) -> Fate {
        let sequence = ticket.0;
        let Some(open) = self.open.remove(&sequence) else { return Fate::Failed };
        if !open.is_stalled {
            self.places -= 1;
        }
        let url = open.url;
        if let Some(usual) = self.latency.usual()
            && !matches!(end, End::Served { .. } | End::Local)
            && open.sent.at + usual > now
        {
            // A place is not free sooner for a failure than for an answer.
            self.cooling.push_back(open.sent.at + usual);
        }
        match end {
            End::Served { latency } => {
                self.fates.release(url);
                self.failures_of.remove(&url);
                self.later.remove(&url);
                self.succeeded(sequence, &open, latency, now);
                Fate::Done
            }
            End::Denied { .. } => self.denied(sequence, url, now),
            End::Refused { retry_after, .. } => {
                let not_before = self.refused(url, sequence, retry_after, now, jitter);
                self.again(url, now, not_before)
            }
            End::Broken(phase) => {
                // Where something came, the host had let it in.
                if phase != Phase::Body && !open.has_begun {
                    self.failed(sequence, Form::Broken, now);
                } else if self.pauses.now.as_ref().is_none_or(|pause| sequence < pause.probes_from) {
                    self.note(sequence, Outcome::Served, now);
                } else {
                    self.pauses.again(now);
                }
                self.again(url, now, now)
            }
            End::Silent => {
                self.failed(sequence, Form::Silent, now);
                self.again(url, now, now)
            }
            End::Cut => {
                if !open.is_stalled || self.pauses.now.is_some() {
                    self.failed(sequence, Form::Silent, now);
                }
                self.stalls.cut(url);
                self.not_its_own(url, now)
            }
            End::Local => {
                self.note(sequence, Outcome::Void, now);
                self.not_its_own(url, now)
            }
        }
    }

    /// Rows that were kept and turned out to be denied for their own sake, since the last time.
    fn settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.fates.settled)
    }
}
