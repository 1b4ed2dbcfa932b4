//! Decides whether a denial belongs to the URL, or answers requests that are too frequent.
//!
//! The controller holds a denied row and requests it again in a round at half the usual pace, or less. It sends witness
//! requests before, between and after the held rows: requests for a URL that the host has served before. A row that is
//! denied between two served witnesses is settled: the denial is charged to its URL. If the host serves no witness, the
//! round is repeated after growing waits, and then all held rows are settled.

use std::collections::{BTreeMap, VecDeque};

use super::Seconds;

/// A round is due with this many held rows, or this many times the window.
const ROUND: (usize, u32) = (16, 4);
/// The pace of a round is halved at most this often: it is at least 1/64 of the usual pace.
const HALVINGS_MAX: u32 = 5;
/// A denial on a new connection is evidence after this many such denials.
const NEW_CONNECTIONS_MAX: u8 = 3;
/// A held row that fails in another way more often is retried as any other: nothing can be found out about its denial.
const OTHER_FAILURES_MAX: u8 = 3;
/// Held rows between two witness requests.
const WITNESS_AFTER: u32 = 8;
/// Denials are charged to URLs in general after this many settled rows, and this many times as many as released ones.
const OWN_MIN: u32 = 3;
/// If denials are charged to URLs, a run this long starts a round: the host may have begun to ban.
const RUN_EXPECTED: u32 = 8;
/// Waits between rounds without a served request: a courtesy, and a prior of how long bans last.
const WAITS: [Seconds; 5] = [0.5, 2.0, 8.0, 32.0, 64.0];

#[derive(Debug, Clone, Copy)]
struct Held {
    /// The request that was last denied in a round.
    denied: Option<u64>,
    /// Rounds in which it was denied between two served witnesses.
    rounds: u8,
    /// Rounds in which it was denied on a new connection.
    new_connections: u8,
    /// Failures of another kind since it was last denied.
    failures: u8,
}

#[derive(Debug, Clone, Default)]
pub(super) struct HeldDenials {
    held: BTreeMap<u64, Held>,
    waiting: VecDeque<u64>,
    /// Rows requested in this round; `None` outside of a round.
    round_requests: Option<u32>,
    since_witness: u32,
    rounds: usize,
    not_before: Seconds,
    /// A row that the host has served.
    witness: Option<u64>,
    /// Rows that were settled, and rows that were released.
    of_url: u32,
    not_of_url: u32,
    /// Denials since a request was served.
    consecutive_denials: u32,
    /// The next round starts as soon as possible.
    is_urgent: bool,
    /// The host has denied a run of requests, so a row needs two rounds.
    needs_two_rounds: bool,
    /// The host served some held rows in this round.
    is_mixed: bool,
    /// How often that happened: each time the pace of the rounds is halved.
    halvings: u32,
    /// Requests served in this round.
    witnesses: Vec<u64>,
    /// Rows whose denial is charged to their URL.
    pub(super) settled: Vec<u64>,
}

/// The next request of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    Row(u64),
    /// This row, which was served before, or any other row.
    Witness(Option<u64>),
    Nothing,
    NotBefore(Seconds),
}

impl HeldDenials {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether denials have turned out to belong to URLs.
    pub(super) fn are_of_urls(&self) -> bool {
        self.of_url >= OWN_MIN && self.of_url > OWN_MIN * self.not_of_url
    }

    /// Records a denial where denials belong to URLs; a long run of them starts a round all the same.
    pub(super) fn denied_as_expected(&mut self) {
        self.consecutive_denials += 1;
        self.is_urgent |= self.consecutive_denials.is_multiple_of(RUN_EXPECTED);
    }

    /// Starts the next round as soon as possible, and demands two rounds for each row.
    pub(super) fn mark_urgent(&mut self) {
        self.needs_two_rounds = true;
        self.is_urgent = true;
    }

    /// Whether this row is held.
    pub(super) fn is_held(&self, url: u64) -> bool {
        self.held.contains_key(&url)
    }

    /// Any held row, for a probe when no other row is left.
    pub(super) fn any_held(&self) -> Option<u64> {
        self.waiting.front().copied().or_else(|| self.held.keys().next().copied())
    }

    /// A held row failed for another reason: its round requests it once more, a few times at most. Returns whether it is
    /// still held.
    pub(super) fn failed_otherwise(&mut self, url: u64) -> bool {
        let Some(held) = self.held.get_mut(&url) else { return false };
        held.failures += 1;
        if held.failures > OTHER_FAILURES_MAX {
            self.forget(url);
            return false;
        }
        if !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
        true
    }

