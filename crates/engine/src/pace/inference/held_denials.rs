//! Whether a denial is the URL's own, or what the host says to those who ask too often.
//!
//! A denied row is kept. It is asked again at half the usual pace, and only if it is denied there as well while a request that
//! was sent later at that pace was served is the denial its own. The witness is a URL that was served before (the head of its answer is enough), asked before and after some kept
//! rows. Where nobody was ever served, or is any more, the round is made again after waits that grow, and only then is the
//! host taken at its word.

use std::collections::{BTreeMap, VecDeque};

use super::Seconds;

/// So many kept rows are worth a round of their own, or a few times as many as may be under way.
const ROUND: (usize, u32) = (16, 4);
/// The pace of a round is halved so often at most: 1/64 of the usual one is left.
const HALVINGS_MAX: u32 = 5;
/// A denial on a new connection is believed after so many others.
const NEW_CONNECTIONS_MAX: u8 = 3;
/// A witness is asked after so many kept rows.
const WITNESS_AFTER: u32 = 8;
/// So many denials that were the URLs' own, and so many times as many as others, show that denials are.
const OWN_MIN: u32 = 3;
/// Where denials are the URLs' own, so many in a row are worth a round: the host may ban now.
const RUN_EXPECTED: u32 = 8;
/// Waits between rounds in which nobody was served: courtesy, and a prior of how long bans last.
const WAITS: [Seconds; 5] = [0.5, 2.0, 8.0, 32.0, 64.0];

#[derive(Debug, Clone, Copy)]
struct Held {
    /// When it was last denied at a low pace.
    denied: Option<u64>,
    /// Rounds in which it was denied between two that were served.
    rounds: u8,
    /// Rounds in which it was denied on a new connection.
    new_connections: u8,
}

#[derive(Debug, Clone, Default)]
pub(super) struct HeldDenials {
    held: BTreeMap<u64, Held>,
    waiting: VecDeque<u64>,
    /// Rows asked in this round; none while there is no round.
    round_requests: Option<u32>,
    since_witness: u32,
    rounds: usize,
    not_before: Seconds,
    /// A row that was served.
    witness: Option<u64>,
    /// Rows that turned out to be denied for their own sake, and rows that did not.
    of_url: u32,
    not_of_url: u32,
    /// Denials since a request was served.
    consecutive_denials: u32,
    /// A round is due as soon as may be.
    is_urgent: bool,
    /// The host has denied several in a row.
    needs_two_rounds: bool,
    /// Some rows that were denied were served in this round.
    is_mixed: bool,
    /// How often that was so: rounds are made at half the pace of the last one.
    halvings: u32,
    /// Requests that were served in this round.
    witnesses: Vec<u64>,
    /// Rows that were denied for their own sake.
    pub(super) settled: Vec<u64>,
}

/// Who is asked in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    Row(u64),
    /// This one, which was served before, or anybody.
    Witness(Option<u64>),
    Nothing,
    NotBefore(Seconds),
}

impl HeldDenials {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether denials have turned out to be the URLs' own.
    pub(super) fn are_of_urls(&self) -> bool {
        self.of_url >= OWN_MIN && self.of_url > OWN_MIN * self.not_of_url
    }

    /// One more was denied where denials have turned out to be the URLs' own: many in a row are looked into all the same.
    pub(super) fn denied_as_expected(&mut self) {
        self.consecutive_denials += 1;
        self.is_urgent |= self.consecutive_denials.is_multiple_of(RUN_EXPECTED);
    }

    /// What the last denials meant is to be found out soon.
    pub(super) fn mark_urgent(&mut self) {
        self.needs_two_rounds = true;
        self.is_urgent = true;
    }

    /// Whether this row is kept.
    pub(super) fn is_held(&self, url: u64) -> bool {
        self.held.contains_key(&url)
    }

    /// One that is kept, for want of others.
    pub(super) fn any_held(&self) -> Option<u64> {
        self.waiting.front().copied().or_else(|| self.held.keys().next().copied())
    }

    /// A kept row failed for another reason: it is asked once more.
    pub(super) fn requeue(&mut self, url: u64) {
        if !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
    }

    /// Whether rows are asked at a low pace to learn their fate.
    pub(super) fn is_round(&self) -> bool {
        self.round_requests.is_some()
    }

    /// The pace of a round is this part of the usual one.
    pub(super) fn rate_divisor(&self) -> u32 {
        2 << self.halvings
    }

