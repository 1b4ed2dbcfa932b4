//! Whether the names at one address are limited each by itself or all together.
//!
//! Thousands of names may live at one address and have nothing to do with each other; or one limiter counts the requests
//! to the address, whatever the name. Then a refusal to one name means that nothing was left for any: other names that
//! were asked at that moment were refused too. Where each name has a limit of its own, that happens only by chance, as
//! rarely as refusals do. So for each run of refusals this looks at the names that were asked at the same time, and sums
//! up the log-likelihood ratio of the two cases for the address as a whole (Wald's sequential probability ratio test, 1945).
//!
//! Only refusals by names that have shown a limit count: random refusals say nothing about neighbours. Once an address is
//! known to have a common limit, a name that gets most of the refusals has a limit of its own as well, and parts from the
//! others.
//!
//! A *run* is a sequence of refusals of one name close together.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Two requests that were sent within this time were sent at the same time.
const TOGETHER: Duration = Duration::from_secs(1);
/// After this time most requests that were sent together have been answered.
const SETTLED: Duration = Duration::from_secs(2);
/// Refusals of one name within this time are one run.
const RUN: Duration = Duration::from_millis(500);
/// The probability that a common limit refuses the neighbouring request too: a request later something may be left again.
const LINK: f64 = 0.25;
/// The log-likelihood ratio at which an address has a common limit: one decision in a hundred errs.
const DECIDED: f64 = 4.6;
/// The least log-likelihood ratio, for hosts change.
const DECIDED_AGAINST: f64 = -6.9;
/// The largest share of random refusals that is assumed.
const BY_CHANCE_MAX: f64 = 0.8;
/// The prior of a name: this many responses, with this many runs of refusals.
const PRESUMED_ANSWERS: f64 = 16.0;
const PRESUMED_RUNS: f64 = 0.5;
/// Responses that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;
/// A name gets more refusals than its share if that is less probable than this, as a negative logarithm.
const SHARE_EXCEEDED: f64 = 11.5;
/// Recent responses that are kept of one address.
const RECENT_MAX: usize = 1_024;
/// Runs of one address that wait to be judged.
const PENDING_MAX: usize = 64;
/// Names of one address, and addresses, that are watched. Nothing is found out about others.
const NAMES_MAX: usize = 1_024;
const ADDRESSES_MAX: usize = 4_096;

/// What a response has shown about its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedLimitFinding {
    /// The address has one limit for all its names: they are one host.
    One,
    /// The name has a limit of its own, and parts from the others.
    Apart,
}

/// A response, as the detector sees it.
#[derive(Debug, Clone, Copy)]
pub struct NameAnswer {
    /// When the request was sent.
    pub sent_at: Instant,
    /// Whether the host refused the request.
    pub is_refused: bool,
    /// Whether the name has shown a limit.
    pub is_limited: bool,
}

/// The names at each address. `A` is an address, `K` names a host.
#[derive(Debug, Clone)]
pub struct SharedLimitDetector<A, K> {
    addresses: BTreeMap<A, Address<K>>,
}

#[derive(Debug, Clone)]
struct Address<K> {
    numbers: BTreeMap<K, usize>,
    names: Vec<Name>,
    recent: VecDeque<Seen>,
    /// Runs of refusals: the name, and when the run began.
    pending: VecDeque<(usize, Instant)>,
    /// The log-likelihood ratio of one limit to many.
    for_one: f64,
    is_one: bool,
}

#[derive(Debug, Clone, Default)]
struct Name {
    answers: f64,
    runs: f64,
    run_at: Option<Instant>,
    is_limited: bool,
    /// Requests, and refusals, since the address was found to have one limit.
    asked: u32,
    refused: u32,
    is_apart: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    name: usize,
    sent_at: Instant,
    is_refused: bool,
}