    /// A held row is not here any more, or fails in a way that says nothing about its denial.
    pub(super) fn forget(&mut self, url: u64) {
        self.held.remove(&url);
        if self.held.is_empty() {
            self.round_requests = None;
        }
    }

    /// This row cannot be requested once more.
    pub(super) fn forget_witness(&mut self, url: u64) {
        self.witness = self.witness.filter(|&witness| witness != url);
    }

    /// Whether a round is in progress.
    pub(super) fn is_round(&self) -> bool {
        self.round_requests.is_some()
    }

    /// The usual pace divided by this is the pace of a round.
    pub(super) fn rate_divisor(&self) -> u32 {
        2 << self.halvings
    }

    /// Holds a denied row. `is_new`: the request opened a connection, as few do, so the host may deny that instead of
    /// the URL.
    pub(super) fn hold(&mut self, url: u64, sequence: u64, is_new: bool) {
        let is_round = self.is_round();
        if self.witness == Some(url) {
            self.witness = None;
        }
        let held =
            self.held.entry(url).or_insert(Held { denied: None, rounds: 0, new_connections: 0, failures: 0 });
        let is_evidence = !is_new || held.new_connections >= NEW_CONNECTIONS_MAX;
        held.failures = 0;
        held.new_connections += u8::from(is_round && !is_evidence);
        held.denied = (is_round && is_evidence).then_some(sequence);
        if !is_round && !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
    }

    /// Releases a held row that ended in another way.
    pub(super) fn release(&mut self, url: u64) {
        if self.held.remove(&url).is_some() {
            // The pace caused the denial.
            self.not_of_url += 1;
            self.is_mixed |= self.is_round();
        }
        if self.held.is_empty() {
            self.round_requests = None;
        }
    }

    /// The witness was denied: the pace of the round is still too high.
    pub(super) fn witness_denied(&mut self, now: Seconds) {
        self.held.values_mut().for_each(|held| held.denied = None);
        self.witnesses.clear();
        self.of_url = 0;
        self.end_round(now);
    }

    /// A row that was served before.
    pub(super) fn witness(&self) -> Option<u64> {
        self.witness
    }

    /// Takes this row, which was served just now, as the witness if there is none. Returns whether it is the witness.
    pub(super) fn offer_witness(&mut self, url: u64) -> bool {
        *self.witness.get_or_insert(url) == url
    }

    /// Whether this row is the witness.
    pub(super) fn is_witness(&self, url: u64) -> bool {
        self.witness == Some(url)
    }

    /// Records that this request was served.
    pub(super) fn served(&mut self, sequence: u64) {
        self.consecutive_denials = 0;
        if !self.is_round() {
            return;
        }
        self.witnesses.push(sequence);
        self.rounds = 0;
    }

    /// Ends a round: a row that was denied between two served witnesses has a denial of its own. If some held rows were
    /// served, denials depend on the pace, so the next round is slower.
    fn conclude_round(&mut self) {
        if std::mem::take(&mut self.is_mixed) {
            // What was denied is served now, so earlier denials may not have belonged to their URLs.
            self.of_url = 0;
            if self.halvings < HALVINGS_MAX {
                self.halvings += 1;
                self.is_urgent = true;
                return;
            }
        } else {
            self.halvings = self.halvings.saturating_sub(1);
        }
        let between = |denied: u64| {
            self.witnesses.iter().any(|&before| before < denied)
                && self.witnesses.iter().any(|&after| after > denied)
        };
        let is_of_url = |held: &Held| held.denied.is_some_and(between);
        let of_url: Vec<u64> =
            self.held.iter().filter(|(_, held)| is_of_url(held)).map(|(&url, _)| url).collect();
        // A host that denies fast clients needs a second round.
        let rounds_needed = if self.needs_two_rounds && !self.are_of_urls() { 2 } else { 1 };
        for url in of_url {
            let Some(held) = self.held.get_mut(&url) else { continue };
            held.rounds += 1;
            held.denied = None;
            if held.rounds >= rounds_needed {
                self.settle(url);
            } else {
                self.is_urgent = true;
            }
        }
    }

    /// Charges the denials of all held rows to their URLs.
    pub(super) fn settle_all(&mut self) {
        for url in self.held.keys().copied().collect::<Vec<_>>() {
            self.settle(url);
        }
        self.round_requests = None;
    }

    fn settle(&mut self, url: u64) {
        self.held.remove(&url);
        self.of_url += 1;
        self.settled.push(url);
    }

