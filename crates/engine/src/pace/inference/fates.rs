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
const CAUTION_MAX: u32 = 5;
/// A denial on a new connection is believed after so many others.
const OPENED_MAX: u8 = 3;
/// A witness is asked after so many kept rows.
const WITNESS_AFTER: u32 = 8;
/// So many denials that were the URLs' own, and so many times as many as others, show that denials are.
const OWN_MIN: u32 = 3;
/// Where denials are the URLs' own, so many in a row are worth a round: the host may ban now.
const ROW_EXPECTED: u32 = 8;
/// Waits between rounds in which nobody was served: courtesy, and a prior of how long bans last.
const WAITS: [Seconds; 5] = [0.5, 2.0, 8.0, 32.0, 64.0];

#[derive(Debug, Clone, Copy)]
struct Held {
    /// When it was last denied at a low pace.
    denied: Option<u64>,
    /// Rounds in which it was denied between two that were served.
    rounds: u8,
    /// Rounds in which it was denied on a new connection.
    opened: u8,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Fates {
    held: BTreeMap<u64, Held>,
    waiting: VecDeque<u64>,
    /// Rows asked in this round; none while there is no round.
    asked: Option<u32>,
    since_witness: u32,
    rounds: usize,
    not_before: Seconds,
    /// A row that was served.
    known: Option<u64>,
    /// Rows that turned out to be denied for their own sake, and rows that did not.
    own: u32,
    not_own: u32,
    /// Denials since a request was served.
    in_a_row: u32,
    /// A round is due as soon as may be.
    is_urgent: bool,
    /// The host has denied several in a row.
    is_suspicious: bool,
    /// Some rows that were denied were served in this round.
    is_mixed: bool,
    /// How often that was so: rounds are made at half the pace of the last one.
    caution: u32,
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
    Nobody,
    NotBefore(Seconds),
}

impl Fates {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether denials have turned out to be the URLs' own.
    pub(super) fn are_own(&self) -> bool {
        self.own >= OWN_MIN && self.own > OWN_MIN * self.not_own
    }

    /// One more was denied where denials have turned out to be the URLs' own: many in a row are looked into all the same.
    pub(super) fn expected(&mut self) {
        self.in_a_row += 1;
        self.is_urgent |= self.in_a_row.is_multiple_of(ROW_EXPECTED);
    }

    /// What the last denials meant is to be found out soon.
    pub(super) fn is_urgent(&mut self) {
        self.is_suspicious = true;
        self.is_urgent = true;
    }

    /// Whether this row is kept.
    pub(super) fn is_held(&self, url: u64) -> bool {
        self.held.contains_key(&url)
    }

    /// One that is kept, for want of others.
    pub(super) fn any(&self) -> Option<u64> {
        self.waiting.front().copied().or_else(|| self.held.keys().next().copied())
    }

    /// A kept row failed for another reason: it is asked once more.
    pub(super) fn postpone(&mut self, url: u64) {
        if !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
    }

    /// Whether rows are asked at a low pace to learn their fate.
    pub(super) fn is_round(&self) -> bool {
        self.asked.is_some()
    }

    /// The pace of a round is this part of the usual one.
    pub(super) fn slowness(&self) -> u32 {
        2 << self.caution
    }

    /// A row was denied. `is_new`: it opened a connection, as few requests do: the host may deny that, and not the row.
    pub(super) fn hold(&mut self, url: u64, sequence: u64, is_new: bool) {
        let is_round = self.is_round();
        if self.known == Some(url) {
            self.known = None;
        }
        let held = self.held.entry(url).or_insert(Held { denied: None, rounds: 0, opened: 0 });
        let is_telling = !is_new || held.opened >= OPENED_MAX;
        held.opened += u8::from(is_round && !is_telling);
        held.denied = (is_round && is_telling).then_some(sequence);
        if !is_round && !self.waiting.contains(&url) {
            self.waiting.push_back(url);
        }
    }

    /// A row that was kept ended in some other way.
    pub(super) fn release(&mut self, url: u64) {
        if self.held.remove(&url).is_some() {
            // It was for the pace.
            self.not_own += 1;
            self.is_mixed |= self.is_round();
        }
        if self.held.is_empty() {
            self.asked = None;
        }
    }

    /// The witness was denied: the pace is not as low as it was thought.
    pub(super) fn witness_denied(&mut self, now: Seconds) {
        self.held.values_mut().for_each(|held| held.denied = None);
        self.witnesses.clear();
        self.own = 0;
        self.end_round(now);
    }

    /// A row that was served before.
    pub(super) fn witness(&self) -> Option<u64> {
        self.known
    }

    /// Whether this is the row that is asked as a witness.
    pub(super) fn is_witness(&self, url: u64) -> bool {
        self.known == Some(url)
    }

    /// A request for this row was served that was sent at this place.
    pub(super) fn served(&mut self, url: u64, sequence: u64) {
        self.known.get_or_insert(url);
        self.in_a_row = 0;
        if !self.is_round() {
            return;
        }
        self.witnesses.push(sequence);
        self.rounds = 0;
    }

