//! Decides whether our own network is down, or single hosts are.
//!
//! A host that does not respond looks the same in both cases. In the one, the host and its URLs are charged; in the other,
//! nobody is. What tells them apart is whether *any* host responds. So an attempt without a response is not judged before
//! another host has responded after it, or no host could have.
//!
//! A state machine without I/O: `now` is an argument, inputs are responses, timeouts and results of probes, outputs are a
//! [`ConnectivityState`] and the probes to make.
//!
//! | state | meaning | ends when |
//! |---|---|---|
//! | up | timeouts count against their hosts | a timeout that no response refutes: suspect; the machine has no route: down |
//! | suspect | endpoints that responded lately are probed | one responds, or they are too few to tell: up; none of several does: down |
//! | down | only a round of probes a second is sent, and nobody is charged | a response, or a route where there was none: up |
//!
//! It never concludes from one or two silent hosts that the network is down. If no other hosts are known, only the routing
//! table of the machine and the canary, if the user has named one, can tell.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use longhaul_socket::{Endpoint, LocalRoute};
use tokio::time::Instant;

/// Endpoints probed at a time, without the canary: enough that hardly all of them are gone at once, and few enough to be no
/// burden.
pub const PROBES_MAX: usize = 8;
/// The deadline of a probe: four times what a connection around half the world takes with one packet lost.
pub const PROBE_WITHIN: Duration = Duration::from_secs(2);
/// Time from one round of probes to the next while the network is down.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// An endpoint is probed if it responded less long ago than this.
pub const HEARD_LATELY: Duration = Duration::from_mins(10);
/// For this long after a round that found the network up, timeouts count against their hosts.
pub const WELL_FOR: Duration = Duration::from_secs(2);
/// A response in this last part of a timeout refutes it; at the time of an earlier one the network may still have been up.
pub const SILENCE_COUNTS: Duration = Duration::from_secs(3);
/// So many addresses that are silent at once mean an outage. Two may have banned us, or died, in the same minute.
pub const ADDRESSES_SILENT_MIN: usize = 3;
/// If the machine has a route, an outage that was concluded from silent hosts is given up after this long, a night. From then
/// on hosts are charged again, so that a run comes to its end.
pub const BELIEVED_FOR: Duration = Duration::from_hours(12);

/// The state of our own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// It is up, as far as is known.
    Up,
    /// It may be down: probes are to tell.
    Suspect,
    /// It is down.
    Down,
}

/// What the judgement of failures depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectivityState {
    /// The state.
    pub connectivity: Connectivity,
    /// Failures up to this time may be judged, unless the state is [`Connectivity::Suspect`].
    pub judged_through: Instant,
    /// The end of the last outage: an exchange that began before it may have failed because of it.
    pub last_outage_end: Option<Instant>,
}

/// An attempt that failed without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// The endpoint of the host, if it is known.
    pub endpoint: Option<Endpoint>,
    /// When the host last responded to the attempt, or the attempt began.
    pub since: Instant,
    /// Whether the machine has a route at all.
    pub route: LocalRoute,
}

/// The state machine, one for all hosts of a run.
#[derive(Debug)]
pub struct OutageDetector {
    state: State,
    last_heard: Option<Instant>,
    /// Endpoints that responded, the last one first, one entry each.
    heard: VecDeque<(Endpoint, Instant)>,
    /// Endpoints that have been silent since the network is in doubt or down.
    silent: BTreeSet<Endpoint>,
    has_canary: bool,
    well_until: Option<Instant>,
    judged_through: Instant,
    last_outage_end: Option<Instant>,
    /// Index of the first endpoint of the next round, so that all of them are probed in turn.
    next_probe: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Suspect { since: Instant, is_probing: bool, addresses_probed: usize },
    Down { since: Instant, by_route: bool, next_round: Instant, is_probing: bool },
}

/// What to probe now, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRound {
    /// Endpoints to connect to. A connection or a refusal is a response.
    pub endpoints: Vec<Endpoint>,
    /// Whether to probe the canary, too.
    pub canary: bool,
}