    /// A row was denied. `is_new`: it opened a connection, as few requests do: the host may deny that, and not the row.
    pub(super) fn hold(&mut self, url: u64, sequence: u64, is_new: bool) {
        let is_round = self.is_round();
        if self.witness == Some(url) {
            self.witness = None;
        }
        let held = self.held.entry(url).or_insert(Held { denied: None, rounds: 0, new_connections: 0 });
        let is_evidence = !is_new || held.new_connections >= NEW_CONNECTIONS_MAX;
        held.new_connections += u8::from(is_round && !is_evidence);
        held.denied = (is_round && is_evidence).then_some(sequence);
        if !is_round && !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
    }

    /// A row that was kept ended in some other way.
    pub(super) fn release(&mut self, url: u64) {
        if self.held.remove(&url).is_some() {
            // It was for the pace.
            self.not_of_url += 1;
            self.is_mixed |= self.is_round();
        }
        if self.held.is_empty() {
            self.round_requests = None;
        }
    }

    /// The witness was denied: the pace is not as low as it was thought.
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

    /// Whether this is the row that is asked as a witness.
    pub(super) fn is_witness(&self, url: u64) -> bool {
        self.witness == Some(url)
    }

    /// A request for this row was served that was sent at this place.
    pub(super) fn served(&mut self, url: u64, sequence: u64) {
        self.witness.get_or_insert(url);
        self.consecutive_denials = 0;
        if !self.is_round() {
            return;
        }
        self.witnesses.push(sequence);
        self.rounds = 0;
    }

    /// At the end of a round: those are denied for their own sake that were denied between two requests that were served. But
    /// where some of them were served now, denials depend on the pace, and this one may still be too high.
    fn conclude_round(&mut self) {
        if std::mem::take(&mut self.is_mixed) && self.halvings < HALVINGS_MAX {
            self.halvings += 1;
            self.is_urgent = true;
            return;
        }
        let between = |denied: u64| {
            self.witnesses.iter().any(|&before| before < denied)
                && self.witnesses.iter().any(|&after| after > denied)
        };
        let is_of_url = |held: &Held| held.denied.is_some_and(between);
        let of_url: Vec<u64> =
            self.held.iter().filter(|(_, held)| is_of_url(held)).map(|(&url, _)| url).collect();
        // A host that denies those who ask too often is asked twice.
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

    /// All that are kept were denied for their own sake.
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

    /// Who is asked next, where so many other rows could be, so many requests may be under way and so many are; `Nobody`
    /// where no round is due.
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

    /// Everybody has been asked, and nobody was served after the last.
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

    /// A kept row is asked.
    pub(super) fn request_sent(&mut self, url: u64) {
        if let Some(at) = self.waiting.iter().position(|&waiting| waiting == url) {
            self.waiting.remove(at);
        }
        self.since_witness = self.since_witness.saturating_add(1);
        self.round_requests = self.round_requests.map(|round_requests| round_requests + 1);
    }

    /// Somebody else is asked.
    pub(super) fn witness_sent(&mut self) {
        self.since_witness = 0;
    }

    /// The round is over for the time being: the host refuses everybody.
    pub(super) fn interrupt(&mut self) {
        self.round_requests = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldDenials, Next};

    /// Rows 1 to 4 were denied; a round is made in which `is_denied` says which of them still are.
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
                        held_denials.served(url, *sequence);
                    }
                }
                Next::Witness(_) => {
                    held_denials.witness_sent();
                    held_denials.served(0, *sequence);
                }
                Next::Nothing | Next::NotBefore(_) => return,
            }
        }
    }

    #[test]
    fn rows_that_are_denied_between_two_that_are_served_are_denied_for_their_own_sake() {
        let mut held_denials = HeldDenials::default();
        held_denials.served(0, 0);
        (1..=4).for_each(|url| held_denials.hold(url, url, false));
        round(&mut held_denials, &mut 4, 1.0, |_| true);
        assert_eq!(held_denials.settled, [1, 2, 3, 4]);
    }

    #[test]
    fn where_one_of_them_is_served_now_the_others_are_asked_again_more_slowly() {
        let mut held_denials = HeldDenials::default();
        held_denials.served(0, 0);
        (1..=4).for_each(|url| held_denials.hold(url, url, false));
        let (mut sequence, before) = (4, held_denials.rate_divisor());
        round(&mut held_denials, &mut sequence, 1.0, |url| url != 2);
        assert!(held_denials.settled.is_empty(), "{:?}", held_denials.settled);
        assert_eq!(held_denials.rate_divisor(), 2 * before);
        round(&mut held_denials, &mut sequence, 100.0, |_| true);
        assert_eq!(held_denials.settled, [1, 3, 4]);
    }
}
