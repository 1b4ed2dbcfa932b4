//! How many requests a host accepts in a second, in ten seconds, in a minute: each horizon is a hypothesis of its
//! limit.
//!
//! Each request carries the number of requests sent within each horizon before it. An accepted request shows that the
//! host accepts these counts. The first request of a ban shows that one of its counts exceeded a limit, which cannot be
//! a count that the host accepted before. [`Horizons::choose`] weighs the remaining hypotheses, with a prior of common
//! horizons, against the cost of a mistake.

use std::collections::VecDeque;

use super::Seconds;

/// Horizons that operators choose, with their prior probabilities: one second is by far the most common.
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
/// The pace stays this far below an estimated limit, because the network delivers unevenly.
pub(super) const MARGIN: f64 = 0.97;
/// A count reaches an earlier one within this factor: random failures and reordering blur it.
const REACHED: f64 = 0.8;
/// A limit is confirmed if it is found again within this factor.
const SAME: f64 = 0.9;
/// A ban as long as a horizon supports it, because a window takes that long to empty. The weight is this many times
/// higher ...
const MATCH_WEIGHT: f64 = 4.0;
/// ... if the ban is this many horizons long.
const MATCH_RANGE: (f64, f64) = (0.75, 1.35);
/// The rate of a bucket is at most this many times the average accepted rate: requests sent together say little.
const BUCKET_RATE_FACTOR_MAX: f64 = 2.0;
/// After this many requests and seconds the network has delivered everything that was sent before.
const REORDERING: (usize, Seconds) = (64, 2.0);
/// A sending rate spans at least this many requests and seconds.
const SENDING_REQUESTS_MIN: usize = 16;
const SENDING_SPAN_MIN: Seconds = 0.05;
/// Times of sending that are kept.
const TIMES_KEPT: usize = 1 << 15;

/// Requests within each horizon.
pub(super) type Counts = [u32; HORIZONS.len()];

#[derive(Debug, Clone, Default)]
pub(super) struct Horizons {
    /// The sequence number and the time of each request.
    times: VecDeque<(u64, Seconds)>,
    /// Times that have been dropped from the front.
    dropped: u64,
    /// The first request within each horizon.
    heads: [u64; HORIZONS.len()],
    accepted: Counts,
    /// Recently served requests: one that was sent after a refusal may have arrived before it.
    recent: VecDeque<(u64, Seconds, Counts)>,
    /// The start of the present run of refusals, which may turn out to be a ban, and its counts.
    open_run: Option<(u64, Counts)>,
    /// Horizons up to this one are ruled out: the host banned the client while the client kept their limits.
    ruled_out_max: Seconds,
    /// The count at which a ban began, for each remaining hypothesis.
    exceeded: [Option<u32>; HORIZONS.len()],
}

impl Horizons {
    /// Records a request. Returns the number of requests within each horizon, including this one.
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

    /// The rate of a token bucket of this size that was empty at one request and again at a later one. All requests in
    /// between took a token, except those for which `is_failed` is true. `None` if too few requests are kept. Also
    /// returns the number of tokens taken.
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
        // The rate is at least the accepted average, and below the rate at which the bucket never empties.
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

    /// The index of the first request from this one on.
    fn index(&self, sequence: u64) -> usize {
        self.times.partition_point(|sent| sent.0 < sequence)
    }

    /// How many requests were sent from one on and before another.
    pub(super) fn between(&self, from: u64, until: u64) -> f64 {
        self.index(until).saturating_sub(self.index(from)) as f64
    }

    /// The rate at which requests were sent up to this one: over a second, or over enough requests to estimate it.
    /// Requests from before a wait that ended at `wait_ended` are left out if enough requests came since.
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

    /// The counts of a request without earlier requests that failed.
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

    /// Records the counts of a served request. Returns true if they rule out an assumed limit.
    pub(super) fn served(&mut self, sequence: u64, counts: &Counts, now: Seconds) -> bool {
        if let Some((run_start, run_counts)) = &mut self.open_run {
            // The request arrived before the refused ones.
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

    /// A run of refusals begins with a request of these counts.
    pub(super) fn begin_run(&mut self, sequence: u64, counts: &Counts) {
        self.open_run = Some((sequence, *counts));
        for (recent, at, counts) in std::mem::take(&mut self.recent) {
            self.served(recent, &counts, at);
        }
    }

    /// Ends the run of refusals. `is_ban`: the run was a ban. `assumed`: the horizon whose limit the client kept.
    /// Requests before `until` count as accepted unless `is_failed` is true: only accepted requests count, because the
    /// network reorders them.
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
        // The client kept the limit of this horizon, and the limit is as high as before: the host counts over a longer
        // horizon.
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

    /// How many requests the host accepted within each horizon before the last accepted one.
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

    /// Discards all limits.
    pub(super) fn forget(&mut self) {
        self.exceeded = Default::default();
        self.ruled_out_max = 0.0;
    }

    /// The horizon, allowed rate and weight of each remaining hypothesis.
    fn hypotheses(&self) -> impl DoubleEndedIterator<Item = (Seconds, f64, f64)> {
        HORIZONS.iter().zip(self.exceeded).filter_map(|(&(over, weight), limit)| {
            let allowed = f64::from(limit?.saturating_sub(1).max(1));
            let rate = if allowed < 2.0 { 0.9 / over } else { MARGIN * allowed / over };
            Some((over, rate, weight))
        })
    }

    /// The rate that minimises the expected time for this many rows, where each mistake costs `cost` seconds, and the
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
                // The last hypothesis has no alternative.
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
    fn requests_are_counted_within_each_horizon() {
        let mut horizons = sent_evenly(100, 0.1);
        let counts = horizons.sent(100, 10.0);
        assert_eq!(counts[..4], [10, 20, 50, 100]);
    }

    #[test]
    fn two_refusals_give_the_rate_of_a_bucket() {
        // The bucket refills at 20/s and holds two tokens; of 30 requests/s the host refuses every third.
        let horizons = sent_evenly(301, 1.0 / 30.0);
        let (rate, taken) = horizons.bucket(0, 300, 2.0, |at| at % 3 == 0).expect("remembered");
        assert!((rate - 20.0).abs() < 2.0, "{rate}");
        assert!((taken - 200.0).abs() < 2.0, "{taken}");
    }

    #[test]
    fn a_ban_rules_out_horizons_whose_count_was_accepted_before() {
        let mut horizons = Horizons::default();
        // The host accepts ten requests in a second, every second. Then one request exceeds the limit of ten seconds.
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
    fn a_count_that_is_accepted_later_rules_its_horizon_out() {
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