impl OutageDetector {
    /// A detector that knows of no host. `has_canary`: the user has named a host to probe.
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
            next_probe: 0,
        }
    }

    /// The present state.
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

    /// When the network went down, if it is down.
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
            // Twice as many as are probed at a time, because those that are silent now are probed last.
            self.heard.truncate(2 * PROBES_MAX);
        }
        match self.state {
            State::Down { since, .. } if at > since => self.clear(now),
            // A response from before the doubt refutes nothing.
            State::Suspect { since, .. } if at > since => self.clear(now),
            _ => {}
        }
    }

    /// An attempt failed without a response.
    pub fn silent(&mut self, timeout: Timeout, now: Instant) {
        let Timeout { endpoint, since, route } = timeout;
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
        let is_anyone_to_probe = self.has_canary || self.to_probe(endpoint, now).next().is_some();
        if is_refuted || !is_anyone_to_probe {
            self.judged_through = now;
        } else {
            self.silent.extend(endpoint);
            self.state = State::Suspect { since: now, is_probing: false, addresses_probed: 0 };
        }
    }

    /// When the next [`round`](Self::round) of probes is due; `None` if none is.
    #[must_use]
    pub fn next_round_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Suspect { is_probing: false, .. } => Some(now),
            State::Down { next_round, is_probing: false, .. } => Some(next_round),
            _ => None,
        }
    }

    /// Begins a round of probes. It ends with [`round_ended`](Self::round_ended).
    pub fn round(&mut self, now: Instant) -> ProbeRound {
        let mut endpoints: Vec<Endpoint> = self.to_probe(None, now).collect();
        match &mut self.state {
            State::Up => endpoints.clear(),
            State::Suspect { is_probing, addresses_probed, .. } => {
                *is_probing = true;
                // The silent ones last: their attempts may have begun before the network came back.
                endpoints.sort_by_key(|endpoint| self.silent.contains(endpoint));
                let probed = endpoints.iter().take(PROBES_MAX).chain(&self.silent);
                *addresses_probed = probed.map(|endpoint| endpoint.ip()).collect::<BTreeSet<_>>().len();
            }
            State::Down { is_probing, next_round, .. } => {
                *is_probing = true;
                *next_round = now + PROBE_EVERY;
                endpoints.extend(
                    self.silent.iter().filter(|&silent| !self.heard.iter().any(|(heard, _)| heard == silent)),
                );
                let first = self.next_probe % endpoints.len().max(1);
                endpoints.rotate_left(first);
                self.next_probe = first + PROBES_MAX;
            }
        }
        endpoints.truncate(PROBES_MAX);
        ProbeRound { endpoints, canary: self.has_canary }
    }

    /// Endpoints that responded lately, the last one first.
    pub fn heard_lately(&self, now: Instant) -> impl Iterator<Item = Endpoint> {
        self.to_probe(None, now)
    }

    /// A round of probes is over. `is_responding`: a probe was answered; `route`: whether the machine has a route.
    pub fn round_ended(&mut self, is_responding: bool, route: LocalRoute, now: Instant) {
        match &mut self.state {
            State::Up => {}
            &mut State::Suspect { addresses_probed, .. } => {
                let is_evident = self.has_canary || addresses_probed >= ADDRESSES_SILENT_MIN;
                match route {
                    _ if is_responding => self.clear(now),
                    LocalRoute::Absent => self.go_down(true, now),
                    _ if is_evident => self.go_down(false, now),
                    _ => self.clear(now),
                }
            }
            State::Down { since, by_route, is_probing, .. } => {
                *is_probing = false;
                // A new route counts like a response: hosts that are silent now may be down themselves.
                let is_back = is_responding || *by_route && route == LocalRoute::Present;
                let is_given_up =
                    route != LocalRoute::Absent && now.saturating_duration_since(*since) >= BELIEVED_FOR;
                if is_back || is_given_up {
                    self.clear(now);
                }
            }
        }
    }

    /// Endpoints that responded lately, except for one.
    fn to_probe(&self, except: Option<Endpoint>, now: Instant) -> impl Iterator<Item = Endpoint> {
        // While the network is down no host can respond, and none is dropped from the list for that.
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
        self.state = State::Down { since: now, by_route, next_round: now + PROBE_EVERY, is_probing: false };
        self.judged_through = now;
    }
}
