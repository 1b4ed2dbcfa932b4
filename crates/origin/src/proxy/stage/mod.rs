//! A toxic at work on one direction of one connection: a state machine that items go into and come out of, later, or in
//! other pieces, or not at all. Without I/O: `now` is an argument, and chance is a generator that is passed in.

mod ending;
mod pacing;

use tokio::time::Instant;

use super::chance::ToxicityDraw;
use super::effect::Effect;
use super::item::{Item, Queue};
use super::toxic::{Placed, Toxic};

/// What a stage holds at most before it takes no more, give or take one item. At a latency of 100 ms it lets 10 MiB a second
/// pass.
pub(super) const STAGE_BYTES_MAX: usize = 1024 * 1024;

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    Item(Item),
    /// Nothing before then, unless something comes in.
    Wait(Instant),
    /// Nothing, unless something comes in.
    Nothing,
}

/// What a kind of toxic does.
trait Machine: Send + Sync {
    /// The effect has changed; what is held obeys the new one as far as it can.
    fn update(&mut self, effect: Effect);

    fn take(&mut self, item: Item, now: Instant);

    fn next(&mut self, now: Instant) -> Output;

    fn held(&mut self) -> &mut Queue;

    /// The toxic goes: what becomes of the connection apart from what is held, which passes.
    fn close_item(&self) -> Option<Item> {
        None
    }
}

/// See the module.
pub(super) struct Stage {
    id: u64,
    toxic: Toxic,
    machine: Box<dyn Machine>,
}

impl Stage {
    /// `toxic` as it begins to work on a connection.
    pub(super) fn new(placed: Placed, chance: &ToxicityDraw, now: Instant) -> Self {
        let Placed { id, toxic } = placed;
        let machine: Box<dyn Machine> = match toxic.effect {
            Effect::Latency { latency, jitter } => {
                Box::new(pacing::Latency::new(latency, jitter, chance.generator(&toxic)))
            }
            Effect::Bandwidth { kilobytes_per_second } => {
                Box::new(pacing::Bandwidth::new(kilobytes_per_second))
            }
            Effect::Slicer { average_bytes, variation_bytes, delay } => {
                let size = pacing::Size { average_bytes, variation_bytes };
                Box::new(pacing::Slicer::new(size, delay, chance.generator(&toxic)))
            }
            Effect::SlowClose { delay } => Box::new(ending::SlowClose::new(delay)),
            Effect::Timeout { timeout } => Box::new(ending::Timeout::new(timeout, now)),
            Effect::ResetPeer { timeout } => Box::new(ending::ResetPeer::new(timeout)),
            Effect::LimitData { bytes } => Box::new(ending::LimitData::new(bytes)),
        };
        Self { id, toxic, machine }
    }

    /// That of its toxic.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The toxic has changed.
    pub(super) fn update(&mut self, toxic: &Toxic) {
        if self.toxic.effect != toxic.effect {
            self.machine.update(toxic.effect);
        }
        self.toxic = toxic.clone();
    }

    /// Whether it takes more.
    pub(super) fn has_room(&mut self) -> bool {
        self.cost() < STAGE_BYTES_MAX
    }

    /// What it holds, in bytes of memory, about.
    pub(super) fn cost(&mut self) -> usize {
        self.machine.held().cost()
    }

    pub(super) fn take(&mut self, item: Item, now: Instant) {
        self.machine.take(item, now);
    }

    pub(super) fn next(&mut self, now: Instant) -> Output {
        self.machine.next(now)
    }

    /// The toxic is gone: what is still to pass, at once.
    pub(super) fn dissolve(mut self) -> Vec<Item> {
        let mut rest = Vec::new();
        while let Some(item) = self.machine.held().pop() {
            rest.push(item);
        }
        rest.extend(self.machine.close_item());
        rest
    }
}
