//! The toxics of one direction of one connection, one behind the other in the order in which they were added.
//!
//! A state machine without I/O: what was received goes in, what is to be sent comes out. Toxics may come, change and go
//! while it runs, and no byte is lost, doubled or overtaken by that, unless a toxic had swallowed it already: then the
//! connection ends.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::active_toxic::{ActiveToxic, Output};
use super::stream_event::StreamEvent;
use super::toxic::{Direction, InstalledToxic};
use super::toxicity_draw::ToxicityDraw;

/// See the module.
pub(super) struct ToxicChain {
    direction: Direction,
    chance: ToxicityDraw,
    stages: Vec<ActiveToxic>,
    /// What has passed every stage.
    passed: VecDeque<StreamEvent>,
    /// A toxic, or the sender, has ended the connection: nothing that came later is worth anything.
    is_over: bool,
}

impl ToxicChain {
    pub(super) fn new(
        direction: Direction,
        chance: ToxicityDraw,
        toxics: &[InstalledToxic],
        now: Instant,
    ) -> Self {
        let mut chain =
            Self { direction, chance, stages: Vec::new(), passed: VecDeque::new(), is_over: false };
        chain.apply(toxics, now);
        chain
    }

    /// From now on these are the toxics of the proxy. What a toxic holds that is gone, or does not hit this connection any
    /// more, passes on at once.
    pub(super) fn apply(&mut self, toxics: &[InstalledToxic], now: Instant) {
        if self.is_over {
            return;
        }
        let toxics: Vec<&InstalledToxic> = toxics
            .iter()
            .filter(|placed| placed.toxic.direction == self.direction && self.chance.hits(&placed.toxic))
            .collect();
        let mut stages = Vec::with_capacity(toxics.len());
        let mut released: Vec<StreamEvent> = Vec::new();
        for mut stage in std::mem::take(&mut self.stages) {
            let Some(placed) = toxics.iter().find(|placed| placed.id == stage.id()) else {
                // What the stages before it have released is younger than what it holds.
                let younger = std::mem::replace(&mut released, stage.dissolve());
                released.extend(younger);
                continue;
            };
            for item in released.drain(..) {
                stage.take(item, now);
            }
            stage.update(&placed.toxic);
            stages.push(stage);
        }
        self.passed.extend(released);
        // Toxics are never reordered: what is left stands in their order, with gaps.
        for (at, placed) in toxics.into_iter().enumerate() {
            if stages.get(at).is_none_or(|stage: &ActiveToxic| stage.id() != placed.id) {
                stages.insert(at, ActiveToxic::new(placed.clone(), &self.chance, now));
            }
        }
        self.stages = stages;
    }

    /// Whether it takes more.
    pub(super) fn has_room(&mut self) -> bool {
        match self.stages.first_mut() {
            Some(first) => first.has_room(),
            None => self.passed.is_empty(),
        }
    }

    /// What it holds, in bytes of memory, about.
    pub(super) fn cost(&mut self) -> usize {
        let staged: usize = self.stages.iter_mut().map(ActiveToxic::cost).sum();
        staged + self.passed.iter().map(StreamEvent::cost).sum::<usize>()
    }

    pub(super) fn take(&mut self, item: StreamEvent, now: Instant) {
        if self.is_over {
            return;
        }
        match self.stages.first_mut() {
            Some(first) => first.take(item, now),
            None => self.passed.push_back(item),
        }
    }

    /// The next of what is to be sent. After a close or a reset there is none.
    pub(super) fn next(&mut self, now: Instant) -> Output {
        loop {
            if let Some(item) = self.passed.pop_front() {
                if matches!(item, StreamEvent::Close(_) | StreamEvent::Reset(_)) {
                    self.passed.clear();
                    self.stages.clear();
                    self.is_over = true;
                }
                return Output::StreamEvent(item);
            }
            let mut due: Option<Instant> = None;
            let mut has_moved = false;
            for at in 0..self.stages.len() {
                while self.has_room_behind(at) {
                    match self.stages[at].next(now) {
                        Output::StreamEvent(item) => {
                            has_moved = true;
                            match self.stages.get_mut(at + 1) {
                                Some(behind) => behind.take(item, now),
                                None => self.passed.push_back(item),
                            }
                        }
                        Output::Wait(until) => {
                            due = Some(due.map_or(until, |due| due.min(until)));
                            break;
                        }
                        Output::Nothing => break,
                    }
                }
            }
            if !has_moved {
                return due.map_or(Output::Nothing, Output::Wait);
            }
        }
    }

    /// One item at a time leaves the last stage, so that what waits to be sent waits where it can still be changed.
    fn has_room_behind(&mut self, at: usize) -> bool {
        match self.stages.get_mut(at + 1) {
            Some(behind) => behind.has_room(),
            None => self.passed.is_empty(),
        }
    }
}
