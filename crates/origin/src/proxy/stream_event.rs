//! What travels along one direction of a connection, and the queue in which it waits.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::effect::ToxicKind;

/// What an item in a queue costs beside its bytes, about: a peer that sends single bytes fills no more memory than others.
pub(super) const EVENT_BYTES: usize = 64;

/// A piece of the stream, or how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StreamEvent {
    /// Never empty.
    Bytes(Bytes),
    /// The sender has ended its direction; the other one may go on.
    End,
    /// The toxic ends the connection in order, in both directions.
    Close(ToxicKind),
    /// The connection is reset: by a toxic, or, without one, as its sender has done.
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

/// Items in order, each with an instant: when it came, or when it is to go.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    items: VecDeque<(Instant, StreamEvent)>,
    cost: usize,
}

impl EventQueue {
    pub(super) fn push(&mut self, at: Instant, item: StreamEvent) {
        self.cost += item.cost();
        self.items.push_back((at, item));
    }

    pub(super) fn front(&self) -> Option<(Instant, &StreamEvent)> {
        self.items.front().map(|(at, item)| (*at, item))
    }

    pub(super) fn pop(&mut self) -> Option<StreamEvent> {
        let (_, item) = self.items.pop_front()?;
        self.cost -= item.cost();
        Some(item)
    }

    /// The first item, or so many bytes of it if it has more.
    pub(super) fn pop_at_most(&mut self, bytes_max: usize) -> Option<StreamEvent> {
        match self.items.front_mut() {
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
