//! The events of one direction of a connection, and the queue in which they wait.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::effect::ToxicKind;

/// The approximate memory of an event beside its bytes, so that a peer that sends single bytes uses no more memory than
/// another.
pub(super) const EVENT_BYTES: usize = 64;

/// A piece of the stream, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StreamEvent {
    /// Never empty.
    Bytes(Bytes),
    /// The sender has ended its direction; the other one may go on.
    End,
    /// A toxic ends the connection in order, in both directions.
    Close(ToxicKind),
    /// The connection is reset, by a toxic or, with `None`, by the sender.
    Reset(Option<ToxicKind>),
}

impl StreamEvent {
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Bytes(bytes) => EVENT_BYTES + bytes.len(),
            Self::End | Self::Close(_) | Self::Reset(_) => EVENT_BYTES,
        }
    }
}

/// Events in order, each with an instant: when it came, or when it goes.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: VecDeque<(Instant, StreamEvent)>,
    cost: usize,
}

impl EventQueue {
    pub(super) fn push(&mut self, at: Instant, event: StreamEvent) {
        self.cost += event.cost();
        self.events.push_back((at, event));
    }

    pub(super) fn front(&self) -> Option<(Instant, &StreamEvent)> {
        self.events.front().map(|(at, event)| (*at, event))
    }

    pub(super) fn pop(&mut self) -> Option<StreamEvent> {
        let (_, event) = self.events.pop_front()?;
        self.cost -= event.cost();
        Some(event)
    }

    /// The first event, or its first `bytes_max` bytes if it has more.
    pub(super) fn pop_at_most(&mut self, bytes_max: usize) -> Option<StreamEvent> {
        match self.events.front_mut() {
            Some((_, StreamEvent::Bytes(bytes))) if bytes.len() > bytes_max => {
                self.cost -= bytes_max;
                Some(StreamEvent::Bytes(bytes.split_to(bytes_max)))
            }
            _ => self.pop(),
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.cost
    }
}
