//! Whether it is our own network that is down, or the hosts.
//!
//! One silence looks like the other. A host that stops answering is charged for it, and so are its URLs; for a cable
//! that is out nobody must be. What tells them apart is whether *anyone* is heard: so a failure without a word from its
//! peer is not judged before somebody else was heard after it, or nobody could be.
//!
//! A state machine without I/O: `now` is an argument, inputs are what was heard, what was silent and what probes found;
//! outputs are an [`ConnectivityState`] and the probes to be made.
//!
//! | state | meaning | leaves it |
//! |---|---|---|
//! | clear | failures are what they seem | a silence that nobody refutes: in doubt; the machine has no way out: down |
//! | in doubt | endpoints that were heard lately are asked | one answers, or they are too few to tell: clear; none of several does: down |
//! | down | nothing is sent but a probe a second, and nobody is charged | an answer, or a way out where the lack of one was the evidence: clear |
//!
//! What it refuses: to call the network down because one host, or two, are silent. Where no others are known there is
//! nothing to go by but the machine's own routes and the canary, if the user has named one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use longhaul_socket::{Endpoint, LocalRoute};
use tokio::time::Instant;

/// Endpoints asked at a time, the canary not counted: enough that not all of them are likely to be gone, few enough to
/// be nobody's burden.
pub const PROBES_MAX: usize = 8;
/// The time that a probe has: connections over half the world take a quarter of it, with one packet lost.
pub const PROBE_WITHIN: Duration = Duration::from_secs(2);
/// Time between the beginnings of two rounds of probes while the network is down.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// An endpoint that was heard less long ago than this is worth asking.
pub const HEARD_LATELY: Duration = Duration::from_mins(10);
/// After a round that found the network well, silences are taken for what they seem for this long.
pub const WELL_FOR: Duration = Duration::from_secs(2);
/// A silence is refuted by whoever was heard in its last part; before that the network may have been there.
pub const SILENCE_COUNTS: Duration = Duration::from_secs(3);
/// So many addresses, silent all at once, are no coincidence. Two may have banned us, or died, in the same minute.
pub const ADDRESSES_SILENT_MIN: usize = 3;
/// Where the machine does have a way out, the belief that everybody fell silent at once for another reason than their
/// own is given up after this long: a night. Hosts are charged again then, so that a run comes to its end.
pub const BELIEVED_FOR: Duration = Duration::from_hours(12);

/// What is known of our own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Nothing speaks against it.
    Up,
    /// It is being found out.
    Suspect,
    /// It is down.
    Down,
}

/// What those need to know who judge failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectivityState {
    /// The state.
    pub connectivity: Connectivity,
    /// Failures up to this time may be judged, if the connectivity is not in doubt.
    pub judged_through: Instant,
    /// The end of the last outage: an exchange that began before it may have failed of it.
    pub last_outage_end: Option<Instant>,
}

/// An attempt that failed without a word from its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// Where, if it came so far.
    pub endpoint: Option<Endpoint>,
    /// When the last word came, or the attempt began.
    pub since: Instant,
    /// Whether the machine has a way out at all.
    pub route: LocalRoute,
}

/// The state machine. One for all hosts of a run.
#[derive(Debug)]
pub struct OutageDetector {
    state: State,
    last_heard: Option<Instant>,
    /// Those heard lately, the last one first, one entry each.
    heard: VecDeque<(Endpoint, Instant)>,
    /// Those that were silent in this doubt or outage.
    silent: BTreeSet<Endpoint>,
    has_canary: bool,
    well_until: Option<Instant>,
    judged_through: Instant,
    last_outage_end: Option<Instant>,
    /// Where the next round begins among those to be asked, so that all of them have their turn.
    turn: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Suspect { since: Instant, is_asking: bool, addresses_asked: usize },
    Down { since: Instant, by_route: bool, next_round: Instant, is_asking: bool },
}

/// Whom to ask now, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRound {
    /// A connection to any of them, or a refusal by one, is an answer.
    pub endpoints: Vec<Endpoint>,
    /// The canary, too.
    pub canary: bool,
}

impl OutageDetector {
    /// Nothing is known yet. `has_canary` says that the user has named somebody to ask.
    #[must_use]
    pub fn new(has_canary: bool, now: Instant) -> Self {
        Self {
            state: State::Up,
            last_heard: None,
            heard: VecDeque::new(),
            silent: BTreeSet::new(),
            has_canary,
            well_until: None,
            judged_through: now,
            last_outage_end: None,
            turn: 0,
        }
    }

