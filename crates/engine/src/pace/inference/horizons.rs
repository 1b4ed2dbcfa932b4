//! How many requests a host bears in a second, in ten, in a minute: each horizon is a hypothesis of what it counts over.
//!
//! A request carries how many were sent in each horizon before it. One that is served shows that these counts are borne. The
//! first of a ban, or of a long refusal, shows that one of its counts was too many; of those that were borne before, none can
//! be it. What remains is weighed by how often people count over such a time, against what a mistake would cost
//! ([`Horizons::choose`]).

use std::collections::VecDeque;

use super::Seconds;

/// What people count over, and a prior of how often: by far the most by the second.
const HORIZONS: [(Seconds, f64); 9] = [
    (1.0, 0.60),
    (2.0, 0.03),
    (5.0, 0.08),
    (10.0, 0.15),
    (20.0, 0.02),
    (30.0, 0.02),
    (60.0, 0.09),
    (300.0, 0.005),
    (600.0, 0.005),
];
/// The pace stays below what a limit seems to be by so much, for the network delivers unevenly.
pub(super) const MARGIN: f64 = 0.97;
/// A count is reached again when it is as near as this: chance and the order of arrival blur it.
const REACHED: f64 = 0.8;
/// A limit that is found again is as high as it was, within this.
const SAME: f64 = 0.9;
/// A long refusal that lasts as long as a horizon speaks for it: so long until a window is empty. So many times as likely ...
const MATCH_WEIGHT: f64 = 4.0;
/// ... where it is within this.
const MATCH_RANGE: (f64, f64) = (0.75, 1.35);
/// A bucket's rate is at most so many times what was let in on the average: requests that were sent together say little.
const BUCKET_RATE_FACTOR_MAX: f64 = 2.0;
/// Requests, and seconds, after which the network has delivered what was sent before.
const REORDERING: (usize, Seconds) = (64, 2.0);
/// A pace is told over so many requests, and so many seconds, at least.
const SENDING_REQUESTS_MIN: usize = 16;
const SENDING_SPAN_MIN: Seconds = 0.05;
/// Times of sending that are kept.
const TIMES_KEPT: usize = 1 << 15;

/// Requests within each horizon.
pub(super) type Counts = [u32; HORIZONS.len()];

#[derive(Debug, Clone, Default)]
pub(super) struct Horizons {
    /// When requests were sent, and which they were in the order of sending.
    times: VecDeque<(u64, Seconds)>,
    /// How many times have been dropped from the front.
    dropped: u64,
    /// The first time within each horizon.
    heads: [u64; HORIZONS.len()],
    accepted: Counts,
    /// Served lately: what was sent after a refusal may have arrived before it.
    recent: VecDeque<(u64, Seconds, Counts)>,
    /// A row of refusals has begun, and may turn out to be a long one: with which request, and its counts.
    open_run: Option<(u64, Counts)>,
    /// Shorter horizons are ruled out: their limits were kept, and it refused all the same.
    ruled_out_max: Seconds,
    /// Counts at which a long refusal began.
    exceeded: [Option<u32>; HORIZONS.len()],
}

impl Horizons {
    /// A request is sent: how many there were in each horizon, itself included.
    pub(super) fn sent(&mut self, sequence: u64, now: Seconds) -> Counts {
        self.times.push_back((sequence, now));
        if self.times.len() > TIMES_KEPT {
            self.times.pop_front();
            self.dropped += 1;
        }
        let end = self.dropped + self.times.len() as u64;
        let mut counts = Counts::default();
        for ((count, head), (over, _)) in counts.iter_mut().zip(&mut self.heads).zip(HORIZONS) {
            *head = (*head).max(self.dropped);
            while self.times[usize::try_from(*head - self.dropped).expect("kept")].1 <= now - over {
                *head += 1;
            }
            *count = u32::try_from(end - *head).expect("kept");
        }
        counts
    }