impl<A: Ord + Clone, K: Ord + Clone> Default for SharedLimitDetector<A, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Ord + Clone, K: Ord + Clone> SharedLimitDetector<A, K> {
    /// A detector that knows no address.
    #[must_use]
    pub fn new() -> Self {
        Self { addresses: BTreeMap::new() }
    }

    /// Takes a response for the name from this address. Returns what it has shown, if that is new.
    pub fn answered(
        &mut self,
        address: &A,
        name: &K,
        answer: NameAnswer,
        now: Instant,
    ) -> Option<SharedLimitFinding> {
        self.address(address)?.answered(name, answer, now)
    }

    /// Takes the names at this address for one host, and this name for one of them, if there is room for it.
    pub fn unite(&mut self, address: &A, name: &K) {
        if let Some(address) = self.address(address) {
            address.is_one |= address.number(name).is_some();
        }
    }

    /// The address, if there is room for it.
    fn address(&mut self, address: &A) -> Option<&mut Address<K>> {
        let is_room = self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(address);
        is_room.then(|| self.addresses.entry(address.clone()).or_default())
    }

    /// Whether the name is one host with the others at this address.
    #[must_use]
    pub fn is_one(&self, address: &A, name: &K) -> bool {
        let is_known = |address: &Address<K>| address.numbers.contains_key(name) && !address.is_apart(name);
        self.addresses.get(address).is_some_and(|address| address.is_one && is_known(address))
    }

    /// The names at this address that are one host.
    pub fn names(&self, address: &A) -> impl Iterator<Item = &K> {
        let address = self.addresses.get(address).filter(|address| address.is_one);
        address.into_iter().flat_map(|address| address.numbers.keys().filter(|name| !address.is_apart(name)))
    }
}

impl<K> Default for Address<K> {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            names: Vec::new(),
            recent: VecDeque::new(),
            pending: VecDeque::new(),
            for_one: 0.0,
            is_one: false,
        }
    }
}

impl<K: Ord + Clone> Address<K> {
    fn is_apart(&self, name: &K) -> bool {
        self.numbers.get(name).is_some_and(|&number| self.names[number].is_apart)
    }

    fn number(&mut self, name: &K) -> Option<usize> {
        if let Some(&number) = self.numbers.get(name) {
            return Some(number);
        }
        if self.names.len() >= NAMES_MAX {
            return None;
        }
        self.numbers.insert(name.clone(), self.names.len());
        self.names.push(Name::default());
        Some(self.names.len() - 1)
    }

    fn answered(&mut self, name: &K, answer: NameAnswer, now: Instant) -> Option<SharedLimitFinding> {
        let NameAnswer { sent_at, is_refused, is_limited } = answer;
        let number = self.number(name)?;
        self.names[number].is_limited = is_limited;
        if self.is_one {
            return self.count_shares(number, is_refused);
        }
        let begins_run = self.names[number].note(sent_at, is_refused);
        if self.names.len() < 2 {
            return None;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Seen { name: number, sent_at, is_refused });
        if begins_run && self.pending.len() < PENDING_MAX {
            self.pending.push_back((number, sent_at));
        }
        self.judge(now);
        self.is_one = self.for_one >= DECIDED;
        if self.is_one {
            self.recent = VecDeque::new();
            self.pending = VecDeque::new();
        }
        self.is_one.then_some(SharedLimitFinding::One)
    }

    /// Judges the runs that are old enough, and forgets responses that no other run will be compared with.
    fn judge(&mut self, now: Instant) {
        while let Some(&(name, at)) = self.pending.front()
            && now.saturating_duration_since(at) >= SETTLED
        {
            self.pending.pop_front();
            if self.names[name].is_limited {
                let evidence = self.evidence(name, at);
                self.for_one = (self.for_one + evidence).max(DECIDED_AGAINST);
            }
        }
        let oldest = self.pending.front().map_or(now, |&(_, at)| at);
        while let Some(seen) = self.recent.front()
            && oldest.saturating_duration_since(seen.sent_at) > SETTLED + TOGETHER
        {
            self.recent.pop_front();
        }
    }