    /// What is known now.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        let connectivity = match self.state {
            State::Up => Connectivity::Up,
            State::Suspect { .. } => Connectivity::Suspect,
            State::Down { .. } => Connectivity::Down,
        };
        ConnectivityState {
            connectivity,
            judged_through: self.judged_through,
            last_outage_end: self.last_outage_end,
        }
    }

    /// Since when the network is down, if it is.
    #[must_use]
    pub fn down_since(&self) -> Option<Instant> {
        match self.state {
            State::Down { since, .. } => Some(since),
            _ => None,
        }
    }

    /// A host answered, whatever it said. One whose endpoint is unknown, behind a proxy, shows as well that the network is
    /// there, but cannot be probed.
    pub fn heard(&mut self, endpoint: Option<Endpoint>, at: Instant, now: Instant) {
        self.last_heard = self.last_heard.max(Some(at));
        if let Some(endpoint) = endpoint {
            self.heard.retain(|&(other, _)| other != endpoint);
            self.heard.push_front((endpoint, at));
            // Twice as many as are asked: those that are silent now are not asked first.
            self.heard.truncate(2 * PROBES_MAX);
        }
        match self.state {
            State::Down { since, .. } if at > since => self.clear(now),
            // A word from before the doubt refutes nothing.
            State::Suspect { since, .. } if at > since => self.clear(now),
            _ => {}
        }
    }

    /// An attempt failed without a word.
    pub fn silent(&mut self, silence: Timeout, now: Instant) {
        let Timeout { endpoint, since, route } = silence;
        if route == LocalRoute::Absent {
            self.silent.extend(endpoint);
            if !matches!(self.state, State::Down { .. }) {
                self.go_down(true, now);
            }
            return;
        }
        if self.state != State::Up {
            self.silent.extend(endpoint);
            return;
        }
        let counts_from = since.max(now.checked_sub(SILENCE_COUNTS).unwrap_or(since));
        let is_refuted = self.last_heard.is_some_and(|heard| heard >= counts_from)
            || self.well_until.is_some_and(|until| now < until);
        let is_anyone_to_ask = self.has_canary || self.to_ask(endpoint, now).next().is_some();
        if is_refuted || !is_anyone_to_ask {
            self.judged_through = now;
        } else {
            self.silent.extend(endpoint);
            self.state = State::Suspect { since: now, is_asking: false, addresses_asked: 0 };
        }
    }

    /// When to ask for a [`round`](Self::round); `None` if nobody has to be asked.
    #[must_use]
    pub fn next_round_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Suspect { is_asking: false, .. } => Some(now),
            State::Down { next_round, is_asking: false, .. } => Some(next_round),
            _ => None,
        }
    }

    /// Begins a round of probes. It ends with [`round_ended`](Self::round_ended).
    pub fn round(&mut self, now: Instant) -> ProbeRound {
        let mut endpoints: Vec<Endpoint> = self.to_ask(None, now).collect();
        match &mut self.state {
            State::Up => endpoints.clear(),
            State::Suspect { is_asking, addresses_asked, .. } => {
                *is_asking = true;
                // The silent ones last: what they did not answer may have been asked before the network came back.
                endpoints.sort_by_key(|endpoint| self.silent.contains(endpoint));
                let asked = endpoints.iter().take(PROBES_MAX).chain(&self.silent);
                *addresses_asked = asked.map(|endpoint| endpoint.ip()).collect::<BTreeSet<_>>().len();
            }
            State::Down { is_asking, next_round, .. } => {
                *is_asking = true;
                *next_round = now + PROBE_EVERY;
                endpoints.extend(
                    self.silent.iter().filter(|&silent| !self.heard.iter().any(|(heard, _)| heard == silent)),
                );
                let first = self.turn % endpoints.len().max(1);
                endpoints.rotate_left(first);
                self.turn = first + PROBES_MAX;
            }
        }
        endpoints.truncate(PROBES_MAX);
        ProbeRound { endpoints, canary: self.has_canary }
    }

    /// Those heard lately, the last one first.
    pub fn heard_lately(&self, now: Instant) -> impl Iterator<Item = Endpoint> {
        self.to_ask(None, now)
    }

    /// A round of probes is over: whether anybody answered, and whether the machine has a way out.
    pub fn round_ended(&mut self, is_answered: bool, route: LocalRoute, now: Instant) {
        match &mut self.state {
            State::Up => {}
            &mut State::Suspect { addresses_asked, .. } => {
                let is_evident = self.has_canary || addresses_asked >= ADDRESSES_SILENT_MIN;
                match route {
                    _ if is_answered => self.clear(now),
                    LocalRoute::Absent => self.go_down(true, now),
                    _ if is_evident => self.go_down(false, now),
                    _ => self.clear(now),
                }
            }
            State::Down { since, by_route, is_asking, .. } => {
                *is_asking = false;
                // A way out where there was none is as good as an answer: those who are silent now may be so by themselves.
                let is_back = is_answered || *by_route && route == LocalRoute::Present;
                let is_unbelievable =
                    route != LocalRoute::Absent && now.saturating_duration_since(*since) >= BELIEVED_FOR;
                if is_back || is_unbelievable {
                    self.clear(now);
                }
            }
        }
    }

    /// Those heard lately, except for one.
    fn to_ask(&self, except: Option<Endpoint>, now: Instant) -> impl Iterator<Item = Endpoint> {
        // Nobody can be heard while the network is down, and nobody is forgotten for that.
        let until = match self.state {
            State::Up => now,
            State::Suspect { since, .. } | State::Down { since, .. } => since,
        };
        let is_recent = move |at: Instant| until.saturating_duration_since(at) <= HEARD_LATELY;
        self.heard
            .iter()
            .filter(move |&&(endpoint, at)| Some(endpoint) != except && is_recent(at))
            .map(|&(endpoint, _)| endpoint)
    }

    fn clear(&mut self, now: Instant) {
        if matches!(self.state, State::Down { .. }) {
            self.last_outage_end = Some(now);
        }
        self.state = State::Up;
        self.silent.clear();
        self.well_until = Some(now + WELL_FOR);
        self.judged_through = now;
    }

    fn go_down(&mut self, by_route: bool, now: Instant) {
        self.state = State::Down { since: now, by_route, next_round: now + PROBE_EVERY, is_asking: false };
        self.judged_through = now;
    }
}
