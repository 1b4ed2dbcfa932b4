//! What all connections of a set of proxies hold together. A toxic that delays has to keep what it delays; a thousand
//! clients of a slow proxy must not fill the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the connections hold together at most, give or take one piece each.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a direction may hold when nothing is left for it: it goes on, slowly.
const DIRECTION_BYTES_MIN: usize = 32 * 1024;

/// The account of a set of proxies.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryBudget(Arc<AtomicUsize>);

/// The part of one direction.
#[derive(Debug)]
pub(super) struct HeldBytes {
    memory: MemoryBudget,
    held: usize,
}

impl MemoryBudget {
    pub(super) fn reserve(&self) -> HeldBytes {
        HeldBytes { memory: self.clone(), held: 0 }
    }
}

impl HeldBytes {
    /// The direction now holds so much.
    pub(super) fn set(&mut self, held: usize) {
        if held > self.held {
            self.memory.0.fetch_add(held - self.held, Ordering::Relaxed);
        } else {
            self.memory.0.fetch_sub(self.held - held, Ordering::Relaxed);
        }
        self.held = held;
    }

    /// Whether the direction may take more. Where it may not, it holds something whose time will come.
    pub(super) fn has_room(&self) -> bool {
        self.held < DIRECTION_BYTES_MIN || self.memory.0.load(Ordering::Relaxed) < HELD_BYTES_MAX
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_may_go_on_when_the_others_have_everything() {
        let memory = MemoryBudget::default();
        let (mut greedy, mut modest) = (memory.reserve(), memory.reserve());
        assert!(greedy.has_room());
        greedy.set(HELD_BYTES_MAX);
        assert!(!greedy.has_room() && modest.has_room());
        modest.set(DIRECTION_BYTES_MIN);
        assert!(!modest.has_room());
        drop(greedy);
        assert!(modest.has_room());
    }
}
