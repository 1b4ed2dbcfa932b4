//! Whether the names at one address are limited each for itself or all together.
//!
//! Thousands of names may live at one address and have nothing to do with each other; or one gate counts what is asked
//! of that address, whoever's name it is. Then a refusal to one of them means that there was nothing left for any: who
//! else asked at that moment was refused, too. Where each has a limit of its own that is chance, and as rare as refusals
//! are. So for each row of refusals the names that were asked at the same time are looked at, and the ratio of
//! the two probabilities is kept as a sum of logarithms (Wald's sequential test, 1945), for the address as a whole.
//!
//! Only refusals by those that have shown a limit count: who refuses by chance, whatever the pace, is nobody's neighbour.
//! Once an address has been found to count, a name at which its refusals gather has a limit of its own beside that, and
//! goes by itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// How far apart two questions are that were asked at the same time.
const TOGETHER: Duration = Duration::from_secs(1);
/// When all that was asked together has been answered, mostly.
const SETTLED: Duration = Duration::from_secs(2);
/// Refusals closer than this are one row.
const ROW: Duration = Duration::from_millis(500);
/// How often what refuses the one refuses the next one, too, where the limit is one: a request later there may be something
/// left again.
const LINK: f64 = 0.25;
/// The address is found to count when that is so many times as probable, as a logarithm: one in a hundred is misled.
const DECIDED: f64 = 4.6;
/// Evidence against it goes no further than this, for hosts change.
const DECIDED_AGAINST: f64 = -6.9;
/// Nobody is believed to be refused more often than this by chance.
const BY_CHANCE_MAX: f64 = 0.8;
/// What is presumed of a name before it is known: so many answers, of which so many were rows of refusals.
const PRESUMED_ANSWERS: f64 = 16.0;
const PRESUMED_ROWS: f64 = 0.5;
/// Answers that count: older ones fade.
const ANSWERS_MAX: f64 = 256.0;
/// Refusals gather at one name if that would happen by chance less than once in so many cases, as a logarithm.
const GATHERED: f64 = 11.5;
/// Answers of one address that are looked back at.
const RECENT_MAX: usize = 1_024;
/// Rows that wait for their judgement.
const PENDING_MAX: usize = 64;
/// Names of one address that are told apart, and addresses that are watched. Of others nothing is found out.
const NAMES_MAX: usize = 1_024;
const ADDRESSES_MAX: usize = 4_096;

/// What an answer has shown about its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedLimitFinding {
    /// What is asked of it is counted, whatever the name: its names are one host.
    One,
    /// The name of this answer has a limit of its own, and does not belong to them.
    Apart,
}

/// An answer, as far as neighbours are concerned.
#[derive(Debug, Clone, Copy)]
pub struct NameAnswer {
    /// When it was asked for.
    pub sent_at: Instant,
    /// It is a refusal.
    pub is_refused: bool,
    /// The name has shown that it counts.
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
    /// Rows of refusals: whose, and when they began.
    pending: VecDeque<(usize, Instant)>,
    /// How much more probable one limit is than many, as a logarithm.
    for_one: f64,
    is_one: bool,
}

#[derive(Debug, Clone, Default)]
struct Name {
    answers: f64,
    rows: f64,
    row_at: Option<Instant>,
    is_limited: bool,
    /// Since the address was found to count.
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
    /// Nobody is known.
    #[must_use]
    pub fn new() -> Self {
        Self { addresses: BTreeMap::new() }
    }

    /// The name was answered from this address. Returns what is news.
    pub fn answered(
        &mut self,
        address: &A,
        name: &K,
        answer: NameAnswer,
        now: Instant,
    ) -> Option<SharedLimitFinding> {
        self.address(address)?.answered(name, answer, now)
    }

    /// The names at this address are one host, whatever they show, and this name is one of them, if there is room for it.
    pub fn unite(&mut self, address: &A, name: &K) {
        if let Some(address) = self.address(address) {
            address.is_one |= address.number(name).is_some();
        }
    }

    /// What is known of this address, if there is room for it.
    fn address(&mut self, address: &A) -> Option<&mut Address<K>> {
        let is_room = self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(address);
        is_room.then(|| self.addresses.entry(address.clone()).or_default())
    }

    /// Whether the name is asked together with the others at this address.
    #[must_use]
    pub fn is_one(&self, address: &A, name: &K) -> bool {
        let is_known = |address: &Address<K>| address.numbers.contains_key(name) && !address.is_apart(name);
        self.addresses.get(address).is_some_and(|address| address.is_one && is_known(address))
    }

    /// The names at this address that are asked together.
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
            return self.gather(number, is_refused);
        }
        let begins_row = self.names[number].note(sent_at, is_refused);
        if self.names.len() < 2 {
            return None;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Seen { name: number, sent_at, is_refused });
        if begins_row && self.pending.len() < PENDING_MAX {
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

    /// Judges the rows that are old enough, and forgets what none of the others will be compared with.
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

    /// What came of those who asked next to the beginning of this row.
    fn evidence(&self, name: usize, at: Instant) -> f64 {
        // Of each other name, the last one before and the first one after: how far away, and whether it was refused.
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
            // The row that is looked at is no evidence of how usual rows are.
            let by_chance = (2.0 * other.share_of_rows(is_refused)).min(BY_CHANCE_MAX);
            if is_refused {
                evidence += (1.0 + LINK * (1.0 - by_chance) / by_chance).ln();
            } else if !refused.is_empty() {
                evidence += (1.0 - LINK).ln();
            }
        }
        evidence
    }

    /// Counts whose refusals they are, where the names have become one.
    fn gather(&mut self, number: usize, is_refused: bool) -> Option<SharedLimitFinding> {
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
        // Chernoff's bound on the chance that so many of them come to one who asks so often.
        let rest = if found < 1.0 { (1.0 - found) * ((1.0 - found) / (1.0 - expected)).ln() } else { 0.0 };
        let improbability = refused * (found * (found / expected).ln() + rest);
        name.is_apart = improbability >= GATHERED;
        name.is_apart.then_some(SharedLimitFinding::Apart)
    }
}

impl Name {
    /// Takes in an answer; returns whether a row of refusals begins.
    fn note(&mut self, sent_at: Instant, is_refused: bool) -> bool {
        if self.answers >= ANSWERS_MAX {
            self.answers /= 2.0;
            self.rows /= 2.0;
        }
        self.answers += 1.0;
        let is_row = |at: Instant| sent_at.saturating_duration_since(at) < ROW;
        let begins = is_refused && !self.row_at.is_some_and(is_row);
        if is_refused {
            self.row_at = Some(sent_at);
        }
        self.rows += f64::from(u8::from(begins));
        begins
    }

    /// How often a question begins a row, one row apart if that is wished.
    fn share_of_rows(&self, but_one: bool) -> f64 {
        let rows = if but_one { (self.rows - 1.0).max(0.0) } else { self.rows };
        (rows + PRESUMED_ROWS) / (self.answers + PRESUMED_ANSWERS)
    }
}