    /// At the end of a round: those are denied for their own sake that were denied between two requests that were served. But
    /// where some of them were served now, denials depend on the pace, and this one may still be too high.
    fn judge(&mut self) {
        if std::mem::take(&mut self.is_mixed) && self.caution < CAUTION_MAX {
            self.caution += 1;
            self.is_urgent = true;
            return;
        }
        let between = |denied: u64| {
            self.witnesses.iter().any(|&before| before < denied)
                && self.witnesses.iter().any(|&after| after > denied)
        };
        let is_own = |held: &Held| held.denied.is_some_and(between);
        let own: Vec<u64> = self.held.iter().filter(|(_, held)| is_own(held)).map(|(&url, _)| url).collect();
        // A host that denies those who ask too often is asked twice.
        let enough = if self.is_suspicious && !self.are_own() { 2 } else { 1 };
        for url in own {
            let Some(held) = self.held.get_mut(&url) else { continue };
            held.rounds += 1;
            held.denied = None;
            if held.rounds >= enough {
                self.settle(url);
            } else {
                self.is_urgent = true;
            }
        }
    }

    /// All that are kept were denied for their own sake.
    pub(super) fn believe(&mut self) {
        for url in self.held.keys().copied().collect::<Vec<_>>() {
            self.settle(url);
        }
        self.asked = None;
    }

    fn settle(&mut self, url: u64) {
        self.held.remove(&url);
        self.own += 1;
        self.settled.push(url);
    }

    /// Who is asked next, where so many other rows could be, so many requests may be under way and so many are; `Nobody`
    /// where no round is due.
    pub(super) fn next(&mut self, others: u32, places: u32, under_way: u32, now: Seconds) -> Next {
        if self.held.is_empty() {
            return Next::Nobody;
        }
        if self.asked.is_none() {
            let is_due =
                self.is_urgent || self.held.len() >= ROUND.0.max((ROUND.1 * places) as usize) || others == 0;
            if !is_due || now < self.not_before && others > 0 {
                return Next::Nobody;
            }
            if now < self.not_before {
                return Next::NotBefore(self.not_before);
            }
            self.asked = Some(0);
            self.is_urgent = false;
            self.is_mixed = false;
            self.waiting = self.held.keys().copied().collect();
            self.witnesses.clear();
            self.since_witness = u32::MAX;
        }
        let is_witness = self.known.is_some() || others > 0;
        if self.since_witness < WITNESS_AFTER || !is_witness {
            while let Some(&url) = self.waiting.front() {
                if self.held.contains_key(&url) {
                    return Next::Row(url);
                }
                self.waiting.pop_front();
            }
        }
        if self.since_witness > 0 && is_witness {
            return Next::Witness(self.known);
        }
        if under_way == 0 {
            self.end_round(now);
        }
        if self.asked.is_some() || self.held.is_empty() || others > 0 {
            return Next::Nobody;
        }
        Next::NotBefore(self.not_before)
    }

    /// Everybody has been asked, and nobody was served after the last.
    fn end_round(&mut self, now: Seconds) {
        self.judge();
        self.asked = None;
        if self.rounds >= WAITS.len() {
            self.believe();
            return;
        }
        self.not_before = now + WAITS[self.rounds];
        self.rounds += 1;
    }

    /// A kept row is asked.
    pub(super) fn asks(&mut self, url: u64) {
        if let Some(at) = self.waiting.iter().position(|&waiting| waiting == url) {
            self.waiting.remove(at);
        }
        self.since_witness = self.since_witness.saturating_add(1);
        self.asked = self.asked.map(|asked| asked + 1);
    }

    /// Somebody else is asked.
    pub(super) fn asks_witness(&mut self) {
        self.since_witness = 0;
    }

    /// The round is over for the time being: the host refuses everybody.
    pub(super) fn interrupt(&mut self) {
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Fates, Next};

    /// Rows 1 to 4 were denied; a round is made in which `is_denied` says which of them still are.
    fn round(fates: &mut Fates, sequence: &mut u64, now: f64, is_denied: impl Fn(u64) -> bool) {
        loop {
            let next = fates.next(0, 8, 0, now);
            *sequence += 1;
            match next {
                Next::Row(url) => {
                    fates.asks(url);
                    if is_denied(url) {
                        fates.hold(url, *sequence, false);
                    } else {
                        fates.release(url);
                        fates.served(url, *sequence);
                    }
                }
                Next::Witness(_) => {
                    fates.asks_witness();
                    fates.served(0, *sequence);
                }
                Next::Nobody | Next::NotBefore(_) => return,
            }
        }
    }

    #[test]
    fn rows_that_are_denied_between_two_that_are_served_are_denied_for_their_own_sake() {
        let mut fates = Fates::default();
        fates.served(0, 0);
        (1..=4).for_each(|url| fates.hold(url, url, false));
        round(&mut fates, &mut 4, 1.0, |_| true);
        assert_eq!(fates.settled, [1, 2, 3, 4]);
    }

    #[test]
    fn where_one_of_them_is_served_now_the_others_are_asked_again_more_slowly() {
        let mut fates = Fates::default();
        fates.served(0, 0);
        (1..=4).for_each(|url| fates.hold(url, url, false));
        let (mut sequence, before) = (4, fates.slowness());
        round(&mut fates, &mut sequence, 1.0, |url| url != 2);
        assert!(fates.settled.is_empty(), "{:?}", fates.settled);
        assert_eq!(fates.slowness(), 2 * before);
        round(&mut fates, &mut sequence, 100.0, |_| true);
        assert_eq!(fates.settled, [1, 3, 4]);
    }
}
