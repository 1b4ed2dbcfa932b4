//! A toxic that affects one direction of one connection: a state machine that stream events go into and come out of, later,
//! in other pieces, or not at all. It does no I/O: `now` is an argument, and randomness is a generator that is passed in.

mod ending;
mod pacing;

use tokio::time::Instant;

use super::effect::Effect;
use super::stream_event::{EventQueue, StreamEvent};
use super::toxic::{InstalledToxic, Toxic};
use super::toxicity_draw::ToxicityDraw;

/// The most that a toxic holds before it accepts no more, within one event. With a latency of 100 ms, 10 MiB/s pass.
pub(super) const TOXIC_BYTES_MAX: usize = 1024 * 1024;

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    StreamEvent(StreamEvent),
    /// Nothing before this instant, unless an event comes in.
    Wait(Instant),
    /// Nothing, unless an event comes in.
    Nothing,
}

/// The behavior of a kind of toxic.
trait ToxicBehavior: Send + Sync {
    /// Changes the effect, also for held events as far as possible.
    fn update(&mut self, effect: Effect);

    fn take(&mut self, event: StreamEvent, now: Instant);

    fn next(&mut self, now: Instant) -> Output;

    fn held(&mut self) -> &mut EventQueue;

    /// The event that follows the held ones when the toxic is removed, if the connection has to end then.
    fn close_item(&self) -> Option<StreamEvent> {
        None
    }
}

/// A toxic and its state on one connection.
pub(super) struct ActiveToxic {
    id: u64,
    toxic: Toxic,
    behavior: Box<dyn ToxicBehavior>,
}

impl ActiveToxic {
    /// `toxic`, at the instant at which it begins to affect the connection.
    pub(super) fn new(placed: InstalledToxic, draw: &ToxicityDraw, now: Instant) -> Self {
        let InstalledToxic { id, toxic } = placed;
        let behavior: Box<dyn ToxicBehavior> = match toxic.effect {
            Effect::Latency { latency, jitter } => {
                Box::new(pacing::Latency::new(latency, jitter, draw.generator(&toxic)))
            }
            Effect::Bandwidth { kilobytes_per_second } => {
                Box::new(pacing::Bandwidth::new(kilobytes_per_second))
            }
            Effect::Slicer { average_bytes, variation_bytes, delay } => {
                let size = pacing::Size { average_bytes, variation_bytes };
                Box::new(pacing::Slicer::new(size, delay, draw.generator(&toxic)))
            }
            Effect::SlowClose { delay } => Box::new(ending::SlowClose::new(delay)),
            Effect::Timeout { timeout } => Box::new(ending::Timeout::new(timeout, now)),
            Effect::ResetPeer { timeout } => Box::new(ending::ResetPeer::new(timeout)),
            Effect::LimitData { bytes } => Box::new(ending::LimitData::new(bytes)),
        };
        Self { id, toxic, behavior }
    }

    /// The identity of the toxic.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Applies a changed toxic.
    pub(super) fn update(&mut self, toxic: &Toxic) {
        if self.toxic.effect != toxic.effect {
            self.behavior.update(toxic.effect);
        }
        self.toxic = toxic.clone();
    }

    /// Whether it accepts more events.
    pub(super) fn has_room(&mut self) -> bool {
        self.cost() < TOXIC_BYTES_MAX
    }

    /// The approximate memory of the held events, in bytes.
    pub(super) fn cost(&mut self) -> usize {
        self.behavior.held().cost()
    }

    pub(super) fn take(&mut self, event: StreamEvent, now: Instant) {
        self.behavior.take(event, now);
    }

    pub(super) fn next(&mut self, now: Instant) -> Output {
        self.behavior.next(now)
    }

    /// Removes the toxic. The result are the events that pass on at once.
    pub(super) fn dissolve(mut self) -> Vec<StreamEvent> {
        let mut rest = Vec::new();
        while let Some(event) = self.behavior.held().pop() {
            rest.push(event);
        }
        rest.extend(self.behavior.close_item());
        rest
    }
}