    /// The rate of a bucket of this size that was empty at one request and is empty again at a later one, where all
    /// requests between took a token but those of which `is_in_vain` is true. `None` where too few are remembered.
    pub(super) fn bucket(
        &self,
        from: u64,
        until: u64,
        size: f64,
        mut is_failed: impl FnMut(u64) -> bool,
    ) -> Option<(f64, f64)> {
        let (first, last) = (self.index(from), self.index(until));
        let (&(sequence, start), &(_, end)) = (self.times.get(first)?, self.times.get(last)?);
        if sequence != from {
            return None;
        }
        let taken: Vec<Seconds> = (first + 1..last)
            .map(|at| self.times[at])
            .filter(|&(sequence, _)| !is_failed(sequence))
            .map(|(_, at)| at)
            .collect();
        if end <= start || taken.is_empty() {
            return None;
        }
        let left = |rate: f64| {
            let (mut tokens, mut at) = (0.0_f64, start);
            for &time in &taken {
                tokens = (tokens + (time - at) * rate).min(size) - 1.0;
                at = time;
            }
            (tokens + (end - at) * rate).min(size)
        };
        // Between what was let in altogether and a rate at which it never runs empty.
        let (mut low, mut high) = (taken.len() as f64 / (end - start), 1.0);
        let most = BUCKET_RATE_FACTOR_MAX * low;
        while left(high) < 1.0 && high < most {
            high *= 2.0;
        }
        high = high.min(most).max(low);
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if left(middle) < 1.0 { low = middle } else { high = middle }
        }
        Some((low, taken.len() as f64))
    }

    /// Where the first of those is that were sent from this one on.
    fn index(&self, sequence: u64) -> usize {
        self.times.partition_point(|sent| sent.0 < sequence)
    }

    /// How many were sent from one on and before another.
    pub(super) fn between(&self, from: u64, until: u64) -> f64 {
        self.index(until).saturating_sub(self.index(from)) as f64
    }

    /// The pace at which requests were sent up to this one: over a second, or over as many as tell it; but over none from
    /// before a wait that the host asked for and that ended at `waited`, where as many were sent since.
    pub(super) fn sending_rate(&self, until: u64, wait_ended: Seconds, now: Seconds) -> f64 {
        let end = self.index(until);
        let last = self.times.get(end).map_or(now, |sent| sent.1);
        let in_a_second = end - self.times.partition_point(|sent| sent.1 <= last - 1.0).min(end);
        let since_wait = end - self.times.partition_point(|sent| sent.1 < wait_ended).min(end);
        let over = in_a_second.max(SENDING_REQUESTS_MIN).min(if since_wait < SENDING_REQUESTS_MIN / 2 {
            end
        } else {
            since_wait
        });
        let first = end - over.min(end);
        let since = self.times.get(first).map_or(last, |sent| sent.1);
        (end - first).max(1) as f64 / (last - since).max(SENDING_SPAN_MIN)
    }

    /// The counts of a request that was sent then, without those before it that were in vain.
    pub(super) fn without(
        &self,
        counts: &Counts,
        sent: Seconds,
        failed: impl Iterator<Item = u64>,
    ) -> Counts {
        let mut counts = *counts;
        for sequence in failed {
            let Some(&(_, at)) = self.times.get(self.index(sequence)).filter(|time| time.0 == sequence)
            else {
                continue;
            };
            for (count, (over, _)) in counts.iter_mut().zip(HORIZONS) {
                *count -= u32::from(sent - at < over && *count > 1);
            }
        }
        counts
    }

    /// One with these counts was served. Returns true if that rules out what had been thought.
    pub(super) fn served(&mut self, sequence: u64, counts: &Counts, now: Seconds) -> bool {
        if let Some((run_start, run_counts)) = &mut self.open_run {
            // It arrived before what was refused.
            for ((accepted, exceeded), &count) in self.accepted.iter_mut().zip(run_counts).zip(counts) {
                if sequence < *run_start {
                    *accepted = (*accepted).max(count);
                } else {
                    *exceeded = (*exceeded).max(count + 1);
                }
            }
            return false;
        }
        self.recent.push_back((sequence, now, *counts));
        let mut rules_out_limit = false;
        while self.recent.len() > REORDERING.0
            || self.recent.front().is_some_and(|recent| recent.1 < now - REORDERING.1)
        {
            let Some((_, _, counts)) = self.recent.pop_front() else { break };
            for ((accepted, exceeded), count) in self.accepted.iter_mut().zip(&mut self.exceeded).zip(counts)
            {
                *accepted = (*accepted).max(count);
                if exceeded.is_some_and(|limit| count >= limit) {
                    *exceeded = None;
                    rules_out_limit = true;
                }
            }
        }
        rules_out_limit
    }

    /// A row of refusals began with a request of these counts.
    pub(super) fn begin_run(&mut self, sequence: u64, counts: &Counts) {
        self.open_run = Some((sequence, *counts));
        for (recent, at, counts) in std::mem::take(&mut self.recent) {
            self.served(recent, &counts, at);
        }
    }

    /// The row was a long one, or not; `kept` is the horizon whose limit was kept meanwhile. All requests before `until` took
    /// part but those of which `is_in_vain` is true: what was let in is what counts, for the network changes the order.
    pub(super) fn end_run(
        &mut self,
        is_ban: bool,
        assumed_horizon: Option<Seconds>,
        until: u64,
        is_failed: impl Fn(u64) -> bool,
    ) {
        let Some((_, counts)) = self.open_run.take().filter(|_| is_ban) else { return };
        let accepted_counts = self.accepted_counts(until, is_failed);
        let is_same = |at: usize, count: u32| {
            self.exceeded[at].is_some_and(|limit| f64::from(count) >= SAME * f64::from(limit))
        };
        // The limit of that horizon was kept, and is no lower than it was thought: it counts over a longer time.
        if let Some(at) = assumed_horizon.and_then(|assumed_horizon| {
            HORIZONS.iter().position(|&(over, _)| (over - assumed_horizon).abs() < f64::EPSILON)
        }) && is_same(at, counts[at].min(accepted_counts[at] + 1))
        {
            self.ruled_out_max = self.ruled_out_max.max(HORIZONS[at].0);
        }
        for at in 0..HORIZONS.len() {
            let count = counts[at].min(accepted_counts[at] + 1);
            let is_reached = f64::from(counts[at]) >= REACHED * f64::from(self.accepted[at]);
            self.exceeded[at] = if is_reached && HORIZONS[at].0 > self.ruled_out_max {
                Some(self.exceeded[at].map_or(count, |limit| limit.min(count)))
            } else {
                None
            };
        }
        if self.exceeded.iter().all(Option::is_none) {
            self.ruled_out_max = 0.0;
        }
    }

    /// How many were let in within each horizon before the last that was.
    fn accepted_counts(&self, until: u64, is_failed: impl Fn(u64) -> bool) -> Counts {
        let mut counts = Counts::default();
        let mut last = None;
        for &(sequence, at) in self.times.range(..self.index(until)).rev() {
            if is_failed(sequence) {
                continue;
            }
            let ago = *last.get_or_insert(at) - at;
            if ago > HORIZONS[HORIZONS.len() - 1].0 {
                break;
            }
            for (count, (over, _)) in counts.iter_mut().zip(HORIZONS) {
                *count += u32::from(ago < over);
            }
        }
        counts
    }

    /// There is no such limit.
    pub(super) fn forget(&mut self) {
        self.exceeded = Default::default();
        self.ruled_out_max = 0.0;
    }

    /// What each hypothesis that is left allows a second, with its weight.
    fn hypotheses(&self) -> impl DoubleEndedIterator<Item = (Seconds, f64, f64)> {
        HORIZONS.iter().zip(self.exceeded).filter_map(|(&(over, weight), limit)| {
            let allowed = f64::from(limit?.saturating_sub(1).max(1));
            let rate = if allowed < 2.0 { 0.9 / over } else { MARGIN * allowed / over };
            Some((over, rate, weight))
        })
    }

    /// The rate that makes the expected time for so many rows least, where each mistake costs so many seconds; and the
    /// horizon that it assumes.
    pub(super) fn choose(
        &self,
        rows: f64,
        cost: Seconds,
        below: f64,
        ban: Seconds,
    ) -> Option<(f64, Seconds)> {
        let matches_ban = |over: Seconds| ban > MATCH_RANGE.0 * over && ban < MATCH_RANGE.1 * over;
        let hypotheses: Vec<_> = self
            .hypotheses()
            .filter(|&(_, rate, _)| rate < below)
            .map(|(over, rate, weight)| {
                (over, rate, if matches_ban(over) { MATCH_WEIGHT * weight } else { weight })
            })
            .collect();
        // best[k]: the least expected time if the horizon is the k-th or a later one.
        let mut best = vec![(f64::INFINITY, 0_usize); hypotheses.len() + 1];
        best[hypotheses.len()] = (0.0, 0);
        for from in (0..hypotheses.len()).rev() {
            let total: f64 = hypotheses[from..].iter().map(|&(_, _, weight)| weight).sum();
            let mut right = 0.0;
            for (at, &(over, rate, weight)) in hypotheses.iter().enumerate().skip(from) {
                right += weight / total;
                let wrong = (1.0 - right).max(0.0);
                let time = rows / rate * right + wrong * (cost + over + best[at + 1].0);
                // The later ones have been valued already.
                let time = if at + 1 == hypotheses.len() { rows / rate } else { time };
                if time < best[from].0 {
                    best[from] = (time, at);
                }
            }
        }
        let (over, rate, _) = *hypotheses.get(best[0].1)?;
        Some((rate, over))
    }
}