    /// The next request, with this many other rows ready, this window and this many requests in flight; `Nothing` if no
    /// round is due.
    pub(super) fn next(&mut self, others: u32, slots: u32, in_flight: u32, now: Seconds) -> Next {
        if self.held.is_empty() {
            return Next::Nothing;
        }
        if self.round_requests.is_none() {
            let is_due =
                self.is_urgent || self.held.len() >= ROUND.0.max((ROUND.1 * slots) as usize) || others == 0;
            if !is_due || now < self.not_before && others > 0 {
                return Next::Nothing;
            }
            if now < self.not_before {
                return Next::NotBefore(self.not_before);
            }
            self.round_requests = Some(0);
            self.is_urgent = false;
            self.is_mixed = false;
            self.waiting = self.held.keys().copied().collect();
            self.witnesses.clear();
            self.since_witness = u32::MAX;
        }
        let is_witness = self.witness.is_some() || others > 0;
        if self.since_witness < WITNESS_AFTER || !is_witness {
            while let Some(&url) = self.waiting.front() {
                if self.held.contains_key(&url) {
                    return Next::Row(url);
                }
                self.waiting.pop_front();
            }
        }
        if self.since_witness > 0 && is_witness {
            return Next::Witness(self.witness);
        }
        if in_flight == 0 {
            self.end_round(now);
        }
        if self.round_requests.is_some() || self.held.is_empty() || others > 0 {
            return Next::Nothing;
        }
        Next::NotBefore(self.not_before)
    }

    /// All held rows have been requested, with no served witness after the last one.
    fn end_round(&mut self, now: Seconds) {
        self.conclude_round();
        self.round_requests = None;
        if self.rounds >= WAITS.len() {
            self.settle_all();
            return;
        }
        self.not_before = now + WAITS[self.rounds];
        self.rounds += 1;
    }

    /// A held row is requested.
    pub(super) fn request_sent(&mut self, url: u64) {
        if let Some(at) = self.waiting.iter().position(|&waiting| waiting == url) {
            self.waiting.remove(at);
        }
        self.since_witness = self.since_witness.saturating_add(1);
        self.round_requests = self.round_requests.map(|round_requests| round_requests + 1);
    }

    /// Another row is requested.
    pub(super) fn witness_sent(&mut self) {
        self.since_witness = 0;
    }

    /// Interrupts the round, because the host refuses every request.
    pub(super) fn interrupt(&mut self) {
        self.round_requests = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldDenials, Next};

    /// A round over rows 1 to 4, in which `is_denied` names the rows that the host still denies.
    fn round(held_denials: &mut HeldDenials, sequence: &mut u64, now: f64, is_denied: impl Fn(u64) -> bool) {
        loop {
            let next = held_denials.next(0, 8, 0, now);
            *sequence += 1;
            match next {
                Next::Row(url) => {
                    held_denials.request_sent(url);
                    if is_denied(url) {
                        held_denials.hold(url, *sequence, false);
                    } else {
                        held_denials.release(url);
                        held_denials.served(*sequence);
                    }
                }
                Next::Witness(_) => {
                    held_denials.witness_sent();
                    held_denials.served(*sequence);
                }
                Next::Nothing | Next::NotBefore(_) => return,
            }
        }
    }

    #[test]
    fn a_denial_between_two_served_witnesses_belongs_to_its_url() {
        let mut held_denials = HeldDenials::default();
        assert!(held_denials.offer_witness(0));
        (1..=4).for_each(|url| held_denials.hold(url, url, false));
        round(&mut held_denials, &mut 4, 1.0, |_| true);
        assert_eq!(held_denials.settled, [1, 2, 3, 4]);
    }

    #[test]
    fn a_held_row_that_fails_in_another_way_is_let_go() {
        let mut held_denials = HeldDenials::default();
        assert!(held_denials.offer_witness(0));
        held_denials.hold(1, 1, false);
        assert!((0..3).all(|_| held_denials.failed_otherwise(1)));
        assert!(!held_denials.failed_otherwise(1) && held_denials.is_empty());
    }

    #[test]
    fn one_served_row_makes_the_next_round_slower() {
        let mut held_denials = HeldDenials::default();
        assert!(held_denials.offer_witness(0));
        (1..=4).for_each(|url| held_denials.hold(url, url, false));
        let (mut sequence, before) = (4, held_denials.rate_divisor());
        round(&mut held_denials, &mut sequence, 1.0, |url| url != 2);
        assert!(held_denials.settled.is_empty(), "{:?}", held_denials.settled);
        assert_eq!(held_denials.rate_divisor(), 2 * before);
        round(&mut held_denials, &mut sequence, 100.0, |_| true);
        assert_eq!(held_denials.settled, [1, 3, 4]);
    }
}