    /// The evidence of the requests that were sent at the beginning of this run.
    fn evidence(&self, name: usize, at: Instant) -> f64 {
        // Of each other name, the last request before and the first after: the distance, and whether it was refused.
        let mut nearest: BTreeMap<(usize, bool), (Duration, bool)> = BTreeMap::new();
        for seen in self.recent.iter().filter(|seen| seen.name != name) {
            let is_after = seen.sent_at > at;
            let away = seen.sent_at.max(at) - seen.sent_at.min(at);
            let entry = nearest.entry((seen.name, is_after)).or_insert((Duration::MAX, false));
            if away <= TOGETHER && away < entry.0 {
                *entry = (away, seen.is_refused);
            }
        }
        let mut evidence = 0.0;
        for (number, other) in self.names.iter().enumerate() {
            let sides = [false, true].map(|is_after| nearest.get(&(number, is_after)));
            let asked = sides.into_iter().flatten().filter(|(away, _)| *away <= TOGETHER);
            let refused: Vec<bool> = asked.map(|&(_, is_refused)| is_refused).collect();
            let is_refused = refused.contains(&true);
            // The run that is judged is no evidence of how common runs are.
            let by_chance = (2.0 * other.share_of_runs(is_refused)).min(BY_CHANCE_MAX);
            if is_refused {
                evidence += (1.0 + LINK * (1.0 - by_chance) / by_chance).ln();
            } else if !refused.is_empty() {
                evidence += (1.0 - LINK).ln();
            }
        }
        evidence
    }

    /// Counts the refusals of each name of a common limit. Returns whether one gets more than its share.
    fn count_shares(&mut self, number: usize, is_refused: bool) -> Option<SharedLimitFinding> {
        let name = &mut self.names[number];
        if name.is_apart {
            return None;
        }
        name.asked = name.asked.saturating_add(1);
        name.refused = name.refused.saturating_add(u32::from(is_refused));
        if !is_refused {
            return None;
        }
        let (mut asked, mut refused) = (0.0, 0.0);
        for name in self.names.iter().filter(|name| !name.is_apart) {
            asked += f64::from(name.asked);
            refused += f64::from(name.refused);
        }
        let name = &mut self.names[number];
        let (expected, found) = (f64::from(name.asked) / asked, f64::from(name.refused) / refused);
        if found <= expected || expected >= 1.0 {
            return None;
        }
        // Chernoff's bound on the probability that a name with this share of the requests gets this share of the refusals.
        let rest = if found < 1.0 { (1.0 - found) * ((1.0 - found) / (1.0 - expected)).ln() } else { 0.0 };
        let improbability = refused * (found * (found / expected).ln() + rest);
        name.is_apart = improbability >= SHARE_EXCEEDED;
        name.is_apart.then_some(SharedLimitFinding::Apart)
    }
}

impl Name {
    /// Takes a response; returns whether a run of refusals begins.
    fn note(&mut self, sent_at: Instant, is_refused: bool) -> bool {
        if self.answers >= ANSWERS_MAX {
            self.answers /= 2.0;
            self.runs /= 2.0;
        }
        self.answers += 1.0;
        let is_run = |at: Instant| sent_at.saturating_duration_since(at) < RUN;
        let begins = is_refused && !self.run_at.is_some_and(is_run);
        if is_refused {
            self.run_at = Some(sent_at);
        }
        self.runs += f64::from(u8::from(begins));
        begins
    }

    /// The share of requests that begin a run; `but_one` leaves one run out.
    fn share_of_runs(&self, but_one: bool) -> f64 {
        let runs = if but_one { (self.runs - 1.0).max(0.0) } else { self.runs };
        (runs + PRESUMED_RUNS) / (self.answers + PRESUMED_ANSWERS)
    }
}
