//! The toxics of one direction of one connection, in the order in which they were added.
//!
//! A state machine without I/O: received events go in, events to send come out. Toxics may be added, changed and removed
//! while it runs. That loses, duplicates or reorders no byte, unless a toxic had discarded it already: then the connection
//! ends.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::active_toxic::{ActiveToxic, Output};
use super::stream_event::StreamEvent;
use super::toxic::{Direction, InstalledToxic};
use super::toxicity_draw::ToxicityDraw;

/// A chain of active toxics.
pub(super) struct ToxicChain {
    direction: Direction,
    draw: ToxicityDraw,
    active: Vec<ActiveToxic>,
    /// Events that have passed all toxics.
    passed: VecDeque<StreamEvent>,
    /// A toxic, or the sender, has ended the connection: later events are ignored.
    is_over: bool,
}

impl ToxicChain {
    pub(super) fn new(
        direction: Direction,
        draw: ToxicityDraw,
        toxics: &[InstalledToxic],
        now: Instant,
    ) -> Self {
        let mut chain = Self { direction, draw, active: Vec::new(), passed: VecDeque::new(), is_over: false };
        chain.apply(toxics, now);
        chain
    }

    /// Replaces the toxics of the proxy. Events that are held by a toxic that is gone, or no longer affects this connection,
    /// pass on at once.
    pub(super) fn apply(&mut self, toxics: &[InstalledToxic], now: Instant) {
        if self.is_over {
            return;
        }
        let toxics: Vec<&InstalledToxic> = toxics
            .iter()
            .filter(|placed| placed.toxic.direction == self.direction && self.draw.affects(&placed.toxic))
            .collect();
        let mut active = Vec::with_capacity(toxics.len());
        let mut released: Vec<StreamEvent> = Vec::new();
        for mut toxic in std::mem::take(&mut self.active) {
            let Some(placed) = toxics.iter().find(|placed| placed.id == toxic.id()) else {
                // Events released by the toxics before it came after those that it holds.
                let later = std::mem::replace(&mut released, toxic.dissolve());
                released.extend(later);
                continue;
            };
            for event in released.drain(..) {
                toxic.take(event, now);
            }
            toxic.update(&placed.toxic);
            active.push(toxic);
        }
        self.passed.extend(released);
        // Toxics are never reordered, so those that stay are in order, with gaps between them.
        for (at, placed) in toxics.into_iter().enumerate() {
            if active.get(at).is_none_or(|toxic: &ActiveToxic| toxic.id() != placed.id) {
                active.insert(at, ActiveToxic::new(placed.clone(), &self.draw, now));
            }
        }
        self.active = active;
    }

    /// Whether it accepts more events.
    pub(super) fn has_room(&mut self) -> bool {
        match self.active.first_mut() {
            Some(first) => first.has_room(),
            None => self.passed.is_empty(),
        }
    }

    /// The approximate memory of the held events, in bytes.
    pub(super) fn cost(&mut self) -> usize {
        let staged: usize = self.active.iter_mut().map(ActiveToxic::cost).sum();
        staged + self.passed.iter().map(StreamEvent::cost).sum::<usize>()
    }

    pub(super) fn take(&mut self, event: StreamEvent, now: Instant) {
        if self.is_over {
            return;
        }
        match self.active.first_mut() {
            Some(first) => first.take(event, now),
            None => self.passed.push_back(event),
        }
    }

    /// The next event to send. There is none after a close or a reset.
    pub(super) fn next(&mut self, now: Instant) -> Output {
        loop {
            if let Some(event) = self.passed.pop_front() {
                if matches!(event, StreamEvent::Close(_) | StreamEvent::Reset(_)) {
                    self.passed.clear();
                    self.active.clear();
                    self.is_over = true;
                }
                return Output::StreamEvent(event);
            }
            let mut due: Option<Instant> = None;
            let mut has_moved = false;
            for at in 0..self.active.len() {
                while self.has_room_behind(at) {
                    match self.active[at].next(now) {
                        Output::StreamEvent(event) => {
                            has_moved = true;
                            match self.active.get_mut(at + 1) {
                                Some(behind) => behind.take(event, now),
                                None => self.passed.push_back(event),
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

    /// Only one event at a time leaves the last toxic, so that events wait where a changed toxic still affects them.
    fn has_room_behind(&mut self, at: usize) -> bool {
        match self.active.get_mut(at + 1) {
            Some(behind) => behind.has_room(),
            None => self.passed.is_empty(),
        }
    }
}
