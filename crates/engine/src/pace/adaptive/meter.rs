//! How many responses a second a host has sent lately.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::pace::offset::Offset;

/// The width of a slot: short compared with a second, the least time over which a rate is measured.
const SLOT: Duration = Duration::from_millis(125);
/// Slots that are kept: sixteen seconds.
const SLOTS: usize = 128;
/// Times of single responses that are kept, for rates of less than a few in the time of all slots.
const STAMPS_MAX: usize = 32;
/// A meter that is younger than the time of a measure is measured over its life, but over this at least.
const LIFE_MIN: Duration = Duration::from_secs(2);

/// Counts of responses with their times, as a memory holds them.
pub(in crate::pace) type AcceptedCounts = Vec<(Offset, u32)>;

/// Counts responses.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    began: Option<Instant>,
    /// The count of each slot, the newest last, and the number of the newest since the beginning.
    slots: VecDeque<u32>,
    newest: u64,
    stamps: VecDeque<Instant>,
}

impl Meter {
    pub(super) fn note(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        self.turn(number_of(now.saturating_duration_since(began)));
        if let Some(slot) = self.slots.back_mut() {
            *slot += 1;
        }
        if self.stamps.len() == STAMPS_MAX {
            self.stamps.pop_front();
        }
        self.stamps.push_back(now);
    }

    /// Responses a second over about this time before `now`; where those are few, over as many as are kept.
    pub(super) fn rate(&self, over: Duration, now: Instant) -> f64 {
        let Some(began) = self.began else { return 0.0 };
        let over = over.min(now.saturating_duration_since(began).max(LIFE_MIN));
        let current = number_of(now.saturating_duration_since(began));
        let wanted = number_of(over).clamp(1, SLOTS as u64);
        let oldest = current.saturating_sub(wanted - 1);
        let count: u32 = self
            .slots
            .iter()
            .rev()
            .enumerate()
            .take_while(|&(back, _)| self.newest >= oldest + back as u64)
            .map(|(_, count)| *count)
            .sum();
        if count as usize >= self.stamps.len().min(4) {
            return f64::from(count) / over.as_secs_f64().min(SLOT.as_secs_f64() * SLOTS as f64);
        }
        self.stamps.front().map_or(0.0, |first| {
            let span = now.saturating_duration_since(*first).max(over);
            self.stamps.len() as f64 / span.as_secs_f64()
        })
    }

    /// Whether it has counted at least `count` responses (32 at most) in at least `slots` of its slots.
    pub(super) fn is_spread_over(&self, slots: usize, count: usize) -> bool {
        let busy = self.slots.iter().filter(|&&count| count > 0).count();
        busy >= slots && self.stamps.len() >= count.min(STAMPS_MAX)
    }

    /// A meter that has counted all of these.
    pub(super) fn recalled<'a>(counts: impl Iterator<Item = &'a AcceptedCounts>, now: Instant) -> Self {
        let mut counted: Vec<(Offset, u32)> = counts.flatten().copied().collect();
        counted.sort_unstable_by_key(|&(at, _)| at);
        let mut meter = Self::default();
        for (at, count) in counted {
            (0..count).for_each(|_| meter.note(at.after(now)));
        }
        meter
    }

    /// What it has counted, as far as it is kept.
    pub(super) fn counts(&self, now: Instant) -> AcceptedCounts {
        let Some(began) = self.began else { return Vec::new() };
        let at = |number: u64| began + SLOT * u32::try_from(number).unwrap_or(u32::MAX);
        let slots = self.slots.iter().rev().zip((0..=self.newest).rev());
        let counted = slots.filter(|&(&count, _)| count > 0);
        counted.map(|(&count, number)| (Offset::of(at(number), now), count)).collect()
    }

    fn turn(&mut self, number: u64) {
        if self.slots.is_empty() || number > self.newest + SLOTS as u64 {
            self.slots.clear();
            self.slots.push_back(0);
            self.newest = number;
        }
        while self.newest < number {
            if self.slots.len() == SLOTS {
                self.slots.pop_front();
            }
            self.slots.push_back(0);
            self.newest += 1;
        }
    }
}

fn number_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / SLOT.as_nanos()).unwrap_or(u64::MAX)
}