#[cfg(test)]
mod tests {
    use super::Horizons;

    fn sent_evenly(count: u32, apart: f64) -> Horizons {
        let mut horizons = Horizons::default();
        for at in 0..count {
            horizons.sent(u64::from(at), f64::from(at) * apart);
        }
        horizons
    }

    #[test]
    fn counts_are_those_within_each_horizon() {
        let mut horizons = sent_evenly(100, 0.1);
        let counts = horizons.sent(100, 10.0);
        assert_eq!(counts[..4], [10, 20, 50, 100]);
    }

    #[test]
    fn the_rate_of_a_bucket_is_found_between_two_refusals() {
        // 20/s flow in, 30/s are asked for, each third is refused; a bucket of two tokens.
        let horizons = sent_evenly(301, 1.0 / 30.0);
        let (rate, taken) = horizons.bucket(0, 300, 2.0, |at| at % 3 == 0).expect("remembered");
        assert!((rate - 20.0).abs() < 2.0, "{rate}");
        assert!((taken - 200.0).abs() < 2.0, "{taken}");
    }

    #[test]
    fn a_ban_leaves_only_horizons_whose_count_was_not_borne_before() {
        let mut horizons = Horizons::default();
        // Ten in a second were borne, and as many for a minute; then comes one too many in ten seconds.
        for at in 0..200_u32 {
            let (sequence, now) = (u64::from(at), f64::from(at / 10));
            let counts = horizons.sent(sequence, now + f64::from(at % 10) * 0.01);
            horizons.served(sequence, &counts, now + 0.1);
        }
        let counts = horizons.sent(200, 20.0);
        horizons.begin_run(200, &counts);
        horizons.end_run(true, None, 201, |at| at == 200);
        let (rate, _) = horizons.choose(1_000.0, 10.0, f64::INFINITY, 0.0).expect("a limit");
        assert!(rate < 11.0, "{rate}");
    }

    #[test]
    fn a_count_that_is_served_later_rules_its_horizon_out() {
        let mut horizons = Horizons::default();
        let counts = horizons.sent(0, 0.0);
        horizons.begin_run(0, &counts);
        horizons.end_run(true, None, 1, |at| at == 0);
        assert!(horizons.choose(10.0, 1.0, f64::INFINITY, 0.0).is_some());
        let counts = (1..=9).map(|at| horizons.sent(at, 100.0)).last().expect("nine");
        horizons.served(9, &counts, 100.1);
        let urls_with_wait = horizons.sent(10, 200.0);
        assert!(horizons.served(10, &urls_with_wait, 200.1), "that is resolved");
        assert!(horizons.choose(10.0, 1.0, f64::INFINITY, 0.0).is_none());
    }
}
