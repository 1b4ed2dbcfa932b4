//! A toxic at work on one direction of one connection: a state machine that items go into and come out of, later, or in
//! other pieces, or not at all. Without I/O: `now` is an argument, and chance is a generator that is passed in.

mod ending;
mod pacing;

use tokio::time::Instant;

use super::effect::Effect;
use super::stream_event::{EventQueue, StreamEvent};
use super::toxic::{InstalledToxic, Toxic};
use super::toxicity_draw::ToxicityDraw;

/// What a stage holds at most before it takes no more, give or take one item. At a latency of 100 ms it lets 10 MiB a second
/// pass.
pub(super) const TOXIC_BYTES_MAX: usize = 1024 * 1024;

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    StreamEvent(StreamEvent),
    /// Nothing before then, unless something comes in.
    Wait(Instant),
    /// Nothing, unless something comes in.
    Nothing,
}

/// What a kind of toxic does.
trait ToxicBehavior: Send + Sync {
    /// The effect has changed; what is held obeys the new one as far as it can.
    fn update(&mut self, effect: Effect);

    fn take(&mut self, item: StreamEvent, now: Instant);

    fn next(&mut self, now: Instant) -> Output;

    fn held(&mut self) -> &mut EventQueue;

    /// The toxic goes: what becomes of the connection apart from what is held, which passes.
    fn close_item(&self) -> Option<StreamEvent> {
        None
    }
}

/// See the module.
pub(super) struct ActiveToxic {
    id: u64,
    toxic: Toxic,
    machine: Box<dyn ToxicBehavior>,
}

impl ActiveToxic {
    /// `toxic` as it begins to work on a connection.
    pub(super) fn new(placed: InstalledToxic, chance: &ToxicityDraw, now: Instant) -> Self {
        let InstalledToxic { id, toxic } = placed;
        let machine: Box<dyn ToxicBehavior> = match toxic.effect {
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
        self.cost() < TOXIC_BYTES_MAX
    }

    /// What it holds, in bytes of memory, about.
    pub(super) fn cost(&mut self) -> usize {
        self.machine.held().cost()
    }

    pub(super) fn take(&mut self, item: StreamEvent, now: Instant) {
        self.machine.take(item, now);
    }

    pub(super) fn next(&mut self, now: Instant) -> Output {
        self.machine.next(now)
    }

    /// The toxic is gone: what is still to pass, at once.
    pub(super) fn dissolve(mut self) -> Vec<StreamEvent> {
        let mut rest = Vec::new();
        while let Some(item) = self.machine.held().pop() {
            rest.push(item);
        }
        rest.extend(self.machine.close_item());
        rest
    }
}
